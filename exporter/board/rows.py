"""The promises of the policy held against what was counted: six rows, each with a value and a state. Pure.

The state comes from counts under exact bounds, as the alerts take it; the percentile that is shown lies between two
bounds and is marked as approximate. It can never contradict the state: the bounds of the policy are bounds of the buckets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from typing import Any

from policy.buckets import latency_bounds
from policy.model import Policy
from policy.thresholds import Thresholds
from policy.units import plain, seconds

OK, WARNING, UNKNOWN, CRITICAL = "ok", "warning", "unknown", "critical"
RANK = {OK: 0, WARNING: 1, UNKNOWN: 2, CRITICAL: 3}
LATENCIES = tuple(Thresholds.PERCENTILES)
NAMES = ("hit_rate", *LATENCIES, "memory", "availability")


@dataclass(frozen=True, slots=True)
class Row:
    """One promise. `value` is a ratio or seconds; with `at_least` it is only known to be more.

    `instance` is the node it speaks of, where it is the worst one; `why` says why nothing is known.
    """

    state: str = UNKNOWN
    value: float | None = None
    on_target: bool | None = None
    instance: str | None = None
    at_least: bool = False
    why: str = ""

    def json(self, unit: str) -> dict[str, Any]:
        """As the page gets it; what does not apply is left out."""
        shown: dict[str, Any] = {"state": self.state, unit: _digits(self.value)}
        if self.on_target is not None:
            shown["on_target"] = self.on_target
        if self.instance:
            shown["instance"] = self.instance
        if self.at_least:
            shown["at_least"] = True
        if self.why:
            shown["why"] = self.why
        return shown


def _digits(value: float | None) -> float | None:
    """Enough to be shown, few enough to change seldom."""
    return None if value is None else float(f"{value:.6f}") if value >= 0.1 else float(f"{value:.3g}")


def unit(name: str) -> str:
    """What a row's value is: `seconds` or `ratio`."""
    return "seconds" if name in LATENCIES else "ratio"


def worst(states: Iterable[str]) -> str:
    """The worst of several states; `ok` of none."""
    return max(states, key=RANK.__getitem__, default=OK)


def worst_row(rows: Iterable[Row], why: str) -> Row:
    """The row that is worst off, among equals the largest value; `why` says why there may be none with a value."""
    known = [row for row in rows if row.value is not None]
    return max(known, key=lambda row: (RANK[row.state], row.value), default=Row(why=why))


@dataclass(frozen=True, slots=True)
class _Percentile:
    """A percentile as a fraction, and where its target, warning and critical stand among the buckets."""

    numerator: int
    denominator: int
    bounds: tuple[int, int, int]


class Yardstick:
    """The policy's numbers, made ready to be held against many nodes."""

    def __init__(self, policy: Policy) -> None:
        self.thresholds = policy.thresholds
        bounds = latency_bounds(policy)
        self._bounds = [float(bound) for bound in bounds]
        index = {bound: number for number, bound in enumerate(bounds)}
        self._percentiles = {
            name: _Percentile(
                *Thresholds.PERCENTILES[name].as_integer_ratio(),
                tuple(index[seconds(bound)] for bound in row.bounds),  # type: ignore[arg-type]  # three in, three out
            )
            for name, row in policy.thresholds.latency_rows().items()
        }
        share = seconds(policy.rules.rate_window) / seconds(policy.health.window)
        self._reads = policy.health.min_requests * share

    def latencies(self, counts: Sequence[int], instance: str) -> dict[str, Row]:
        """The latency rows of one node from its probes per bucket; empty when it answered none."""
        within = list(accumulate(counts))
        if not within or not within[-1]:
            return {}
        return {name: self._latency(share, within, instance) for name, share in self._percentiles.items()}

    def _latency(self, share: _Percentile, within: Sequence[int], instance: str) -> Row:
        need = share.numerator * within[-1]
        target, warning, critical = (within[bound] * share.denominator >= need for bound in share.bounds)
        value, at_least = self._quantile(share, within)
        return Row(_state(not warning, not critical), value, target, instance, at_least)

    def _quantile(self, share: _Percentile, within: Sequence[int]) -> tuple[float, bool]:
        """The percentile, interpolated in its bucket, and whether it lies beyond the last bound."""
        rank = share.numerator * within[-1] / share.denominator
        place = next(i for i, count in enumerate(within) if count * share.denominator >= share.numerator * within[-1])
        if place == len(self._bounds):
            return self._bounds[-1], True
        low, below = (self._bounds[place - 1], within[place - 1]) if place else (0.0, 0)
        return low + (self._bounds[place] - low) * (rank - below) / (within[place] - below), False

    def hit_rate(self, hits: int, misses: int) -> Row:
        """The share of reads that the cache answered; nothing is said of too few."""
        total, row = hits + misses, self.thresholds.hit_rate
        if not total or total < self._reads:
            need = plain(self._reads.quantize(Decimal(1))) if self._reads >= 1 else "1"
            return Row(why=f"too little traffic: {total} reads, {need} are needed")
        bad, worse = hits < row.warning.below * total, hits < row.critical.below * total
        return Row(_state(bad, worse), hits / total, hits >= row.target * total)

    def availability(self, good: int, checks: int) -> Row:
        """The share of health checks that succeeded."""
        row = self.thresholds.availability
        if not checks:
            return Row(why="no health check has ended yet")
        bad, worse = good < row.warning.below * checks, good < row.critical.below * checks
        return Row(_state(bad, worse), good / checks, good >= row.target * checks)

    def memory(self, used: int | None, limit: int | None, instance: str, evicts: bool | None = False) -> Row:
        """The share of its limit that a node uses. One that `evicts` any key when it is full warns at most, as its alerts do."""
        row = self.thresholds.memory
        if used is None or not limit:
            return Row(why="the node does not tell")
        bad, worse = used > row.warning.above * limit, used > row.critical.above * limit
        return Row(_state(bad, worse and not evicts), used / limit, used <= row.target * limit, instance)

    def json(self) -> dict[str, Any]:
        """Target, warning and critical of each row, and on which side it breaks."""
        found: dict[str, Any] = {}
        for name in NAMES:
            row = getattr(self.thresholds, name)
            side = "above" if hasattr(row.warning, "above") else "below"
            values = row.target, getattr(row.warning, side), getattr(row.critical, side)
            numbers = [float(v if isinstance(v, Decimal) else seconds(v)) for v in values]
            names = ("target", "warning", "critical")
            found[name] = {"breaks": side} | {f"{n}_{unit(name)}": v for n, v in zip(names, numbers, strict=True)}
        return found


def _state(bad: bool, worse: bool) -> str:
    return CRITICAL if worse else WARNING if bad else OK
