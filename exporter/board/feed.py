"""The board's updates: made once for all who watch, and not at all when nobody does."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

log = logging.getLogger(__name__)
EVERY = 2.0
MOST_CLIENTS = 100
# The header of a gzip stream. Each frame is compressed once, by itself and up to a byte's end, so that every client can be
# sent the same bytes whenever it came.
GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


@dataclass(frozen=True, slots=True)
class Frame:
    """One server-sent event, plain and as a piece of a gzip stream."""

    number: int
    plain: bytes
    packed: bytes

    @classmethod
    def of(cls, number: int, event: str, data: Any) -> Frame:
        """An event whose data is JSON."""
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
        plain = f"event: {event}\ndata: {text}\n\n".encode()
        squeeze = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        return cls(number, plain, squeeze.compress(plain) + squeeze.flush(zlib.Z_FULL_FLUSH))


class Feed:
    """Every `EVERY` seconds either `fleet`, the whole document when it changed, or `beat`, that all is as it was.

    `make` gives the document at a monotonic second. A beat carries the time: a page that hears none for a while has lost us,
    whatever its connection says. A client that is slow skips what it missed and gets the newest document.
    """

    def __init__(self, make: Callable[[float], Awaitable[dict[str, Any]]]) -> None:
        self._make = make
        self._whole = self._latest = Frame(0, b"", b"")
        self._before: dict[str, Any] = {}
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.clients = 0

    @property
    def crowded(self) -> bool:
        """Whether no more clients are taken."""
        return self.clients >= MOST_CLIENTS

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """The frames for one client, the whole document first, until it stops asking or the feed is closed."""
        self.clients += 1
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name="board")
        seen = whole = 0
        try:
            while not self._closed:
                if self._latest.number == seen or not self._whole.number:
                    await self._news.wait()
                    continue
                seen = self._latest.number
                if self._whole.number != whole:
                    whole = self._whole.number
                    yield self._whole
                else:
                    yield self._latest
        finally:
            self.clients -= 1

    async def close(self) -> None:
        """Let every client go."""
        self._closed = True
        self._tell()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self) -> None:
        """Make frames while somebody watches; what was made is forgotten with the last who did."""
        try:
            while self.clients and not self._closed:
                began = time.monotonic()
                try:
                    await self._publish(began)
                except Exception:  # the pages that hear nothing say so; the next moment may go well
                    log.exception("the board cannot be made")
                await asyncio.sleep(max(0.1, EVERY - (time.monotonic() - began)))
        finally:
            self._task = None
            self._whole = self._latest = Frame(0, b"", b"")
            self._before = {}

    async def _publish(self, now: float) -> None:
        made = await self._make(now)
        at = made["at_unix_seconds"]
        number = self._latest.number + 1
        if {**made, "at_unix_seconds": 0} != self._before:
            self._before = {**made, "at_unix_seconds": 0}
            self._whole = self._latest = Frame.of(number, "fleet", made)
        else:
            self._latest = Frame.of(number, "beat", {"at_unix_seconds": at})
        self._tell()

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
