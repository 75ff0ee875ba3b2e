"""Facts -> samples, built fresh for every page. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from exporter import info
from exporter.breaker import STATES
from exporter.exposition import Labels, Sample, Texts, inner_text
from exporter.state import NodeState, State
from policy import metrics as m


def sli(state: State, now: float) -> Iterator[Sample | Texts]:
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
        breaker = node.breaker.state(now)
        for name in STATES:
            yield Sample(m.BREAKER_STATE, (*labels, ("state", name)), _flag(name == breaker))
        yield from _collected(state, node, labels, state.fresh_facts(node, now), now)


def facts(state: State, now: float) -> Iterator[Sample | Texts]:
    """The node facts under redis_exporter's names."""
    for node in state.by_shard():
        labels = _node_labels(state, node)
        fields = state.fresh_facts(node, now)
        if node.collection is not None:
            # Old facts are no answer either: a collection that no longer runs must not read as a node that is up.
            yield Sample(m.REDIS_UP, labels, _flag(not node.collection.error and fields is not None))
            yield from _exporter(labels, node)
        if fields is not None:
            yield from _families(state, node, labels, fields, now)


def _exporter(labels: Labels, node: NodeState) -> Iterator[Sample]:
    """What redis_exporter says of its own scrapes, of this node's collections."""
    if node.collection is not None:
        yield Sample(m.LABELLED["redis_exporter_last_scrape_error"], labels, _flag(bool(node.collection.error)))
        yield Sample(m.LABELLED["redis_exporter_last_scrape_duration_seconds"], labels, repr(node.collection.took))
        yield Sample(m.LABELLED["redis_exporter_scrapes_total"], labels, str(node.collections))
        duration = m.LABELLED["redis_exporter_scrape_duration_seconds"]
        yield Sample(duration, labels, repr(node.spent), "_sum")
        yield Sample(duration, labels, str(node.collections), "_count")


def _families(state: State, node: NodeState, labels: Labels, fields: Mapping[str, str], now: float) -> Iterator[Texts]:
    own, collect, detail = inner_text(labels), state.policy.collect, state.fresh_detail(node, now)
    if node.facts is not None:
        yield node.kept.cheap(own, fields, node.facts.extra, detail, collect)
    if detail is not None:
        yield node.kept.detail(own, detail, collect)


def _node_labels(state: State, node: NodeState) -> Labels:
    target = node.target
    return ("fleet", state.policy.fleet.name), ("shard", target.shard), ("instance", target.instance)


def _flag(on: bool) -> str:
    return "1" if on else "0"


def _probed(state: State, node: NodeState, labels: Labels) -> Iterator[Sample | Texts]:
    if node.verdict.up is not None:
        yield Sample(m.NODE_UP, labels, _flag(node.verdict.up))
    own = inner_text(labels)
    start = f'{m.HEALTH_CHECKS.name}{{{own},result="'
    yield {m.HEALTH_CHECKS.name: "".join([f'{start}{result}"}} {count}\n' for result, count in node.checks.items()])}
    # Written out: half of all lines of the light page are these buckets.
    name = m.PROBE_DURATION.name
    bucket, rest = f'{name}_bucket{{{own},op="ping",le="', f'{{{own},op="ping"}}'
    *counts, total = node.pings.cumulative()
    lines = [f'{bucket}{bound}"}} {count}\n' for bound, count in zip(state.bound_texts, counts, strict=True)]
    lines.append(f'{bucket}+Inf"}} {total}\n{name}_sum{rest} {node.pings.sum!r}\n{name}_count{rest} {total}\n')
    yield {name: "".join(lines)}


def _parts(state: State, node: NodeState, labels: Labels, answered: bool, now: float) -> Iterator[Sample]:
    """How each part of the last collection ended; all failed where the node itself did not answer."""
    detail = state.fresh_detail(node, now)
    parts = {**(node.facts.extra.parts if node.facts else {}), **(detail.parts if detail else {})}
    for part, how in parts.items():
        yield Sample(m.COLLECT_SUCCESS, (*labels, ("part", part)), _flag(answered and not how.error))
        yield Sample(m.COLLECT_DURATION, (*labels, ("part", part)), repr(how.took))
    for kind, names in node.kept.admission.over.items():
        yield Sample(m.OVER_LIMIT, (*labels, ("kind", kind)), str(len(names)))


def _collected(
    state: State, node: NodeState, labels: Labels, fields: Mapping[str, str] | None, now: float
) -> Iterator[Sample]:
    if node.collection is not None:
        part: Labels = (*labels, ("part", "info"))
        yield Sample(m.COLLECT_SUCCESS, part, _flag(not node.collection.error and fields is not None))
        yield Sample(m.COLLECT_DURATION, part, repr(node.collection.took))
        yield from _parts(state, node, labels, fields is not None and not node.collection.error, now)
    if fields is None:
        return
    for metric, name in ((m.HITS, "keyspace_hits"), (m.MISSES, "keyspace_misses"), (m.MEMORY_USED, "used_memory")):
        if (text := info.number(fields, name)) is not None:
            yield Sample(metric, labels, text)
    limit = info.memory_limit(fields, state.limit_of(node.target.instance))
    if limit is not None:
        yield Sample(m.MEMORY_LIMIT, (*labels, ("source", limit[1])), str(limit[0]))
    if (role := info.role(fields)) is not None:
        yield Sample(m.NODE_ROLE, (*labels, ("role", role)), "1")
