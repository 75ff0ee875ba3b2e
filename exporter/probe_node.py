"""One node as the prober sees it: a non-blocking socket, the probes under way, and how each ended."""

from __future__ import annotations

import errno
import itertools
import select
import socket
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from exporter.failures import from_exception
from exporter.ping import MAX_LINE, PING, auth_command, result_of

_numbers = itertools.count(1)


@dataclass(slots=True)
class Event:
    """`result` names how a health check ended, "" for none; `seconds` is a duration to observe, None for none."""

    instance: str
    result: str
    seconds: float | None


@dataclass(slots=True)
class _Under:
    """A probe under way: when it was sent, and whether its check was already counted as timed out."""

    sent: float
    timed_out: bool = False


@dataclass(slots=True)
class ProbeNode:
    """State of one node. Times are time.perf_counter() seconds."""

    instance: str
    address: tuple[str, int] | None
    auth: bytes = field(repr=False)
    due: float = 0.0
    events: list[Event] = field(default_factory=list)
    watched: tuple[int, int] = (0, 0)
    watched_fd: int = -1
    _socket: socket.socket | None = None
    _number: int = 0  # of the socket: a descriptor may come back for another one
    _state: str = "closed"  # closed, connecting, login, ready
    _buffer: bytes = b""
    _unsent: bytes = b""
    _under_way: deque[_Under] = field(default_factory=deque)
    _unsent_probes: int = 0

    @classmethod
    def from_order(cls, target: dict[str, Any]) -> ProbeNode:
        """The node that an order of the exporter describes."""
        return cls(target["instance"], _address(target), _auth(target))

    def same(self, target: dict[str, Any] | None) -> bool:
        """Whether an order describes this very node."""
        return target is not None and (self.address, self.auth) == (_address(target), _auth(target))

    def probe(self, now: float) -> None:
        """Send one PING, whatever is outstanding; on a closed connection open it first."""
        self._under_way.append(_Under(now))
        if self._state == "closed":
            self._open()
        elif self._state == "ready":
            self._send(PING)
        else:
            self._unsent_probes += 1

    def ready(self, mask: int, now: float) -> None:
        """Go on after epoll said that the socket can be read or written."""
        try:
            if self._state == "connecting":
                self._connected()
            elif mask & select.EPOLLOUT:
                self._send(b"")
            if mask & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR) and self._state in ("login", "ready"):
                self._read(now)
        except OSError as error:
            self._fail(from_exception(error).result)

    def count_late(self, sent: float) -> None:
        """Count the checks sent at or before a time as timed out."""
        for probe in self._under_way:
            if probe.sent > sent:
                break
            if not probe.timed_out:
                probe.timed_out = True
                self.events.append(Event(self.instance, "timeout", None))

    def abandon(self, sent: float, now: float) -> None:
        """Drop a connection that never answered the probe sent at a time.

        What timed out counts with the time it waited; what has time left is sent again on a new connection.
        """
        if not self._under_way or self._under_way[0].sent > sent:
            return
        while self._under_way and self._under_way[0].timed_out:
            self._end(self._under_way[0], "timeout", now - self._under_way.popleft().sent)
        self.close()
        if self._under_way:
            self._open()

    def interest(self) -> tuple[int, int, int]:
        """The descriptor to watch, -1 for none, for what, and the number of its socket."""
        if self._socket is None:
            return -1, 0, 0
        writing = self._state == "connecting" or bool(self._unsent)
        return self._socket.fileno(), select.EPOLLIN | (select.EPOLLOUT if writing else 0), self._number

    def close(self) -> None:
        """Drop the connection."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._state, self._buffer, self._unsent, self._unsent_probes = None, "closed", b"", b"", 0

    def forget(self) -> None:
        """The node is no longer watched: nothing under way counts or is sent again."""
        self._under_way.clear()
        self.close()

    def _open(self) -> None:
        self._unsent_probes = len(self._under_way)
        if self.address is None:
            self._fail("refused")  # the exporter could not resolve the name
            return
        try:
            family = socket.AF_INET6 if ":" in self.address[0] else socket.AF_INET
            self._socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._state, self._number = "connecting", next(_numbers)
            code = self._socket.connect_ex(self.address)
        except OSError as error:
            self._fail(from_exception(error).result)
            return
        if code not in (0, errno.EINPROGRESS):
            self._fail("refused")

    def _connected(self) -> None:
        assert self._socket is not None  # noqa: S101  # only called for a socket that epoll watches
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._fail("reset" if code == errno.ECONNRESET else "refused")
        elif self.auth:
            self._state = "login"
            self._send(self.auth)
        else:
            self._become_ready()

    def _become_ready(self) -> None:
        self._state = "ready"
        waiting, self._unsent_probes = self._unsent_probes, 0
        self._send(PING * waiting)

    def _send(self, data: bytes) -> None:
        assert self._socket is not None  # noqa: S101  # only called while connected
        self._unsent += data
        if not self._unsent:
            return
        try:
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except BlockingIOError:
            return  # the rest goes when epoll says so
        except OSError as error:  # also what the network said of an earlier packet, as "no route to host"
            self._fail(from_exception(error).result)

    def _read(self, now: float) -> None:
        assert self._socket is not None  # noqa: S101  # only called while connected
        try:
            chunk = self._socket.recv(65536)
        except BlockingIOError:
            return
        if not chunk:
            self._fail("reset")
            return
        self._buffer += chunk
        while self._state != "closed" and (end := self._buffer.find(b"\r\n")) >= 0:
            line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
            self._reply(line, now)
        if len(self._buffer) > MAX_LINE:
            self._fail("protocol")

    def _reply(self, line: bytes, now: float) -> None:
        if self._state == "login":
            result = result_of(line, b"+OK")
            if result == "success":
                self._become_ready()
            else:
                self._fail(result)
            return
        result = result_of(line, b"+PONG")
        if result == "protocol" or not self._under_way:
            self._fail("protocol")
            return
        probe = self._under_way.popleft()
        # Only a PONG is a latency: an error reply comes fast and would make a failing node look quick.
        self._end(probe, result, now - probe.sent if result == "success" or probe.timed_out else None)
        if result in ("auth", "refused"):
            self._fail(result)

    def _fail(self, result: str) -> None:
        """Every probe under way ends like this, and the connection with it."""
        while self._under_way:
            self._end(self._under_way.popleft(), result, None)
        self.close()

    def _end(self, probe: _Under, result: str, seconds: float | None) -> None:
        if not probe.timed_out or seconds is not None:
            self.events.append(Event(self.instance, "" if probe.timed_out else result, seconds))


def _auth(target: dict[str, Any]) -> bytes:
    return auth_command(tuple(target["auth"])) if target["auth"] else b""


def _address(target: dict[str, Any]) -> tuple[str, int] | None:
    return (target["host"], target["port"]) if target["host"] else None
