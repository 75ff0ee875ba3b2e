"""Facts -> samples, built fresh for every page. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from exporter import info
from exporter.breaker import STATES
from exporter.exposition import Labels, Sample
from exporter.state import NodeState, State
from policy import metrics as m


def sli(state: State, now: float) -> Iterator[Sample]:
    """The `cache_*` series: what alerts and the verdict need, small enough to be scraped every two seconds."""
    fleet = (("fleet", state.policy.fleet.name),)
    for part, collection in state.parts.items():
        yield Sample(m.COLLECT_SUCCESS, (*fleet, ("part", part)), _flag(not collection.error))
        yield Sample(m.COLLECT_DURATION, (*fleet, ("part", part)), repr(collection.took))
    if state.prober_speaks(now):
        yield Sample(m.PROBE_LAG, fleet, repr(state.probe_lag()))
    for node in state.by_shard():
        labels = _node_labels(state, node)
        if state.prober_speaks(now):
            yield from _probed(state, node, labels)
        for name in STATES:
            yield Sample(m.BREAKER_STATE, (*labels, ("state", name)), _flag(name == node.breaker.state(now)))
        yield from _collected(state, node, labels, state.fresh_facts(node, now))


def facts(state: State, now: float) -> Iterator[Sample]:
    """The node facts under redis_exporter's names."""
    for node in state.by_shard():
        labels = _node_labels(state, node)
        fields = state.fresh_facts(node, now)
        if node.collection is not None:
            # Old facts are no answer either: a collection that no longer runs must not read as a node that is up.
            yield Sample(m.REDIS_UP, labels, _flag(not node.collection.error and fields is not None))
        if fields is not None:
            yield from _redis(labels, fields)


def _node_labels(state: State, node: NodeState) -> Labels:
    target = node.target
    return ("fleet", state.policy.fleet.name), ("shard", target.shard), ("instance", target.instance)


def _flag(on: bool) -> str:
    return "1" if on else "0"


def _probed(state: State, node: NodeState, labels: Labels) -> Iterator[Sample]:
    if node.verdict.up is not None:
        yield Sample(m.NODE_UP, labels, _flag(node.verdict.up))
    for result, count in node.checks.items():
        yield Sample(m.HEALTH_CHECKS, (*labels, ("result", result)), str(count))
    ping: Labels = (*labels, ("op", "ping"))
    *counts, total = node.pings.cumulative()
    for bound, count in zip(state.bounds, counts, strict=True):
        yield Sample(m.PROBE_DURATION, (*ping, ("le", m.le(bound))), str(count), "_bucket")
    yield Sample(m.PROBE_DURATION, (*ping, ("le", "+Inf")), str(total), "_bucket")
    yield Sample(m.PROBE_DURATION, ping, repr(node.pings.sum), "_sum")
    yield Sample(m.PROBE_DURATION, ping, str(total), "_count")


def _collected(state: State, node: NodeState, labels: Labels, fields: Mapping[str, str] | None) -> Iterator[Sample]:
    if node.collection is not None:
        part: Labels = (*labels, ("part", "info"))
        yield Sample(m.COLLECT_SUCCESS, part, _flag(not node.collection.error and fields is not None))
        yield Sample(m.COLLECT_DURATION, part, repr(node.collection.took))
    if fields is None:
        return
    for metric, name in ((m.HITS, "keyspace_hits"), (m.MISSES, "keyspace_misses"), (m.MEMORY_USED, "used_memory")):
        if (text := info.number(fields, name)) is not None:
            yield Sample(metric, labels, text)
    limit = info.memory_limit(fields, state.policy.fleet.limit_of(node.target.instance))
    if limit is not None:
        yield Sample(m.MEMORY_LIMIT, (*labels, ("source", limit[1])), str(limit[0]))
    if (role := info.role(fields)) is not None:
        yield Sample(m.NODE_ROLE, (*labels, ("role", role)), "1")


def _redis(labels: Labels, fields: Mapping[str, str]) -> Iterator[Sample]:
    own = tuple((name, fields.get(name, "")) for name in m.INSTANCE_INFO.labels)
    yield Sample(m.INSTANCE_INFO, (*labels, *own), "1")
    for metric in m.NODE_FACTS:
        if (text := info.number(fields, metric.info)) is not None:
            yield Sample(metric, labels, text)
    for db in info.keyspaces(fields):
        name = (*labels, ("db", db.db))
        yield Sample(m.DB_KEYS, name, db.keys)
        yield Sample(m.DB_EXPIRING, name, db.expires)
        yield Sample(m.DB_TTL, name, f"{db.avg_ttl}e-3")
