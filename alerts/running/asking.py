"""The parts' HTTP, the one edge that waits: nobody is asked for longer than five seconds, and no answer fills the memory."""

from __future__ import annotations

import json
import os
import ssl
from typing import Any

import aiohttp

from alerts.running.answers import Unusable
from alerts.whole import whole

PATIENCE = 5.0
"""Seconds for one question, its answer included."""
MOST_BYTES = 32 * 1024**2


class Asker:
    """One part, at its base URL. To be made inside a session of `session()`."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        self.base = base

    async def text(self, path: str, form: dict[str, str] | None = None, *, posted: object = None) -> str:
        """What stands at a path (with its query), as text. Unusable says why there is nothing.

        A `form` is posted, and so is what is to be `posted` as JSON.
        """
        method = "GET" if form is None and posted is None else "POST"
        asked = self._session.request(method, f"{self.base}{path}", data=form, json=posted, allow_redirects=False)
        try:
            async with asked as answer:
                body = await whole(answer, MOST_BYTES)
        except _FAILURES as error:
            raise Unusable(_words(error)) from error
        if body is None:
            raise Unusable(f"answers more than {MOST_BYTES >> 20} MiB")
        _check(answer.status, body)
        return body.decode("utf-8", "replace")

    async def json(self, path: str, form: dict[str, str] | None = None) -> Any:
        """The same, decoded. Unusable when it is no JSON."""
        text = await self.text(path, form)
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            # What was cut off is found before: Content-Length and chunks say how long an answer is.
            raise Unusable("answers no JSON; is something else listening there?") from None


def session() -> aiohttp.ClientSession:
    """A session for asking, to be used as an asynchronous context. What is packed is not unpacked: it could be of any size."""
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=PATIENCE),
        auto_decompress=False,
        headers={"Accept-Encoding": "identity", "User-Agent": "cachewatch"},
        connector=aiohttp.TCPConnector(
            limit=0
        ),  # who waited for a connection would have less than the time of a question
    )


_FAILURES = (aiohttp.ClientError, OSError, ValueError)


def _check(status: int, body: bytes) -> None:
    """Unusable for every status but 200, except where Prometheus says in its own form why it refuses."""
    if status == 200 or (status in (400, 422, 503) and body.startswith(b'{"status":"error"')):
        return
    if status in (401, 403):
        raise Unusable(f"answers {status}: it lets only those in who log in; ask from where the other parts ask it")
    if 300 <= status < 400:
        raise Unusable(f"answers {status}, which leads elsewhere; name the address behind it under `stack`")
    raise Unusable(f"answers {status}; is something else listening there?")


def _words(error: Exception) -> str:
    """A failure in a few words, without the address that stands beside it."""
    if isinstance(error, TimeoutError):
        return f"no answer within {PATIENCE:g} s; does it hang, or does something between drop what is sent?"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLError | aiohttp.ClientConnectorSSLError):
        return f"TLS fails: {_reason(error)}"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect: {_reason(error.os_error)}; does it run there?"
    if isinstance(
        error, aiohttp.ServerDisconnectedError | aiohttp.ClientPayloadError | aiohttp.ClientOSError | ConnectionError
    ):
        return "ends the connection before its answer does"
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.InvalidURL):  # their text has the whole address in it
        return "the answer is no HTTP; is something else listening there?"
    return str(error) or type(error).__name__


def _reason(error: BaseException) -> str:
    """What the system says, without what aiohttp wraps around it."""
    inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    if isinstance(inner, OSError) and inner.errno and inner.errno > 0 and not isinstance(inner, ssl.SSLError):
        return os.strerror(inner.errno)
    return str(getattr(inner, "verify_message", "") or getattr(inner, "strerror", "") or inner) or type(inner).__name__
