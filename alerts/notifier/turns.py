"""Whose turn it is to speak to a channel: pages before tickets, each kind in the order of asking, and not too fast."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import time
from collections.abc import AsyncIterator


class Turns:
    """One speaks at a time. `spacing` is seconds from one to the next, after `burst` that may come at once."""

    def __init__(self, spacing: float, burst: int) -> None:
        self._spacing, self._credit = spacing, spacing * (burst - 1)
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._taken = False
        # Every turn so far is paid for by then, at one each `spacing` seconds.
        self._paid = float("-inf")
        self._closed_until = float("-inf")

    @contextlib.asynccontextmanager
    async def take(self, rank: int) -> AsyncIterator[None]:
        """Wait for a turn and have it until the block ends; a lower rank goes first."""
        await self._called(rank)
        try:
            await asyncio.sleep(max(self._closed_until, self._paid - self._credit) - time.monotonic())
            try:
                yield
            finally:
                self._paid = max(self._paid, time.monotonic()) + self._spacing
        finally:
            self._call_next()

    def hold(self, seconds: float) -> None:
        """Nobody speaks for so long, as the other side asked, and nobody at once after that."""
        self._closed_until = max(self._closed_until, time.monotonic() + seconds)
        self._paid = max(self._paid, self._closed_until + self._credit)

    async def _called(self, rank: int) -> None:
        if not self._taken:
            self._taken = True
            return
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, next(self._numbers), called))
        try:
            await called
        except asyncio.CancelledError:
            if called.done() and not called.cancelled():  # it was called and given up at the same moment
                self._call_next()
            raise

    def _call_next(self) -> None:
        while self._waiting:
            called = heapq.heappop(self._waiting)[2]
            if not called.done():
                called.set_result(None)
                return
        self._taken = False
