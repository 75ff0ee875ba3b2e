"""One node and one shard as the board sees them: role, verdict, promises. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exporter.board import rows
from exporter.board.meters import Measure
from exporter.board.rows import CRITICAL, OK, UNKNOWN, WARNING, Row, Yardstick
from exporter.state import Facts, NodeState, State
from policy.units import seconds

# How a node is that fails its checks, by the class of the failure.
WORDS = {
    "timeout": "does not answer",
    "refused": "refuses connections",
    "reset": "hangs up",
    "tls": "fails at TLS",
    "auth": "refuses the login",
    "loading": "is loading its data",
    "readonly": "takes no writes",
    "protocol": "does not speak Redis",
    "cluster_down": "says that its Cluster is down",
    "link_down": "has lost its primary",
    "no_facts": "does not answer INFO",
    "no_entry": "takes no new connection",
}
# A node is shown with this percentile, and with each other that is beyond a limit.
_USUAL_LATENCY = "latency_p95"
_NO_ROW = Row()
# Why nothing is known of what the prober measures.
_BEGINNING, _OUTAGE, _SILENT = "nothing was measured yet", "no node has been up for long enough", "the prober is silent"


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node. `since` and `facts_at` are monotonic seconds; `role_known` is False for a role that was last seen.

    `unheard` is whether the prober told of it once and is silent now. `reason` is the class of its failure, empty when
    there is none; `error` its own words, where there are any.
    """

    instance: str
    shard: str
    role: str | None
    role_known: bool
    up: bool | None
    unheard: bool
    state: str
    reason: str
    error: str
    since: float | None
    facts_at: float | None
    breaker: str
    latencies: Mapping[str, Row]
    memory: Row
    measure: Measure

    @property
    def words(self) -> str:
        """What is wrong, to stand behind its name."""
        return WORDS.get(self.reason, self.reason.replace("_", " ") or "is down")

    def _rows(self) -> dict[str, Any]:
        """Its promises as they are shown; whose they are is known."""
        told = {name: row for name, row in self.latencies.items() if name == _USUAL_LATENCY or row.state != OK}
        found = {_USUAL_LATENCY: _NO_ROW, **told, "memory": self.memory}
        shown = {name: row.json(rows.unit(name)) for name, row in found.items()}
        for row in shown.values():
            row.pop("instance", None)
        return shown

    def json(self, wall: float) -> dict[str, Any]:
        """As the page gets it; `wall` is what makes Unix seconds of monotonic ones."""
        shown: dict[str, Any] = {
            "instance": self.instance,
            "role": self.role,
            "role_is_current": self.role_known,
            "up": self.up,
            "state": self.state,
            "since_unix_seconds": None if self.since is None else round(self.since + wall),
            "facts_at_unix_seconds": None if self.facts_at is None else round(self.facts_at + wall),
            "breaker": self.breaker,
            **self._rows(),
        }
        if self.reason:
            shown |= {"reason": self.reason, "words": self.words}
        if self.error:
            shown["error"] = self.error
        return shown


@dataclass(frozen=True, slots=True)
class ShardView:
    """The nodes that share a name, worst first; the name is empty for nodes that nobody put into a shard."""

    name: str
    nodes: tuple[NodeView, ...]
    rows: Mapping[str, Row]
    no_primary: bool
    state: str

    @property
    def down(self) -> tuple[NodeView, ...]:
        """Its nodes that are down, the primary first."""
        return tuple(sorted((n for n in self.nodes if n.up is False), key=lambda n: n.role != "primary"))

    @property
    def primary(self) -> str | None:
        """The node that is up and says that it is the primary."""
        return next((n.instance for n in self.nodes if n.role == "primary" and n.role_known and n.up), None)

    def json(self, wall: float) -> dict[str, Any]:
        """As the page gets it."""
        return {
            "name": self.name,
            "state": self.state,
            "has_primary": False if self.no_primary else True if self.primary else None,
            "promises": {name: row.json(rows.unit(name)) for name, row in self.rows.items()},
            "nodes": [node.json(wall) for node in self.nodes],
        }


def node_view(state: State, node: NodeState, measure: Measure, yardstick: Yardstick, now: float) -> NodeView:
    """What is known of a node now."""
    instance, speaks = node.target.instance, state.prober_speaks(now)
    facts, up = state.fresh_facts(node, now), node.verdict.up if speaks else None
    role = node.facts.vitals.role if node.facts else None
    used, limit, evicts = None, None, None
    if facts is not None:
        used, limit = facts.vitals.used_memory, facts.vitals.memory_limit(state.limit_of(instance))
        evicts = facts.vitals.evicts
    latencies = yardstick.latencies(measure.latencies, instance) if speaks and _judged(state, node, now) else {}
    memory = yardstick.memory(used, limit[0] if limit else None, instance, evicts)
    reason, error = _failure(node, facts, up)
    promised = [row.state for row in (*latencies.values(), memory) if row.value is not None]
    own = CRITICAL if up is False or reason == "readonly" else UNKNOWN if up is None else WARNING if reason else OK
    return NodeView(
        instance=instance,
        shard=node.target.shard,
        role=role,
        role_known=facts is not None and role is not None and up is not False,  # a dead node has none
        up=up,
        unheard=not speaks and node.verdict.up is not None,
        state=own if up is not True else rows.worst([own, *promised]),
        reason=reason,
        error=error,
        since=node.since if speaks else state.probed_at,
        facts_at=node.facts.at if node.facts else None,
        breaker=node.breaker.state(now),
        latencies=latencies,
        memory=memory,
        measure=measure,
    )


def _failure(node: NodeState, facts: Facts | None, up: bool | None) -> tuple[str, str]:
    """The class of what is wrong, and the words of the failed collection."""
    told = node.collection.error if node.collection else ""
    if up is not True:
        return (node.last_error if up is False else ""), told
    if facts is None:
        return ("no_facts", told) if told else ("", "")
    if node.writable.up is False:
        return "readonly", ""
    if facts.vitals.link == "down":
        return "link_down", ""
    return ("no_entry", node.connect.error) if node.connect is not None and node.connect.error else ("", "")


def _judged(state: State, node: NodeState, now: float) -> bool:
    """Whether its latency is a matter of its own: while a node is down, and until the window is past it, that is the story."""
    if node.verdict.up is not True:
        return False
    return node.recovered is None or now - node.recovered > float(seconds(state.policy.rules.rate_window))


def shard_view(name: str, nodes: Sequence[NodeView], yardstick: Yardstick, elsewhere: bool = False) -> ShardView:
    """The nodes of a shard together; `elsewhere` is whether its primary is none of them by the policy."""
    found = shard_rows(nodes, yardstick)
    no_primary = bool(name) and not elsewhere and lost_primary(nodes)
    # Hit rate and availability are promises of the fleet: of a shard they warn, and page nobody.
    soft = [found[name].state for name in ("hit_rate", "availability") if found[name].value is not None]
    state = rows.worst([*(node.state for node in nodes), *(WARNING for each in soft if each != OK)])
    order = sorted(nodes, key=lambda n: (-rows.RANK[n.state], n.role != "primary"))
    return ShardView(name, tuple(order), found, no_primary, CRITICAL if no_primary else state)


def shard_rows(nodes: Sequence[NodeView], yardstick: Yardstick) -> dict[str, Row]:
    """The six promises over several nodes: events are added up, of latency and memory the worst node speaks."""
    silent, unsettled = any(n.unheard for n in nodes), any(n.up is not None for n in nodes)
    good, checks = sum(n.measure.good for n in nodes), sum(n.measure.checks for n in nodes)
    found = {
        "hit_rate": yardstick.hit_rate(sum(n.measure.hits for n in nodes), sum(n.measure.misses for n in nodes)),
        # Of a silent prober the window holds what was, and less of it each second.
        "availability": Row(why=_SILENT) if silent else yardstick.availability(good, checks),
        "memory": rows.worst_row((n.memory for n in nodes), "no node tells"),
    }
    why = _SILENT if silent else _OUTAGE if unsettled else _BEGINNING
    for name in rows.LATENCIES:
        found[name] = rows.worst_row((n.latencies[name] for n in nodes if name in n.latencies), why)
    return {name: found[name] for name in rows.NAMES}


def lost_primary(nodes: Sequence[NodeView]) -> bool:
    """Whether nobody is left who takes writes: every node that is not down says that it is a replica, or none is up."""
    live = [node for node in nodes if node.up is not False]
    if any(node.up is None or not node.role_known for node in live):
        return False  # one of those may be it
    return bool(nodes) and all(node.role != "primary" for node in live)
