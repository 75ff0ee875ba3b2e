"""Counts per bucket, as Prometheus wants them. Pure but for its own counts."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import accumulate


class Histogram:
    """Observations in seconds, counted below fixed upper bounds."""

    __slots__ = ("_bounds", "_counts", "sum")

    def __init__(self, bounds: Sequence[Decimal]) -> None:
        self._bounds = _floats(tuple(bounds))
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one observation; a value equal to a bound belongs below it, as `le` says."""
        self._counts[bisect.bisect_left(self._bounds, value)] += 1
        self.sum += value

    def over(self, bounds: Sequence[Decimal]) -> Histogram:
        """The same observations over other bounds: what both have goes on, so that no counter falls."""
        other = Histogram(bounds)
        other._counts, other.sum = list(other.regrouped(self._counts, self)), self.sum
        return other

    def regrouped(self, counts: Sequence[int], before: Histogram) -> tuple[int, ...]:
        """Counts per bucket of `before` as counts per bucket here.

        Exact where no bound is new. What lay on either side of a new one nobody knows any more: it counts as beyond.
        """
        found = [0] * len(self._counts)
        for upper, count in zip((*before._bounds, math.inf), counts, strict=True):
            found[bisect.bisect_left(self._bounds, upper)] += count
        return tuple(found)

    def begun(self, before: Histogram) -> bool:
        """Whether there is a bound here that `before` has not."""
        return not set(self._bounds) <= set(before._bounds)

    @property
    def counts(self) -> tuple[int, ...]:
        """Counts per bucket, each for itself; the last one is of those beyond every bound."""
        return tuple(self._counts)

    def cumulative(self) -> list[int]:
        """Counts at or below each bound, then the count of all."""
        return list(accumulate(self._counts))


@lru_cache(maxsize=16)
def _floats(bounds: tuple[Decimal, ...]) -> tuple[float, ...]:
    """One and the same for all nodes."""
    return tuple(map(float, bounds))
