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

from exporter.board import digits
from policy.model import Policy
from policy.thresholds import Latency, Memory, Share, Thresholds
from policy.units import plain, seconds

OK, WARNING, UNKNOWN, CRITICAL = "ok", "warning", "unknown", "critical"
RANK = {OK: 0, WARNING: 1, UNKNOWN: 2, CRITICAL: 3}
LATENCIES = tuple(Thresholds.PERCENTILES)
NAMES = ("hit_rate", *LATENCIES, "memory", "availability")


@dataclass(frozen=True, slots=True)
class Row:
    """One promise. `value` is a ratio or seconds; with `at_least` it is only known to be more.

    `instance` is the node it speaks of, where it is the worst one; `why` says why nothing is known. `limits` are those that
    the value is held against, in its unit.
    """

    state: str = UNKNOWN
    value: float | None = None
    on_target: bool | None = None
    instance: str | None = None
    at_least: bool = False
    why: str = ""
    limits: tuple[float, ...] = ()

    def text(self, unit: str) -> str:
        """The value as people read it, on its own side of every limit; empty where nothing is known."""
        if self.value is None:
            return ""
        if unit == "ratio":
            return digits.percent(self.value, self.limits)
        return f"{'>' if self.at_least else '≈'} {digits.latency(self.value, self.limits)}"

    def json(self, unit: str) -> dict[str, Any]:
        """As the page gets it; what does not apply is left out."""
        shown: dict[str, Any] = {"state": self.state, unit: None}
        if self.value is not None:
            shown |= {unit: digits.short(self.value, self.limits), "text": self.text(unit)}
        if self.on_target is not None:
            shown["on_target"] = self.on_target
        if self.instance:
            shown["instance"] = self.instance
        if self.at_least:
            shown["at_least"] = True
        if self.why:
            shown["why"] = self.why
        return shown


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
    """The policy's numbers, made ready to be held against many nodes. `bounds` are those of their histograms."""

    def __init__(self, policy: Policy, bounds: tuple[Decimal, ...]) -> None:
        self.thresholds = policy.thresholds
        self.bounds = bounds
        self._bounds = [float(bound) for bound in bounds]
        index = {bound: number for number, bound in enumerate(bounds)}
        self._percentiles = {
            name: _Percentile(
                *Thresholds.PERCENTILES[name].as_integer_ratio(),
                tuple(index[seconds(bound)] for bound in row.bounds),  # type: ignore[arg-type]  # three in, three out
            )
            for name, row in policy.thresholds.latency_rows().items()
        }
        self._limits = {name: _limits(policy.thresholds, name) for name in NAMES}
        share = seconds(policy.rules.rate_window) / seconds(policy.health.window)
        self._reads = policy.health.min_requests * share

    def latencies(self, counts: Sequence[int], instance: str) -> dict[str, Row]:
        """The latency rows of one node from its probes per bucket; empty when it answered none."""
        within = list(accumulate(counts))
        if not within or not within[-1]:
            return {}
        return {name: self._latency(name, share, within, instance) for name, share in self._percentiles.items()}

    def _latency(self, name: str, share: _Percentile, within: Sequence[int], instance: str) -> Row:
        need = share.numerator * within[-1]
        target, warning, critical = (within[bound] * share.denominator >= need for bound in share.bounds)
        value, at_least = self._quantile(share, within)
        state = _state(not warning, not critical)
        return Row(state, value, target, instance, at_least, limits=self._limits[name])

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
        return Row(_state(bad, worse), hits / total, hits >= row.target * total, limits=self._limits["hit_rate"])

    def availability(self, good: int, checks: int) -> Row:
        """The share of health checks that succeeded."""
        row = self.thresholds.availability
        if not checks:
            return Row(why="no health check has ended yet")
        bad, worse = good < row.warning.below * checks, good < row.critical.below * checks
        state, on_target = _state(bad, worse), good >= row.target * checks
        return Row(state, good / checks, on_target, limits=self._limits["availability"])

    def memory(self, used: int | None, limit: int | None, instance: str, evicts: bool | None = False) -> Row:
        """The share of its limit that a node uses. One that `evicts` when it is full warns at most, as its alerts do."""
        row = self.thresholds.memory
        if used is None or not limit:
            return Row(why="the node does not tell")
        bad, worse = used > row.warning.above * limit, used > row.critical.above * limit
        state, on_target = _state(bad, worse and not evicts), used <= row.target * limit
        return Row(state, used / limit, on_target, instance, limits=self._limits["memory"])

    def json(self) -> dict[str, Any]:
        """Target, warning and critical of each row, and on which side it breaks."""
        found: dict[str, Any] = {}
        for name in NAMES:
            levels = zip(("target", "warning", "critical"), self._limits[name], strict=True)
            side = _side(getattr(self.thresholds, name))
            found[name] = {"breaks": side} | {f"{level}_{unit(name)}": limit for level, limit in levels}
        return found


def _limits(thresholds: Thresholds, name: str) -> tuple[float, ...]:
    """Target, warning and critical of a row, in its unit."""
    row = getattr(thresholds, name)
    values = row.target, getattr(row.warning, _side(row)), getattr(row.critical, _side(row))
    return tuple(float(value if isinstance(value, Decimal) else seconds(value)) for value in values)


def _side(row: Share | Memory | Latency) -> str:
    return "below" if isinstance(row, Share) else "above"


def _state(bad: bool, worse: bool) -> str:
    return CRITICAL if worse else WARNING if bad else OK
