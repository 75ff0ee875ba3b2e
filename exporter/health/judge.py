"""The whole: from components to one status, with hysteresis."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from exporter.health import shards
from exporter.health.node import Component, Status, component
from exporter.health.traffic import ratio, traffic
from exporter.reads import Counts
from exporter.state import State
from policy.model import Policy

# Judged once a second, whoever asks; a judgement as old as this comes of a loop that was held up, and is made anew.
_MAX_AGE = 2.0
# Names told in a sentence; of 500 nodes that are down nobody reads all.
_NAMED = 10


@dataclass(frozen=True, slots=True)
class Memory:
    """What one judgement leaves to the next. `low` while the hit rate is, `streak` good judgements while DOWN stays."""

    low: bool = False
    down: bool = False
    streak: int = 0


@dataclass(frozen=True, slots=True)
class Judgement:
    """The whole at `at`, monotonic seconds. `nodes` is what connectivity alone says; `error` why it is not UP.

    `warning` is what is wrong although nothing is DOWN. `hit_rate` and `memory` are shares, None where nobody knows.
    """

    at: float
    status: Status
    nodes: Status
    error: str
    warning: str
    hit_rate: Decimal | None
    memory: float | None
    shards: Mapping[str, Status]
    components: tuple[Component, ...]
    memo: Memory


def judge(state: State, now: float, before: Memory, counts: Counts) -> Judgement:
    """Judge everything that is known now; `counts` are the window's hits and misses."""
    policy, limit = state.policy, state.policy.verdict_max_age()
    components = tuple(component(state, node, now, limit) for node in state.nodes.values())
    by_shard = shards.by_shard(components)
    nodes = _connectivity(policy, components, by_shard)
    hit_rate, low = _hit_rate(policy, counts, before)
    status, error = _first_reason(nodes, low, components, by_shard, state.unheard)
    memo = _held(Memory(low, status == "DOWN"), before, policy.health.recoveries)
    if memo.down and status != "DOWN":
        status, error = "DOWN", f"No longer down, but only for {memo.streak} s of {policy.health.recoveries}"
    memory = max((c.memory for c in components if c.memory is not None), default=None)
    warning = _warning(policy, components, hit_rate, memory) if status == "UP" else ""
    return Judgement(now, status, nodes, error, warning, hit_rate, memory, by_shard, components, memo)


def _connectivity(policy: Policy, components: Collection[Component], by_shard: Mapping[str, Status]) -> Status:
    if not components:
        return "UNKNOWN"
    found = {
        shards.decided((c.status for c in components), policy.health.max_nodes_down),
        shards.decided(by_shard.values(), policy.health.max_shards_down),
    }
    return next(s for s in ("DOWN", "UNKNOWN", "UP") if s in found)


def _hit_rate(policy: Policy, counts: Counts, before: Memory) -> tuple[Decimal | None, bool]:
    """The rate, and whether it is too low: from below critical on, until it is back at the warning's.

    While it is too low half the requests are enough: traffic about the minimum must not make it come and go.
    """
    levels, least = policy.thresholds.hit_rate, Decimal(policy.health.min_requests)
    rate = ratio(counts, least / 2 if before.low else least)
    floor = levels.warning.below if before.low else levels.critical.below
    return rate, rate is not None and rate < floor


def _held(found: Memory, before: Memory, recoveries: int) -> Memory:
    """DOWN at once, up again only after so many good judgements in a row."""
    if found.down or not before.down:
        return found
    streak = before.streak + 1
    return Memory(found.low, streak < recoveries, streak)


def _first_reason(
    nodes: Status,
    low: bool,
    components: Collection[Component],
    by_shard: Mapping[str, Status],
    unheard: Collection[str],
) -> tuple[Status, str]:
    """The status, and the first thing that makes it so."""
    if nodes == "DOWN":
        return "DOWN", _lost("DOWN", components, by_shard)
    if low:
        return "DOWN", "Hit rate too low"
    if nodes == "UNKNOWN":
        return "UNKNOWN", _lost("UNKNOWN", components, by_shard) or "No nodes are known"
    if unheard:
        # What only such a source would name is watched by nobody.
        return "UNKNOWN", _named("Never heard", sorted(unheard))
    return "UP", ""


def _lost(status: Status, components: Collection[Component], by_shard: Mapping[str, Status]) -> str:
    """The shards that are so, and the nodes, each with its reason."""
    lost = [shard for shard, found in by_shard.items() if found == status]
    return "; ".join(filter(None, (_named(f"Shards {status.lower()}", lost), _nodes_that_are(status, components))))


def _warning(policy: Policy, components: Collection[Component], hit_rate: Decimal | None, memory: float | None) -> str:
    """What is wrong although all is UP, empty when nothing is."""
    statuses: tuple[Status, ...] = ("DOWN", "OUT_OF_SERVICE", "UNKNOWN")
    found = [_nodes_that_are(status, components) for status in statuses]
    if hit_rate is not None and hit_rate < policy.thresholds.hit_rate.warning.below:
        found.append("Hit rate low")
    if memory is not None and memory > policy.thresholds.memory.warning.above:
        found.append("Memory high")
    return "; ".join(filter(None, found))


def _nodes_that_are(status: Status, components: Collection[Component]) -> str:
    said = [f"{c.instance} ({c.error})" if c.error else c.instance for c in components if c.status == status]
    return _named(f"Nodes {status.lower().replace('_', ' ')}", said)


def _named(what: str, names: Collection[str]) -> str:
    """`what: a, b`, empty without names; of many the first ones and how many more."""
    if not names:
        return ""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{what}: {', '.join(list(names)[:_NAMED])}{more}"


class Judge:
    """Judges each second, so that what it remembers does not depend on who asks, and how often."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._last: Judgement | None = None

    def look(self, now: float) -> Judgement:
        """Judge now."""
        before = self._last.memo if self._last is not None else Memory()
        self._last = judge(self.state, now, before, traffic(self.state, now))
        return self._last

    def latest(self, now: float) -> Judgement:
        """The last judgement; another one when nobody judged for too long."""
        last = self._last
        return last if last is not None and now - last.at < _MAX_AGE else self.look(now)
