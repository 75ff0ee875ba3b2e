"""A node's keyspace hits and misses over a sliding window, added up as they come: they are asked for each second. Pure."""

from __future__ import annotations

from collections import deque

Counts = tuple[int, int]
"""Hits and misses."""


class Reads:
    """What the counters at one address grew by while they were watched, whoever answers there. `now` is monotonic seconds.

    A server begins again at zero, and an address moves from one to another that has counted for long.
    """

    __slots__ = ("_base", "_last", "_marks", "_moved", "total")

    def __init__(self) -> None:
        self.total: Counts = (0, 0)  # since the first reading
        self._base: Counts = (0, 0)
        self._last: Counts | None = None
        self._moved = False
        self._marks: deque[tuple[float, Counts]] = deque()

    def replaced(self, began: bool) -> None:
        """Another server answers: all that it counted is news if it `began` since the last reading, else nothing is."""
        self._base, self._last = (0, 0), (0, 0) if began else None
        self._moved = not began

    def take(self, now: float, hits: int, misses: int, window: float) -> None:
        """Take what the counters are now; readings older than the window are let go."""
        if self._last is not None:
            h0, m0 = self._last
            # A counter that went down began again at zero: CONFIG RESETSTAT, or a restart of who tells no run_id.
            if hits < h0 or misses < m0:
                h0 = m0 = 0
                self._base = 0, 0
            self.total = self.total[0] + hits - h0, self.total[1] + misses - m0
        elif self._moved:
            self._base = hits, misses
        self._last, self._moved = (hits, misses), False
        self._marks.append((now, self.total))
        while now - self._marks[0][0] > window:
            self._marks.popleft()

    @property
    def shown(self) -> Counts:
        """The counters of the server that answers, less what it counted before the address moved to it: so that is a reset."""
        if self._last is None:
            return 0, 0
        return self._last[0] - self._base[0], self._last[1] - self._base[1]

    def recent(self) -> Counts:
        """What came between the first and the last reading in the window."""
        if not self._marks:
            return 0, 0
        hits, misses = self._marks[0][1]
        return self.total[0] - hits, self.total[1] - misses
