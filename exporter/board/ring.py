"""The last hour in memory: a bounded ring of points; a moment without a point stays a gap."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

EVERY = 15.0
POINTS = 240
_NONE = float("nan")


class Ring:
    """`POINTS` points of `columns` numbers each, one for each `EVERY` seconds of the monotonic clock; about 6 KB."""

    __slots__ = ("_columns", "_numbers", "newest")

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._numbers = array("f", [_NONE]) * (columns * POINTS)
        self.newest: int | None = None

    def put(self, slot: int, point: Sequence[float | None]) -> None:
        """Keep the point of a slot; slots that were missed on the way are emptied, not filled."""
        if self.newest is not None and slot > self.newest:
            for missed in range(max(self.newest + 1, slot - POINTS + 1), slot):
                self._write(missed, [None] * self._columns)
        self._write(slot, point)
        self.newest = slot

    def column(self, number: int, newest: int) -> list[float | None]:
        """One column, oldest first, ending at the slot `newest`; None where there is no point."""
        return [self._read(slot, number) for slot in range(newest - POINTS + 1, newest + 1)]

    def _write(self, slot: int, point: Sequence[float | None]) -> None:
        at = slot % POINTS * self._columns
        for index, value in enumerate(point):
            self._numbers[at + index] = _NONE if value is None else value

    def _read(self, slot: int, number: int) -> float | None:
        if self.newest is None or not self.newest - POINTS < slot <= self.newest:
            return None
        value = self._numbers[slot % POINTS * self._columns + number]
        return None if value != value else float(f"{value:.4g}")  # NaN alone differs from itself


def slot_of(now: float) -> int:
    """The slot of a moment of the monotonic clock."""
    return int(now // EVERY)
