"""How long a client may hold a connection, and how many there are: who is slow, or many, must not hold up the others.

aiohttp waits for a request as long as for the next one on a kept connection, and for a reader as long as it takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import math
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import cast

from aiohttp import StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware

from policy.fleet import join_address

log = logging.getLogger(__name__)
# What is no HTTP was answered with 400; whoever sends it must not be able to fill the log with it.
log.addFilter(lambda record: not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError)))


class CannotListen(Exception):
    """The address to serve on cannot be had; the text says why and what to do."""


_CURE = "end the program that listens there, or name another address with --listen"


def _why(error: OSError) -> str:
    """In the system's words: asyncio's own repeat the address in a form of theirs, and a name that is unknown has no number."""
    if error.errno is not None and error.errno in errno.errorcode:
        return os.strerror(error.errno).lower()
    return error.strerror or str(error)


class _Seldom(logging.Filter):
    """Lets a message that begins so through once a minute: without descriptors asyncio says it thousands of times a second."""

    def __init__(self, begins: str, every: float = 60.0) -> None:
        super().__init__()
        self._begins, self._every, self._told = begins, every, -math.inf

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged."""
        if not record.getMessage().startswith(self._begins):
            return True
        due = record.created >= self._told + self._every
        self._told = record.created if due else self._told
        return due


logging.getLogger("asyncio").addFilter(_Seldom("socket.accept() out of system resource"))


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds for a request to come in whole, for a reader that takes nothing, and for the next request on a kept connection.

    `most` is the number of connections.
    """

    request: float = 10.0
    reader: float = 20.0
    idle: float = 75.0
    most: int = 256


_FULL = b"All connections are taken by requests under way; try again.\n"
_REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: 1\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(_FULL), _FULL)
)


class Connection(asyncio.Protocol):
    """One connection: passes everything on to aiohttp, and notes since when it has been waiting for the other side.

    `asked` is since when a request has been coming in, `stalled` since when nobody takes what was written, `closing`
    since when it should have been closed: monotonic seconds, None when it is not so. `under_way` and `answered` count
    its requests, `body` is that of the one under way.
    """

    def __init__(self, inner: asyncio.Protocol, guard: Guard) -> None:
        self._inner, self._guard = inner, guard
        self.transport: asyncio.Transport | None = None
        self.since = time.monotonic()
        self.asked: float | None = self.since
        self.stalled: float | None = None
        self.closing: float | None = None
        self.under_way = self.answered = 0
        self.body: StreamReader | None = None

    @property
    def served(self) -> bool:
        """Whether a request is being answered that came in whole, its body too."""
        return self.under_way > 0 and (self.body is None or self.body.is_eof())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or refuse it when there are too many."""
        self.transport = cast(asyncio.Transport, transport)
        if not self._guard.admits(self):
            self._inner = asyncio.Protocol()
            self.transport.write(_REFUSAL)
            self.transport.close()
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Pass it on; a request begins here unless one is under way."""
        if self.asked is None and not self.under_way:
            self.asked = time.monotonic()
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass it on."""
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """Nobody takes what was written."""
        self.stalled = time.monotonic()
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Somebody does again."""
        self.stalled = None
        self._inner.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        """Let go of it."""
        self._guard.lost(self)
        self._inner.connection_lost(error)

    def overdue(self, now: float, patience: Patience) -> bool:
        """Whether the other side had its time."""
        if self.transport is not None and self.transport.is_closing():
            self.closing = self.closing or now
        waits = ((self.asked, patience.request), (self.stalled, patience.reader), (self.closing, patience.reader))
        return any(since is not None and now - since > allowed for since, allowed in waits)


class Guard:
    """All connections of the server."""

    def __init__(self, patience: Patience = Patience()) -> None:
        self.patience = patience
        self._open: dict[asyncio.BaseTransport, Connection] = {}

    @property
    def count(self) -> int:
        """Connections that are open."""
        return len(self._open)

    @property
    def busy(self) -> int:
        """Connections with a request that is being answered."""
        return sum(connection.under_way > 0 for connection in self._open.values())

    def runner(self, app: web.Application, closing: float = 0.5, *, cancels: bool = False) -> web.AppRunner:
        """What runs the application, to be set up before listening and cleaned up after it.

        Requests have `closing` seconds to end at the cleanup, and as long again: the end is promised within two. `cancels`:
        the answer to a client that has gone is cancelled. Bodies are not unpacked: no client of ours sends a packed one.
        """
        return web.AppRunner(
            app,
            access_log=None,
            logger=log,
            shutdown_timeout=closing,
            handler_cancellation=cancels,
            auto_decompress=False,
            keepalive_timeout=self.patience.idle,
            lingering_time=self.patience.request,
        )

    @contextlib.asynccontextmanager
    async def listening(self, runner: web.AppRunner, host: str, port: int) -> AsyncIterator[None]:
        """Listen for a runner that is set up, until the block ends. CannotListen when the address cannot be had."""
        if runner.server is None:
            raise TypeError("the runner was not set up")
        try:
            listener = await asyncio.get_running_loop().create_server(partial(self._new, runner.server), host, port)
        except OSError as error:
            raise CannotListen(f"cannot listen on {join_address(host, port)}: {_why(error)}; {_CURE}") from error
        sweeper = asyncio.create_task(self._sweep(), name="connections")
        try:
            yield
        finally:
            listener.close()
            sweeper.cancel()
            await asyncio.gather(sweeper, return_exceptions=True)

    def _new(self, server: web.Server) -> Connection:
        return Connection(server(), self)

    def admits(self, new: Connection) -> bool:
        """Whether there is room. Who was of no use yet makes it first, whoever has a whole request under way never does."""
        if len(self._open) >= self.patience.most:
            idle = [one for one in self._open.values() if not one.served]
            if not idle:
                return False
            out = min(idle, key=lambda one: (one.answered > 0, one.since))
            self._end(out)
        if new.transport is not None:
            self._open[new.transport] = new
        return True

    def lost(self, connection: Connection) -> None:
        """Forget a connection that ended."""
        if connection.transport is not None:
            self._open.pop(connection.transport, None)

    def _end(self, connection: Connection) -> None:
        self.lost(connection)
        if connection.transport is not None:
            connection.transport.abort()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            now = time.monotonic()
            for connection in list(self._open.values()):
                if connection.overdue(now, self.patience):
                    self._end(connection)

    def middleware(self) -> Middleware:
        """What tells the guard that a request came in whole, and that it was answered."""

        @web.middleware
        async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
            connection = self._open.get(request.transport) if request.transport is not None else None
            if connection is None:
                return await handler(request)
            connection.asked, connection.body = None, request.content
            connection.under_way += 1
            try:
                return await handler(request)
            finally:
                connection.body = None
                connection.under_way -= 1
                connection.answered += 1

        return watch
