"""Replies as they arrive on one connection: parsed at once, handed out when as many are there as somebody waits for."""

from __future__ import annotations

import asyncio

import hiredis

from exporter.failures import NodeError
from exporter.heads import DIGITS, Track, looks_too_long

# INFO of a node with every command seen is about 20 KiB; a peer that sends more than this is no Redis we can use.
MAX_REPLY = 8 * 1024 * 1024
# One for all connections: what lands here is parsed before the loop does anything else.
_ROOM = bytearray(64 * 1024)
_LANDING = memoryview(_ROOM)


class Inbox(asyncio.BufferedProtocol):
    """The receiving side. What ended it is raised by every later wait."""

    def __init__(self) -> None:
        self.answered = False
        # None while nothing is owed: a parser keeps the room that its largest reply took, and 500 of them keep 20 MB.
        self._parser: hiredis.Reader | None = None
        self._replies: list[object] = []
        self._owed = self._received = self._wanted = 0
        # The end of what came: the head of a list may be cut in two. The first reply begins a line.
        self._tail = b"\n"
        self._track = Track()
        self._waiting: asyncio.Future[None] | None = None
        self._ended: Exception | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing will come any more."""
        return self._ended is not None

    def expect(self, count: int) -> None:
        """So many more replies are owed: what comes beyond them is no answer."""
        self._owed += count

    async def take(self, count: int) -> list[object]:
        """The next `count` replies, all at once. Raises what ended the connection when it ends before."""
        if len(self._replies) < count:
            await self._wait(count)
        taken, self._replies = self._replies[:count], self._replies[count:]
        return taken

    async def _wait(self, count: int) -> None:
        if self._ended is not None:
            raise self._ended
        self._wanted, self._waiting = count, asyncio.get_running_loop().create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the transport puts what it reads."""
        return _LANDING

    def buffer_updated(self, nbytes: int) -> None:
        """Parse what came; a peer that breaks the protocol ends the connection."""
        if self._looks_too_long(nbytes) and self._track.is_too_long(_LANDING[:nbytes]):
            self._refuse(f"a list of {10 ** (DIGITS - 1)} elements or more")
            return
        parser = self._parser or hiredis.Reader()
        parser.feed(_LANDING, 0, nbytes)  # type: ignore[arg-type]  # the stub knows bytes only
        self._received += nbytes
        try:
            while (reply := parser.gets()) is not False:
                self._replies.append(reply)
                self._received, self._owed = 0, self._owed - 1
        except Exception as error:  # of a protocol that is broken, or of what Python cannot make of it
            self._refuse(f"not a Redis reply: {error}")
            return
        if self._owed or self._received:
            self._parser = parser
            self._track.keep(_LANDING[:nbytes])
        else:
            self._parser = None
            self._track.begin()
        if self._owed < 0:
            self._refuse("it answered what nobody asked")
        elif self._received > MAX_REPLY:
            self._refuse(f"a reply of more than {MAX_REPLY} bytes")
        elif self._replies:
            self.answered = True
            self._wake()

    def _looks_too_long(self, nbytes: int) -> bool:
        joint = self._tail + _ROOM[: min(nbytes, DIGITS + 1)]
        self._tail = bytes(self._tail + _ROOM[max(nbytes - DIGITS - 2, 0) : nbytes])[-DIGITS - 2 :]
        return looks_too_long(_ROOM, nbytes) or looks_too_long(joint, len(joint))

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side closed it, or the network did."""
        self._end(exc or ConnectionResetError())

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done() and len(self._replies) >= self._wanted:
            self._waiting.set_result(None)

    def _refuse(self, why: str) -> None:
        """Believe nothing of a peer that is no Redis, what it said before included."""
        self._replies.clear()
        self._end(NodeError("protocol", why))

    def _end(self, why: Exception) -> None:
        self._ended = self._ended or why
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(self._ended)
