"""One node as the prober sees it: a non-blocking socket, the probes under way, and how each ended."""

from __future__ import annotations

import errno
import itertools
import select
import socket
import ssl
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from exporter.access import OPEN, Access
from exporter.failures import NodeError, from_exception
from exporter.ping import MAX_LINE, PING, command, result_of, result_of_set, set_words
from exporter.probe_socket import receive, socket_to

_numbers = itertools.count(1)
_LATER = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
# What a SET may end in that says nothing against the node.
_NO_FAULT = ("success", "denied", "moved")


@dataclass(slots=True)
class Event:
    """`seconds` is a duration to observe, None for none. `result` of a "ping" names how a health check ended, "" for none.

    `result` of a "set" is that of the command alone: a class of the health checks, or `denied` or `moved`.
    """

    instance: str
    result: str
    seconds: float | None
    op: str = "ping"

    @property
    def urgent(self) -> bool:
        """Whether the exporter should look at once: a primary that became a replica is to be left alone."""
        return self.op == "set" and self.result == "readonly"


@dataclass(slots=True)
class _Under:
    """A probe under way: when it was due, whether its check was already counted as timed out, and when its latency began.

    A probe that had to wait for a handshake of TLS is late, but its latency begins when the PING leaves.
    """

    sent: float
    op: str = "ping"
    timed_out: bool = False
    left: float | None = None

    def latency(self, now: float) -> float:
        """Seconds from its send to its reply."""
        return now - (self.sent if self.left is None else self.left)


@dataclass(slots=True)
class ProbeNode:
    """State of one node. Times are time.perf_counter() seconds; an address whose host is a path is a Unix socket.

    `key` is the key that it is asked to take, "" where nothing is written. A PING is a health check; it fails with the
    SET before it, when that one did. `awaited` good checks are still news: the first one, and
    those that make a node up again.
    """

    instance: str
    address: tuple[str, int] | None
    access: Access = OPEN
    key: str = ""
    due: float = 0.0
    awaited: int = 1
    halfway: bool = False  # from one PING to the next: a SET is due
    events: list[Event] = field(default_factory=list)
    watched: tuple[int, int] = (0, 0)
    watched_fd: int = -1
    _socket: socket.socket | None = None
    _number: int = 0  # of the socket: a descriptor may come back for another one
    _state: str = "closed"  # closed, connecting, handshake, login, ready
    _wants_write: bool = False  # the handshake does
    _answered: bool = False
    _spoke_tls: bool = False  # ever; not only on this connection
    _buffer: bytes = b""
    _unsent: bytes = b""
    _under_way: deque[_Under] = field(default_factory=deque)
    _unsent_probes: int = 0
    _trouble: str = ""  # how the last SET failed

    @classmethod
    def from_order(cls, target: dict[str, Any]) -> ProbeNode:
        """The node that an order of the exporter describes."""
        return cls(target["instance"], _address(target), Access.from_order(target["access"]), target["key"])

    def same(self, target: dict[str, Any] | None) -> bool:
        """Whether an order describes this very node."""
        return target is not None and (self.address, self.access) == (
            _address(target),
            Access.from_order(target["access"]),
        )

    def write_to(self, key: str) -> None:
        """Write to another key from now on, or to none; what was said of the one before no longer counts."""
        if key != self.key:
            self.key, self._trouble = key, ""

    def take_turn(self, now: float) -> bool:
        """Send a PING, or halfway to the next one a SET where one is wanted. Whether anything is under way now."""
        if self.halfway:
            self.halfway = False
            return self._write(now)
        self._probe(now)
        self.halfway = bool(self.key)
        return True

    def _write(self, now: float) -> bool:
        """Send one SET, whatever is outstanding. Without a connection there is nothing to learn: its PING will tell."""
        if not self.key or self._state != "ready":
            return False
        self._under_way.append(_Under(now, "set"))
        self._send(command(set_words(self.key)))
        return True

    def _probe(self, now: float) -> None:
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
            elif self._state == "handshake":
                self._shake_hands()
            elif mask & select.EPOLLOUT:
                self._send(b"")
            if mask & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR) and self._state in ("login", "ready"):
                self._read(now)
        except (OSError, NodeError) as error:
            self._broke(error)

    def count_late(self, sent: float) -> None:
        """Count the checks sent at or before a time as timed out."""
        for probe in self._under_way:
            if probe.sent > sent:
                break
            if not probe.timed_out:
                probe.timed_out = True
                if probe.op == "ping":
                    self.events.append(Event(self.instance, "tls" if self._mute else "timeout", None))

    def abandon(self, sent: float, now: float) -> None:
        """Drop a connection that never answered the probe sent at a time.

        What timed out counts with the time it waited; a PING that has time left is sent again on a new connection.
        """
        if not self._under_way or self._under_way[0].sent > sent:
            return
        if self._mute:
            self._fail("tls")
            return
        while self._under_way and self._under_way[0].timed_out:
            self._end(self._under_way[0], "timeout", now - self._under_way.popleft().sent)
        self.close()
        self._under_way = deque(probe for probe in self._under_way if probe.op == "ping")
        if self._under_way:
            self._open()

    @property
    def _mute(self) -> bool:
        """Whether a handshake hangs with a server that never ended one: a Redis without TLS waits for more of it, in silence."""
        return self._state == "handshake" and not self._spoke_tls

    def interest(self) -> tuple[int, int, int]:
        """The descriptor to watch, -1 for none, for what, and the number of its socket."""
        if self._socket is None:
            return -1, 0, 0
        writing = self._state == "connecting" or self._wants_write or bool(self._unsent)
        return self._socket.fileno(), select.EPOLLIN | (select.EPOLLOUT if writing else 0), self._number

    def close(self) -> None:
        """Drop the connection."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._state, self._buffer, self._unsent, self._unsent_probes = None, "closed", b"", b"", 0
        self._wants_write = self._answered = False
        self._trouble = ""

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
            self._socket = socket_to(self.address)
            self._state, self._number = "connecting", next(_numbers)
            code = self._socket.connect_ex(self.address[0] if self.address[0].startswith("/") else self.address)
        except OSError as error:
            self._broke(error)
            return
        if code not in (0, errno.EINPROGRESS):
            self._fail("refused")

    def _connected(self) -> None:
        assert self._socket is not None  # noqa: S101  # only called for a socket that epoll watches
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._fail("reset" if code == errno.ECONNRESET else "refused")
            return
        context = self.access.context()
        if context is None or self.access.tls is None:
            self._log_in()
            return
        # The descriptor stays the same, and with it what epoll watches.
        name = self.access.tls.server_name
        try:
            self._socket = context.wrap_socket(self._socket, server_hostname=name, do_handshake_on_connect=False)
        except ValueError as error:  # the host is one that no certificate can be for
            raise NodeError("tls", str(error)) from error
        self._state = "handshake"
        self._shake_hands()

    def _shake_hands(self) -> None:
        assert isinstance(self._socket, ssl.SSLSocket)  # noqa: S101  # wrapped before
        assert self.access.tls is not None  # noqa: S101  # or it would not be wrapped
        self._wants_write = False
        try:
            self._socket.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLWantWriteError:
            self._wants_write = True
            return
        self._spoke_tls = True
        if self.access.tls.trusts(self._socket.getpeercert(binary_form=True)):
            self._log_in()
        else:
            self._fail("tls")

    def _log_in(self) -> None:
        words = self.access.login()
        if words:
            self._state = "login"
            self._send(command(words))
        else:
            self._become_ready()

    def _become_ready(self) -> None:
        self._state = "ready"
        waiting, self._unsent_probes = self._unsent_probes, 0
        if self.access.tls is not None:
            left = time.perf_counter()
            for probe in self._under_way:
                probe.left = left
        self._send(PING * waiting)

    def _send(self, data: bytes) -> None:
        assert self._socket is not None  # noqa: S101  # only called while connected
        self._unsent += data
        if not self._unsent:
            return
        try:
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except _LATER:
            return  # the rest goes when epoll says so
        except OSError as error:  # also what the network said of an earlier packet, as "no route to host"
            self._broke(error)

    def _read(self, now: float) -> None:
        assert self._socket is not None  # noqa: S101  # only called while connected
        try:
            chunk, lain = receive(self._socket, self.access.tls is None)
        except _LATER:
            return
        if not chunk:
            raise ConnectionResetError
        # A step of the wall clock while the bytes lay there must not make a reply come before its request.
        now = min(now, max(time.perf_counter() - max(lain, 0.0), self._under_way[0].sent)) if self._under_way else now
        self._buffer += chunk
        while self._state != "closed" and (end := self._buffer.find(b"\r\n")) >= 0:
            line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
            self._reply(line, now)
        if len(self._buffer) > MAX_LINE:
            self._fail("protocol")

    def _reply(self, line: bytes, now: float) -> None:
        self._answered = True
        if self._state == "login":
            result = result_of(line, b"+OK")
            if result == "success":
                self._become_ready()
            else:
                self._fail(result)
        elif not self._under_way:
            self._fail("protocol")
        elif self._under_way[0].op == "set":
            self._written(line, now)
        else:
            self._checked(line, now)

    def _checked(self, line: bytes, now: float) -> None:
        """A PING was answered."""
        result = result_of(line, b"+PONG")
        if result == "protocol":
            self._fail("protocol")
            return
        probe = self._under_way.popleft()
        # Only a PONG is a latency: an error reply comes fast and would make a failing node look quick.
        took = probe.latency(now) if result == "success" or probe.timed_out else None
        self._end(probe, self._trouble or result if result == "success" else result, took)
        if result in ("auth", "refused"):
            self._fail(result)

    def _written(self, line: bytes, now: float) -> None:
        """A SET was answered; what an error says of the node, the next check says."""
        result = result_of_set(line)
        if result == "protocol" and not line.startswith(b"-"):
            self._fail("protocol")
            return
        probe = self._under_way.popleft()
        self._trouble = "" if result in _NO_FAULT else result
        self.events.append(Event(self.instance, result, probe.latency(now) if result == "success" else None, "set"))

    def _broke(self, error: Exception) -> None:
        """Fail as an exception says; an encrypted connection that ends before its first reply was refused."""
        result = from_exception(error).result
        refused = result == "reset" and isinstance(self._socket, ssl.SSLSocket) and not self._answered
        self._fail("tls" if refused and self._state in ("login", "ready") else result)

    def _fail(self, result: str) -> None:
        """Every probe under way ends like this, and the connection with it."""
        while self._under_way:
            self._end(self._under_way.popleft(), result, None)
        self.close()

    def _end(self, probe: _Under, result: str, seconds: float | None) -> None:
        """A check ended, or a probe that was late: of a SET only the time that it waited counts then."""
        if probe.op == "set" and seconds is None:
            return
        if not probe.timed_out or seconds is not None:
            self.events.append(Event(self.instance, "" if probe.timed_out else result, seconds, probe.op))


def _address(target: dict[str, Any]) -> tuple[str, int] | None:
    return (target["host"], target["port"]) if target["host"] else None
