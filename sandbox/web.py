"""JSON over HTTP to servers on loopback, with a deadline."""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from sandbox.errors import SandboxError


class WebError(SandboxError):
    """A server did not answer, or answered with an error: `status` is 0 without an answer, `content` its body."""

    def __init__(self, text: str, status: int = 0, content: bytes = b"") -> None:
        super().__init__(text)
        self.status = status
        self.content = content

    @property
    def said(self) -> str | None:
        """What stands under "error" in the answer, None when there is no such thing."""
        try:
            answer = json.loads(self.content)
        except ValueError:
            return None
        return str(answer["error"]) if isinstance(answer, dict) and "error" in answer else None


def request(
    method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None, timeout: float = 5.0
) -> bytes:
    """Return the body of a 2xx answer. `WebError` for everything else; `timeout` is seconds per socket wait."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    try:
        connection.request(method, f"{parts.path or '/'}?{parts.query}".rstrip("?"), body, headers or {})
        answer = connection.getresponse()
        content = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise WebError(f"{url} does not answer: {type(error).__name__}: {error}") from error
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        said = content[:300].decode(errors="replace")
        raise WebError(f"{url} answered {answer.status}: {said}", answer.status, content)
    return content


def get_json(url: str, timeout: float = 5.0) -> Any:
    """Return the decoded JSON of a GET. `WebError` when there is none."""
    return _decode(url, request("GET", url, timeout=timeout))


def post_json(url: str, value: object, headers: dict[str, str] | None = None, timeout: float = 5.0) -> Any:
    """POST a value as JSON and return the decoded answer. `WebError` when there is none."""
    sent = json.dumps(value).encode()
    return _decode(url, request("POST", url, sent, {"Content-Type": "application/json", **(headers or {})}, timeout))


def answers(url: str, timeout: float = 1.0) -> bool:
    """Whether a GET gets a 2xx answer."""
    try:
        request("GET", url, timeout=timeout)
    except WebError:
        return False
    return True


def _decode(url: str, content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise WebError(f"{url} answered no JSON: {content[:200]!r}") from error
