"""Each node's counters over the windows in which the alerts see them. The one mutable place of the board's data."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass

from exporter.board.sliding import SLOTS, Sliding
from exporter.histogram import Histogram
from exporter.state import NodeState, State
from policy.model import Policy
from policy.units import seconds


@dataclass(frozen=True, slots=True)
class Measure:
    """What one node's counters grew by.

    `latencies` are probes per bucket, `hits` and `misses` reads, all over `rules.rate_window`; `good` of `checks` health
    checks succeeded over `health.window`.
    """

    latencies: tuple[int, ...] = ()
    hits: int = 0
    misses: int = 0
    good: int = 0
    checks: int = 0


@dataclass(slots=True)
class Sums:
    """Good events and all events of the fleet since the exporter started, by the name of the objective."""

    good: dict[str, int]
    every: dict[str, int]

    def add(self, name: str, good: int, every: int) -> None:
        """Count some more."""
        self.good[name] += good
        self.every[name] += every


class Meter:
    """One node. Its hits and misses are added up here, for Redis' own counters begin anew with Redis."""

    __slots__ = ("_checked", "_checks", "_hits", "_latencies", "_misses", "_pings", "_read", "_reads", "_window")

    def __init__(self, rate_window: float, health_window: float, now: float) -> None:
        self._pings: Histogram | None = None
        self._read: tuple[float, int, int] | None = None
        self._hits = self._misses = 0
        self._checked = (0, 0)
        self.resize(rate_window, health_window)
        self._checks.mark(now, self._checked)

    def resize(self, rate_window: float, health_window: float) -> None:
        """Begin the windows anew, so wide."""
        self._window = rate_window
        self._latencies: Sliding[tuple[int, ...]] = Sliding(rate_window)
        self._reads: Sliding[tuple[int, int]] = Sliding(rate_window)
        self._checks: Sliding[tuple[int, int]] = Sliding(health_window)

    def look(self, node: NodeState, now: float, sums: Sums) -> None:
        """Take what the node's counters are now."""
        if node.pings is not self._pings:  # the first look, or another histogram because the policy moved its bounds
            self._pings, self._latencies = node.pings, Sliding(self._window)
            self._latencies.mark(now, (0,) * len(node.pings.counts))
        self._latencies.mark(now, node.pings.counts)
        checks, before = (node.checks["success"], sum(node.checks.values())), self._checked
        sums.add("availability", checks[0] - before[0], checks[1] - before[1])
        self._checked = checks
        self._checks.mark(now, checks)
        self._count_reads(node, sums)
        self._reads.mark(now, (self._hits, self._misses))

    def _count_reads(self, node: NodeState, sums: Sums) -> None:
        if not node.history or node.history[-1] is self._read:
            return
        before, self._read = self._read, node.history[-1]
        if before is None:
            return
        (_, h0, m0), (_, h1, m1) = before, self._read
        goes_on = h1 >= h0 and m1 >= m0  # else the node was restarted and counts from zero
        hits, misses = (h1 - h0, m1 - m0) if goes_on else (h1, m1)
        self._hits += hits
        self._misses += misses
        sums.add("hit_rate", hits, hits + misses)

    def measure(self, node: NodeState, now: float) -> Measure:
        """What the windows hold now."""
        reads, checks = self._reads.start(now) or (0, 0), self._checks.start(now) or (0, 0)
        latencies = self._latencies.start(now) if node.pings is self._pings else None
        return Measure(
            () if latencies is None else tuple(map(operator.sub, node.pings.counts, latencies)),
            self._hits - reads[0],
            self._misses - reads[1],
            node.checks["success"] - checks[0],
            sum(node.checks.values()) - checks[1],
        )


class Meters:
    """All nodes."""

    def __init__(self, policy: Policy) -> None:
        self._windows = _windows(policy)
        self._meters: dict[str, Meter] = {}
        names = ("availability", "hit_rate")
        self.sums = Sums(dict.fromkeys(names, 0), dict.fromkeys(names, 0))

    def look(self, state: State, now: float) -> None:
        """Take what all counters are now; a node that left is forgotten, but what it counted stays in the sums."""
        if self._windows != _windows(state.policy):
            self._windows = _windows(state.policy)
            for meter in self._meters.values():
                meter.resize(*self._windows)
        for instance in self._meters.keys() - state.nodes.keys():
            del self._meters[instance]
        for instance, node in state.nodes.items():
            if instance not in self._meters:
                self._meters[instance] = Meter(*self._windows, now)
            self._meters[instance].look(node, now, self.sums)

    def measures(self, state: State, now: float) -> Iterator[tuple[NodeState, Measure]]:
        """Every node with what its windows hold, those of a shard together."""
        for node in state.by_shard():
            meter = self._meters.get(node.target.instance)
            yield node, meter.measure(node, now) if meter else Measure()


def _windows(policy: Policy) -> tuple[float, float]:
    return float(seconds(policy.rules.rate_window)), float(seconds(policy.health.window))


def tick(policy: Policy) -> float:
    """Seconds between two looks at the counters: as the narrower window needs, between half a second and five."""
    return min(5.0, max(0.5, min(_windows(policy)) / SLOTS))
