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
    checks succeeded over `health.window`, those left out that say that a primary refuses to write: that has an alert of its own.
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
    """One node."""

    __slots__ = ("_checked", "_checks", "_latencies", "_pings", "_read", "_reads", "_window", "node")

    def __init__(self, node: NodeState, rate_window: float, health_window: float, now: float) -> None:
        self.node = node
        self._pings: Histogram | None = None
        self._read = self._checked = (0, 0)
        self.resize(rate_window, health_window)
        self._checks.mark(now, self._checked)

    def resize(self, rate_window: float, health_window: float) -> None:
        """Begin the windows anew, so wide."""
        self._window = rate_window
        self._latencies: Sliding[tuple[int, ...]] = Sliding(rate_window)
        self._reads: Sliding[tuple[int, int]] = Sliding(rate_window)
        self._checks: Sliding[tuple[int, int]] = Sliding(health_window)

    def look(self, now: float, sums: Sums) -> None:
        """Take what the node's counters are now."""
        node = self.node
        if node.pings is not self._pings:
            self._take_histogram(node.pings, now)
        self._latencies.mark(now, node.pings.counts)
        # An objective counts every check, those of refused writes too.
        checks, before = (node.checks["success"], sum(node.checks.values())), self._checked
        sums.add("availability", checks[0] - before[0], checks[1] - before[1])
        self._checked = checks
        self._checks.mark(now, self._answered())
        reads, before = node.reads.total, self._read
        sums.add("hit_rate", reads[0] - before[0], sum(reads) - sum(before))
        self._read = reads
        self._reads.mark(now, reads)

    def _take_histogram(self, pings: Histogram, now: float) -> None:
        """At the first look, or with other bounds: a window in which one began would show too few below it."""
        before, self._pings = self._pings, pings
        if before is not None and not pings.begun(before):
            self._latencies.change(lambda counts: pings.regrouped(counts, before))
            return
        self._latencies = Sliding(self._window)
        self._latencies.mark(now, pings.regrouped(before.counts, before) if before else (0,) * len(pings.counts))

    def measure(self, now: float) -> Measure:
        """What the windows hold now."""
        node = self.node
        reads, checks = self._reads.start(now) or (0, 0), self._checks.start(now) or (0, 0)
        latencies = self._latencies.start(now) if node.pings is self._pings else None
        return Measure(
            () if latencies is None else tuple(map(operator.sub, node.pings.counts, latencies)),
            self._read[0] - reads[0],
            self._read[1] - reads[1],
            *map(operator.sub, self._answered(), checks),
        )

    def _answered(self) -> tuple[int, int]:
        """Checks that succeeded, and all that an alert on availability counts."""
        checks = self.node.checks
        return checks["success"], sum(checks.values()) - checks["readonly"]


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
        self._meters = {
            instance: self._of(node) or Meter(node, *self._windows, now) for instance, node in state.nodes.items()
        }
        for meter in self._meters.values():
            meter.look(now, self.sums)

    def _of(self, node: NodeState) -> Meter | None:
        """A node's meter; of one that left and came back it is another node's: it counts from zero."""
        meter = self._meters.get(node.target.instance)
        return meter if meter is not None and meter.node is node else None

    def measures(self, state: State, now: float) -> Iterator[tuple[NodeState, Measure]]:
        """Every node with what its windows hold, those of a shard together."""
        for node in state.nodes.values():
            meter = self._of(node)
            yield node, meter.measure(now) if meter else Measure()


def _windows(policy: Policy) -> tuple[float, float]:
    return float(seconds(policy.rules.rate_window)), float(seconds(policy.health.window))


def tick(policy: Policy) -> float:
    """Seconds between two looks at the counters: as the narrower window needs, between half a second and five."""
    return min(5.0, max(0.5, min(_windows(policy)) / SLOTS))
