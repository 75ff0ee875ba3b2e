"""Something that listens where a Redis should, and is no good: it talks garbage, hangs up, goes silent, or is a slow wire."""

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from sandbox.ports import LOOPBACK, free_port

Talk = Callable[[socket.socket], None]


class Peer:
    """Something that listens where a Redis should. `talk` is what it does with a connection; it may be changed."""

    def __init__(self, talk: Talk, host: str = LOOPBACK, port: int | None = None) -> None:
        self.talk = talk
        self._host, self._port = host, port or free_port()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.accepted = 0

    def __enter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        self._listener = socket.create_server((self._host, self._port), family=family, backlog=512)
        self.port = self._listener.getsockname()[1]
        self.instance = f"[{self._host}]:{self.port}" if ":" in self._host else f"{self._host}:{self.port}"
        self._run(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def hang_up(self) -> None:
        """End every connection there is."""
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _run(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._open.add(connection)
            self._run(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            self.talk(connection)
        self._open.discard(connection)


def requests(connection: socket.socket) -> Iterator[bytes]:
    """What the other side sends, until it ends."""
    while data := connection.recv(65536):
        yield data


def says(reply: bytes) -> Talk:
    """Answer everything with the same bytes."""

    def talk(connection: socket.socket) -> None:
        for _ in requests(connection):
            connection.sendall(reply)

    return talk


def closes_at_once(connection: socket.socket) -> None:
    """Hang up on whoever comes."""


def silent(connection: socket.socket) -> None:
    """Take what comes and say nothing."""
    for _ in requests(connection):
        continue


def half_an_answer(connection: socket.socket) -> None:
    """Begin each answer as Redis would, and never end it."""
    for data in requests(connection):
        connection.sendall(b"+PO" if b"PING" in data else b"$5000\r\n# Server\r\nredis_version:7")
        silent(connection)


def never_ends(connection: socket.socket) -> None:
    """Answer with more bytes than anybody has."""
    for data in requests(connection):
        connection.sendall(b"$99999999\r\n" if b"INFO" in data else b"")
        while True:
            connection.sendall(b"x" * 65536)


def too_many_clients(connection: socket.socket) -> None:
    """What Redis does at `maxclients`: say so before anything was asked, and hang up."""
    connection.sendall(b"-ERR max number of clients reached\r\n")


def passes_on(port: int, delay: Callable[[], float] = float, pause: threading.Event | None = None) -> Talk:
    """Be a wire to a real server on loopback; replies come `delay()` seconds late, and none while `pause` is clear."""

    def talk(connection: socket.socket) -> None:
        with socket.create_connection((LOOPBACK, port)) as server, selectors.DefaultSelector() as ready:
            for one in (connection, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                ready.register(one, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select():
                    if not _pass(connection, server, key.fileobj is server, delay, pause):
                        return

    return talk


def _pass(
    client: socket.socket,
    server: socket.socket,
    reply: bool,
    delay: Callable[[], float],
    pause: threading.Event | None,
) -> bool:
    source, sink = (server, client) if reply else (client, server)
    data = source.recv(65536)
    if reply and data:
        if pause is not None:
            pause.wait(30)
        threading.Event().wait(delay())
    sink.sendall(data)
    return bool(data)
