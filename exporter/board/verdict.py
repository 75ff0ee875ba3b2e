"""What is wrong, in words, the worst first. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from exporter.board import rows
from exporter.board.nodes import NodeView, ShardView
from exporter.board.rows import CRITICAL, OK, UNKNOWN, WARNING, Row
from exporter.state import State
from policy.alerts import ALERTS, BY_NAME
from policy.thresholds import Thresholds
from policy.units import duration_text, latency_text, percent_text

MOST_NAMED = 3
_TITLES = {
    "hit_rate": "Hit rate",
    "latency_p50": "p50 latency",
    "latency_p95": "p95 latency",
    "latency_p99": "p99 latency",
    "memory": "Memory",
    "availability": "Availability",
}
# Pages that name a fault above the promises that it breaks; as much as where the board sees it itself.
_WEIGHTS = {"CacheFailoverOverdue": 40, "CacheWritesRefused": 25}
_SOURCES = {"sentinel": "Sentinel", "cluster": "The Cluster", "files": "The file of nodes", "dns": "The name server"}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `since` is monotonic seconds; `alert` names its runbook; `weight` orders equals.

    `text` stays the same while the problem does, since it is read aloud when it changes; numbers that move are in `detail`.
    """

    state: str
    text: str
    detail: str = ""
    since: float | None = None
    shard: str | None = None
    instance: str | None = None
    alert: str | None = None
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Sight:
    """What the verdict is made of: the shards, the fleet's rows, and since when each of these is as it is."""

    state: State
    shards: Sequence[ShardView]
    rows: Mapping[str, Row]
    row_since: Mapping[str, float]
    now: float

    @property
    def nodes(self) -> Iterator[NodeView]:
        """All nodes."""
        return (node for shard in self.shards for node in shard.nodes)


def problems(sight: Sight) -> list[Problem]:
    """Everything that is wrong, the worst first; empty when all is well."""
    blind = list(_blind(sight))
    if blind:
        return [*blind, *_sources(sight.state)]
    found = [*_shards(sight), *_promises(sight), *_ailing(sight), *_unknown(sight), *_sources(sight.state)]
    return sorted(found, key=lambda p: (-rows.RANK[p.state], -p.weight))


def with_alerts(
    sight: Sight, found: Sequence[Problem], alerts: Iterable[Mapping[str, Any]], error: str, wall: float
) -> list[Problem]:
    """What is wrong, and what Alertmanager tells beside it: never "all is well" while somebody is paged.

    `alerts` are those of heard.alerts, `error` why they are old, `wall` what makes Unix seconds of monotonic ones.
    """
    # By its state as well: the fleet's availability warns at most, and the page about one node's is worse.
    known = {(problem.alert, problem.state) for problem in found}
    every = ((alert["name"], _alerted(sight, alert, wall)) for alert in alerts if alert["status"] == "active")
    told = [problem for name, problem in every if (name, problem.state) not in known]
    if error:
        told.append(Problem(WARNING, f"Alertmanager does not answer, so that nobody would be paged: {error}", weight=4))
    return sorted([*found, *told], key=lambda p: (-rows.RANK[p.state], -p.weight))


def _alerted(sight: Sight, alert: Mapping[str, Any], wall: float) -> Problem:
    state = CRITICAL if alert["severity"] == "critical" else WARNING
    name, instance = alert["name"], alert["instance"] or None
    problem = Problem(
        state,
        alert["summary"] or name,
        f"{name} fires.",
        alert["since_unix_seconds"] - wall,
        alert["shard"] or None,
        instance,
        name if name in BY_NAME else None,
        weight=_WEIGHTS.get(name, 12 if state == CRITICAL else 8),
    )
    back = name == "CacheNodeDown" and any(node.instance == instance and node.up for node in sight.nodes)
    return _back(sight, problem) if back else problem


def _back(sight: Sight, problem: Problem) -> Problem:
    """Of a node that is up again: its page outlives its verdict for a while."""
    kept = duration_text(sight.state.policy.alerts.node_down.keep_firing_for)
    where = f" of {problem.shard}" if problem.shard else ""
    text = f"Node {problem.instance}{where} is up again"
    return replace(problem, state=WARNING, text=text, detail=f"Its page ends when it has been up for {kept}.", weight=8)


def headline(sight: Sight, found: Sequence[Problem]) -> Problem:
    """The sentence that is read first."""
    if found:
        return found[0]
    count, shards = sum(1 for _ in sight.nodes), sum(1 for shard in sight.shards if shard.name)
    where = f" of {_many(shards, 'shard')}" if shards else ""
    text = "the node answers" if count == 1 else f"all {count} nodes{where} answer"
    return Problem(OK, f"All is well: {text}, {_kept(sight.rows)}.")


def _kept(rows: Mapping[str, Row]) -> str:
    """How the promises are kept: which are not quite, and which nobody can judge, as without reads there is no hit rate."""
    missed = [_in_text(name) for name, row in rows.items() if row.on_target is False]
    unknown = [_in_text(name) for name, row in rows.items() if row.state == UNKNOWN]
    unsure = f" ({', '.join(unknown)} unknown)" if unknown else ""
    if missed:
        return f"{' and '.join(missed)} {'is' if len(missed) == 1 else 'are'} off target, no limit is broken{unsure}"
    return f"every {'other ' if unknown else ''}promise is kept{unsure}"


def _in_text(name: str) -> str:
    """A row's title within a sentence."""
    return _TITLES[name][0].lower() + _TITLES[name][1:]


def _blind(sight: Sight) -> Iterator[Problem]:
    """Why nothing can be said at all."""
    state = sight.state
    if not state.nodes:
        waits = "No node is known yet: not everybody who names nodes has answered."
        yield Problem(UNKNOWN, waits if state.unheard else "No node is known: those who name nodes name none.")
    elif not state.policy.collect.background:
        yield Problem(UNKNOWN, "This exporter asks a node only when /scrape wants it: it watches none by itself.")
    elif state.probed_at is None:
        yield Problem(UNKNOWN, "Cachewatch has just started: no node has been probed yet.")
    elif not state.prober_speaks(sight.now):
        text = "Cachewatch's own prober is silent: nobody knows whether the nodes answer."
        yield Problem(UNKNOWN, text, since=state.probed_at)


def _shards(sight: Sight) -> Iterator[Problem]:
    """Shards without a primary and nodes that are down; of many the first few by name."""
    lost = [shard for shard in sight.shards if shard.no_primary]
    rest = [node for shard in sight.shards if not shard.no_primary for node in shard.down]
    if len(lost) > MOST_NAMED:
        since = min((n.since for shard in lost for n in shard.down if n.since is not None), default=None)
        names = _few([shard.name for shard in lost])
        text = f"{len(lost)} of {len(sight.shards)} shards have no primary: {names}"
        yield Problem(CRITICAL, text, since=since, alert="CacheNodeDown", weight=40)
    else:
        yield from map(_lost_primary, lost)
    heirs = {shard.name: shard.primary for shard in sight.shards if shard.name}
    if len(rest) > MOST_NAMED:
        since = min((n.since for n in rest if n.since is not None), default=None)
        named = _few([node.instance for node in rest])
        text = f"{len(rest)} nodes are down in shards that still have a primary: {named}"
        yield Problem(CRITICAL, text, since=since, alert="CacheNodeDown", weight=30)
    else:
        yield from (_down(node, heirs.get(node.shard)) for node in rest)


def _lost_primary(shard: ShardView) -> Problem:
    whole = len(shard.down) == len(shard.nodes)
    if not shard.down:
        text, since, instance = f"{shard.name} has no primary: every node says that it is a replica", None, None
    else:
        node = shard.down[0]
        rest = f", and so are {len(shard.down) - 1} more" if len(shard.down) > 1 and not whole else ""
        every = f"{shard.name} is gone, all {len(shard.nodes)} nodes are down" if whole and len(shard.nodes) > 1 else ""
        text = f"{every or f'{shard.name} has no primary'}: node {node.instance} {node.words}{rest}"
        since, instance = node.since, node.instance
    return Problem(CRITICAL, text, "", since, shard.name, instance, "CacheNodeDown", weight=40)


def _down(node: NodeView, heir: str | None) -> Problem:
    """A node that is down in a shard that goes on, or in none; `heir` is the shard's primary."""
    where, follows = f" of {node.shard}" if node.shard else "", ""
    role = {"replica": "Replica", "primary": "Primary"}.get(node.role or "", "Node")
    if role == "Primary" and heir:
        role, follows = "Former primary", f"{heir} is the primary now."
    text = f"{role} {node.instance}{where} {node.words}"
    weight = 20 if node.role == "replica" else 30
    return Problem(CRITICAL, text, follows, node.since, node.shard, node.instance, "CacheNodeDown", weight)


def _promises(sight: Sight) -> Iterator[Problem]:
    """The fleet's rows that are beyond a limit. Of the fleet's availability nobody is paged, and so it warns at most."""
    for name, row in sight.rows.items():
        if row.state not in (WARNING, CRITICAL):
            continue
        paged = name != "availability"  # its alerts speak of one node, and not of one that is down
        peers = sum(n.up is True and _row_of(n, name).state == row.state for n in sight.nodes) - 1
        more = f"; {_many(peers, 'more node')} beyond the same limit" if row.instance and peers > 0 else ""
        yield Problem(
            row.state if paged else WARNING,
            _broken(sight.state.policy.thresholds, name, row),
            f"{row.text(rows.unit(name))}{more}",
            sight.row_since.get(name),
            instance=row.instance,
            alert=_alert(name, row.state),
            weight=10 if paged else 6,
        )


def _row_of(node: NodeView, name: str) -> Row:
    return node.memory if name == "memory" else node.latencies.get(name, Row())


def _broken(thresholds: Thresholds, name: str, row: Row) -> str:
    level = getattr(getattr(thresholds, name), row.state)
    side = "above" if hasattr(level, "above") else "below"
    limit = getattr(level, side)
    bound = (
        latency_text(limit).replace("ms", " ms")
        if rows.unit(name) == "seconds"
        else percent_text(limit).replace("%", " %")
    )
    who = f" of {row.instance}" if row.instance else ""
    return f"{_TITLES[name]}{who} is {side} {bound}, its {row.state} limit"


def _alert(name: str, state: str) -> str | None:
    """The alert of that row and level, whose runbook helps."""
    return next((spec.name for spec in ALERTS if (spec.row, spec.level) == (name, state)), None)


# What ails nodes that answer: how bad it is, the alert whose runbook helps, and the words for one and for several.
_AILING = {
    "readonly": (CRITICAL, 25, "CacheWritesRefused", "takes no writes", "take no writes"),
    "link_down": (
        WARNING,
        5,
        "CacheReplicaLinkDown",
        "has lost the link to its primary and serves old data",
        "lost the link to their primary and serve old data",
    ),
    "no_facts": (WARNING, 5, "CacheCollectionFailing", "answers PING but not INFO", "answer PING but not INFO"),
    "no_entry": (WARNING, 4, "CacheCollectionFailing", "takes no new connection", "take no new connections"),
}


def _ailing(sight: Sight) -> Iterator[Problem]:
    """Nodes that answer and are not whole."""
    for reason, (state, weight, alert, one, several) in _AILING.items():
        ill = [node for node in sight.nodes if node.up and node.reason == reason]
        if len(ill) == 1:
            node, why = ill[0], f" ({ill[0].error})" if ill[0].error else ""
            words = f"Node {node.instance} {one}{why}"
            yield Problem(state, words, shard=node.shard, instance=node.instance, alert=alert, weight=weight)
        elif ill:
            named = _few([node.instance for node in ill])
            yield Problem(state, f"{len(ill)} nodes {several}: {named}", alert=alert, weight=weight)


def _unknown(sight: Sight) -> Iterator[Problem]:
    silent = [node.instance for node in sight.nodes if node.up is None]
    if silent:
        total = sum(1 for _ in sight.nodes)
        who = "No node has" if len(silent) == total else f"{len(silent)} of {total} nodes have"
        named = "" if len(silent) == total else f": {_few(silent)}"
        yield Problem(UNKNOWN, f"{who} a verdict yet{named}")


def _sources(state: State) -> Iterator[Problem]:
    """Who names the nodes and does not answer, and a policy that was refused."""
    for name, collection in state.parts.items():
        if not collection.error:
            continue
        first = collection.error.splitlines()[0]
        if name == "policy":
            yield Problem(WARNING, f"The policy file is refused, the old one goes on: {first}", weight=2)
            continue
        rest = "not all of its nodes are watched yet" if name in state.unheard else "the nodes known last stay watched"
        yield Problem(WARNING, f"{_SOURCES.get(name, name)} cannot be read ({first}): {rest}", weight=3)


def _few(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
