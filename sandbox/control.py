"""How another terminal reaches a running demo: HTTP on loopback, served from the demo's own loop, one request at a time."""

import hmac
import io
import json
import secrets
import socket
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from sandbox import ports, web
from sandbox.demo_dir import is_taken
from sandbox.errors import SandboxError
from sandbox.files import write_json

FILE = "control.json"
_REQUEST_SECONDS = 2.0
_ANSWER_SECONDS = 90.0
_LONGEST_BODY = 10_000

Command = Callable[[str, str | None], str]
"""(verb "break" or "heal", name or None) -> what was done, in words. `SandboxError` says why not."""


class _Patient(io.RawIOBase):
    """A socket to read from until a deadline, however slowly the bytes come."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self._deadline = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(max(0.001, self._deadline - time.monotonic()))
        return self._connection.recv_into(buffer)


class _Handler(BaseHTTPRequestHandler):
    server: "Control"

    def setup(self) -> None:
        super().setup()
        self.rfile = io.BufferedReader(_Patient(self.connection, _REQUEST_SECONDS))

    def do_POST(self) -> None:
        verb = self.path.strip("/")
        if not hmac.compare_digest(self.headers.get("X-Token", "").encode(), self.server.token.encode()):
            return self._answer(403, {"error": "wrong token"})
        length = self.headers.get("Content-Length", "")
        if verb not in ("break", "heal") or not length.isdigit() or int(length) > _LONGEST_BODY:
            return self._answer(400, {"error": "unknown request"})
        try:
            name = json.loads(self.rfile.read(int(length)))["name"]
            return self._answer(200, {"done": self.server.command(verb, name)})
        except SandboxError as error:
            return self._answer(409, {"error": str(error)})
        except (ValueError, KeyError, TypeError) as error:
            return self._answer(400, {"error": f"unreadable request: {error}"})
        except Exception as fault:  # told, or the other terminal would take the demo for ended
            return self._answer(500, {"error": f"{verb} failed: {type(fault).__name__}: {fault}"})

    def _answer(self, status: int, value: dict[str, str]) -> None:
        content = json.dumps(value).encode()
        self.connection.settimeout(_REQUEST_SECONDS)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class calls it so
        """Say nothing: the terminal belongs to the table."""


class Control(HTTPServer):
    """The server side. Its address and token stand in `DIRECTORY/control.json`, readable by the owner only."""

    def __init__(self, directory: Path, command: Command) -> None:
        super().__init__((ports.LOOPBACK, ports.free_port()), _Handler)
        self.command = command
        self.token = secrets.token_urlsafe(24)
        self._file = directory / FILE
        write_json(self._file, {"url": f"http://{ports.LOOPBACK}:{self.server_port}", "token": self.token}, mode=0o600)

    def serve_for(self, seconds: float) -> None:
        """Answer what comes in within the next `seconds`; a client that dawdles is dropped after two."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.timeout = left
            self.handle_request()

    def handle_error(self, request: object, client_address: object) -> None:
        """Drop a client that hung up or was too slow; what it asked for is unknown or done."""

    def close(self) -> None:
        """Stop listening and take the file away."""
        self.server_close()
        self._file.unlink(missing_ok=True)


def send(directory: Path, verb: str, name: str | None) -> str:
    """Ask the demo of that directory to "break" or "heal" and return what it did. `SandboxError` says why not."""
    silent = f"the demo of {directory} does not answer, it may have ended"
    url, token = _address(directory)
    try:
        answer = web.post_json(f"{url}/{verb}", {"name": name}, {"X-Token": token}, timeout=_ANSWER_SECONDS)
    except web.WebError as error:
        raise SandboxError(error.said or silent) from None
    except ValueError:  # what stands in the file is no address, or no token
        raise SandboxError(silent) from None
    done = answer.get("done") if isinstance(answer, dict) else None
    if not isinstance(done, str):  # somebody else has the port by now
        raise SandboxError(silent)
    return done


def _address(directory: Path) -> tuple[str, str]:
    """Where the demo of that directory listens, and its token. `SandboxError` when no file says so."""
    try:
        where = json.loads((directory / FILE).read_text())
        return str(where["url"]), str(where["token"])
    except (OSError, ValueError, TypeError, KeyError):
        if is_taken(directory):
            raise SandboxError(
                f"the demo in {directory} is still starting, or ending: try again when its table is there"
            ) from None
        raise SandboxError(f"no demo runs in {directory}: start one with `cachewatch demo --dir {directory}`") from None
