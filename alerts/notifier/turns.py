"""Whose turn it is to speak to a channel: the lowest rank first, each in the order of asking, and not too fast."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import time
from collections.abc import AsyncIterator


class Turns:
    """One speaks at a time. `spacing` is seconds from one to the next, after `burst` that may come at once.

    Who is next is decided when the time is there: a page that comes while the channel is closed goes before tickets.
    """

    def __init__(self, spacing: float, burst: int) -> None:
        self._spacing, self._credit = spacing, spacing * (burst - 1)
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._taken = False
        self._timer: asyncio.TimerHandle | None = None
        # All that was said is paid for by then, at one each `spacing` seconds.
        self._paid = float("-inf")
        self._closed_until = float("-inf")

    @contextlib.asynccontextmanager
    async def take(self, rank: int) -> AsyncIterator[None]:
        """Wait for a turn and have it until the block ends. One in which nothing is said costs no time: see `pay`."""
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, next(self._numbers), called))
        self._call_next()
        try:
            await called
            yield
        finally:
            if called.done() and not called.cancelled():  # it had the turn, or gave it up at the moment of its call
                self._taken = False
                self._call_next()

    def pay(self) -> None:
        """Something is said in this turn: the next one is `spacing` seconds later, or takes of the burst."""
        self._paid = max(self._paid, time.monotonic()) + self._spacing

    def hold(self, seconds: float) -> None:
        """Nobody speaks for so long, as the other side asked, and nobody at once after that."""
        self._closed_until = max(self._closed_until, time.monotonic() + seconds)
        self._paid = max(self._paid, self._closed_until + self._credit)

    def _call_next(self) -> None:
        wait = max(self._closed_until, self._paid - self._credit) - time.monotonic()
        if self._taken or not self._waiting:
            return
        if wait > 0:
            self._timer = self._timer or asyncio.get_running_loop().call_later(wait, self._time_is_there)
            return
        while self._waiting and not self._taken:
            called = heapq.heappop(self._waiting)[2]
            if not called.done():
                called.set_result(None)
                self._taken = True

    def _time_is_there(self) -> None:
        self._timer = None
        self._call_next()
