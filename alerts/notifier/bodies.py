"""Bodies of requests as they come in: so many bytes at a time in memory, and who is slow makes room for the others."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from aiohttp import StreamReader

# A thousand alerts (max_alerts in Alertmanager's configuration) of our own rules weigh 2 MiB, and 6 MiB where the names of
# fleet, shards and nodes are as long as they may be; two Prometheus tell of each twice. Refusing a body loses a page, so there
# is room to spare.
LARGEST = 16 * 2**20
SLOWEST = 5.0
"""Seconds for a body to come in."""


class TooLarge(Exception):
    """The body has more than LARGEST bytes."""


class TooSlow(Exception):
    """The body did not come in within SLOWEST, or had to make room for others."""


@dataclass(slots=True, eq=False)
class _Coming:
    """A body that comes in: the time that it has, and what is there of it."""

    time: asyncio.Timeout
    body: bytearray = field(default_factory=bytearray)


class Bodies:
    """All bodies that come in. Together they hold `most` bytes, and what the system gives at once beside that."""

    def __init__(self, most: int = 2 * LARGEST) -> None:
        self._most = most
        self._coming: list[_Coming] = []  # in the order in which they began

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return sum(len(one.body) for one in self._coming)

    async def read(self, content: StreamReader) -> bytearray:
        """Read a body to its end. TooLarge, or TooSlow."""
        try:
            async with asyncio.timeout(SLOWEST) as time:
                return await self._filled(_Coming(time), content)
        except TimeoutError:
            raise TooSlow from None

    async def _filled(self, coming: _Coming, content: StreamReader) -> bytearray:
        self._coming.append(coming)
        try:
            async for chunk in content.iter_any():
                coming.body += chunk
                if len(coming.body) > LARGEST:
                    raise TooLarge
                while self.held > self._most:
                    self._end(self._coming[0])
        finally:
            self._drop(coming)
        return coming.body

    def _end(self, slowest: _Coming) -> None:
        """End the one that has been coming in for longest: Alertmanager's are there within a moment."""
        slowest.time.reschedule(asyncio.get_running_loop().time())
        self._drop(slowest)

    def _drop(self, coming: _Coming) -> None:
        if coming in self._coming:
            self._coming.remove(coming)
