"""Who reads the exporter's pages, and who goes in the middle of one."""

from __future__ import annotations

import heapq
import socket
import time
from collections.abc import Callable
from threading import Event
from urllib.parse import urlsplit

from sandbox import web
from sandbox.errors import SandboxError

_GZIP = {"Accept-Encoding": "gzip"}
# Seconds between two readings of each page, as Prometheus, a load balancer and people with the board open do.
_PLAIN = {"/metrics/sli": 2.0, "/health": 2.0, "/api/v1/fleet": 3.0, "/sd": 10.0, "/": 10.0}
_PACKED = {"/metrics": 5.0}
_SCRAPES, _CUT = 0.5, 3.0


class Readers:
    """Of an exporter at `url`, one after the other, each page in its time. `read` is how many came whole."""

    def __init__(self, url: str) -> None:
        self.read = 0
        self._url = url
        self._nodes: list[str] = []

    def until(self, over: Event) -> None:
        """Read until it is over."""
        began = time.monotonic()
        due = [(began, number, every, read) for number, (every, read) in enumerate(self._all())]
        heapq.heapify(due)
        while not over.wait(max(due[0][0] - time.monotonic(), 0.0)):
            at, number, every, read = due[0]
            heapq.heapreplace(due, (max(at + every, time.monotonic()), number, every, read))
            read()

    def _all(self) -> list[tuple[float, Callable[[], None]]]:
        plain = [(every, self._reads(path, {})) for path, every in _PLAIN.items()]
        packed = [(every, self._reads(path, _GZIP)) for path, every in _PACKED.items()]
        return [*plain, *packed, (_SCRAPES, self._scrape), (_CUT, self._cut)]

    def _reads(self, path: str, headers: dict[str, str]) -> Callable[[], None]:
        return lambda: self._get(path, headers)

    def _get(self, path: str, headers: dict[str, str]) -> None:
        """503 of /health, and 403 for a node that has just left, are answers too."""
        try:
            web.request("GET", self._url + path, headers=headers, timeout=30.0)
        except web.WebError as error:
            if not error.status:
                raise
        self.read += 1

    def _scrape(self) -> None:
        """One node after the other, of those that there are."""
        if not self._nodes:
            found = web.get_json(f"{self._url}/sd", timeout=30.0)
            self._nodes = [target for group in found for target in group["targets"]]
        if self._nodes:
            self._get(f"/scrape?target={self._nodes.pop()}", {})

    def _cut(self) -> None:
        """Ask for the largest page, take the first of it and go."""
        address = urlsplit(self._url)
        try:
            with socket.create_connection((address.hostname, address.port), timeout=30.0) as connection:
                connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: cut\r\n\r\n")
                connection.recv(1000)
        except OSError as error:
            raise SandboxError(f"{self._url} does not answer: {error}") from error
