"""State -> blocks of lines, built fresh for every page. Pure, but that it logs what cannot be written."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice

from exporter import sli_forms
from exporter.exposition import Labels, Sample, inner_text, lines_of
from exporter.families import fixed
from exporter.forms import Block, Form, Own, duration, slot
from exporter.state import Collection, Facts, Failover, NodeState, State
from policy import metrics as m
from policy.operations import Families

log = logging.getLogger(__name__)
Labelled = tuple[Own, NodeState]
"""A node beside the labels that its series get."""
# Nodes whose histograms are in memory at a time.
_AT_ONCE = 16
_SCRAPE = "redis_exporter_scrape_duration_seconds"
_ASKED = Form.of(
    (family, slot(name))
    for family, name in (
        (m.REDIS_UP.name, m.REDIS_UP.name),
        ("redis_exporter_last_scrape_error", "redis_exporter_last_scrape_error"),
        ("redis_exporter_last_scrape_duration_seconds", "redis_exporter_last_scrape_duration_seconds"),
        ("redis_exporter_scrapes_total", "redis_exporter_scrapes_total"),
        (_SCRAPE, f"{_SCRAPE}_sum"),
        (_SCRAPE, f"{_SCRAPE}_count"),
    )
)


def sli(state: State, now: float) -> Iterator[Block]:
    """The `cache_*` series: what alerts and the verdict need, small enough to be scraped every two seconds."""
    speaks = state.prober_speaks(now)
    yield lines_of(_of_fleet(state, speaks))
    for own, node in _watched(state):
        if speaks:
            yield sli_forms.probed(own, node, state.bounds.texts)
        yield sli_forms.breaker(own, node.breaker.state(now))
        yield from _collected(state, node, own, now)


def _of_fleet(state: State, speaks: bool) -> Iterator[Sample]:
    fleet: Labels = (("fleet", state.policy.fleet.name),)
    yield Sample(m.POLICY_INFO, (*fleet, ("hash", state.fingerprint)), "1")
    for part, collection in state.parts.items():
        yield Sample(m.COLLECT_SUCCESS, (*fleet, ("part", part)), str(int(not collection.error)))
        yield Sample(m.COLLECT_DURATION, (*fleet, ("part", part)), duration(collection.took))
    for shard, reached in state.quorum.items():
        yield Sample(m.SENTINEL_QUORUM, (*fleet, ("shard", shard)), str(int(reached)))
    for shard, view in state.sentinels.items():
        yield Sample(m.SENTINELS_KNOWN, (*fleet, ("shard", shard)), str(view.known))
        yield Sample(m.SENTINELS_USABLE, (*fleet, ("shard", shard)), str(view.usable))
    for shard in {node.target.shard: None for node in state.nodes.values()}:
        yield from _failovers((*fleet, ("shard", shard)), state.failovers.get(shard, Failover()))
    if speaks:
        yield Sample(m.PROBE_LAG, fleet, duration(state.probe_lag()))


def _failovers(shard: Labels, seen: Failover) -> Iterator[Sample]:
    yield Sample(m.FAILOVERS, shard, str(seen.count))
    if seen.duration is not None:
        yield Sample(m.FAILOVER_DURATION, shard, duration(seen.duration))
    if seen.lost is not None:
        yield Sample(m.FAILOVER_LOST, shard, str(seen.lost))


def _watched(state: State) -> list[Labelled]:
    fleet = state.policy.fleet.name
    return [(_own(fleet, node.target.shard, node.target.instance), node) for node in state.nodes.values()]


@lru_cache(maxsize=1 << 12)
def _own(fleet: str, shard: str, instance: str) -> Own:
    return Own.of(inner_text((("fleet", fleet), ("shard", shard), ("instance", instance))))


def _collected(state: State, node: NodeState, own: Own, now: float) -> Iterator[Block]:
    facts = state.fresh_facts(node, now)
    if node.collection is not None:
        answered = facts is not None and not node.collection.error
        yield sli_forms.parts(own, _parts(state, node, node.collection, now), answered, node.kept.admission.over)
    if node.certificate_ends is not None:
        yield sli_forms.certificate(own, node.certificate_ends)
    if node.own_certificate_ends is not None:
        yield sli_forms.own_certificate(own, node.own_certificate_ends)
    if facts is not None:
        yield sli_forms.facts(own, facts.vitals, node.reads.shown, state.limit_of(node.target.instance))


def _parts(state: State, node: NodeState, last: Collection, now: float) -> dict[str, Collection]:
    """How each part of the last collection ended."""
    found = {"info": last}
    if node.connect is not None:
        found["connect"] = node.connect
    if node.write is not None and state.prober_speaks(now):
        found["set"] = node.write
    if node.facts is not None:
        found.update(node.facts.extra.parts)
    if (detail := state.fresh_detail(node, now)) is not None:
        found.update(detail.parts)
    if node.unwritten:
        found["page"] = Collection(0.0, "cannot be written")
    return found


def _asked(state: State, nodes: Iterable[Labelled], now: float) -> Iterator[Block]:
    """Whether each node answers, and what redis_exporter says of its own scrapes, of the node's collections."""
    for own, node in nodes:
        if (last := node.collection) is not None:
            # Old facts are no answer either: a collection that no longer runs must not read as a node that is up.
            up = int(not last.error and state.fresh_facts(node, now) is not None)
            count, failed = str(node.collections), str(int(bool(last.error)))
            numbers = (str(up), failed, duration(last.took), count, duration(node.spent), count)
            yield _ASKED.filled(own, numbers)


def of_node(state: State, node: NodeState, now: float) -> Iterator[Block]:
    """The node facts of one under redis_exporter's names, without labels of its own."""
    return chain.from_iterable(_sections(state, [(Own(), node)], now))


def sections(state: State, now: float) -> Iterator[Iterator[Block]]:
    """The node facts of all, in parts, so that a page of many nodes need not be in memory at once.

    They share no family, but for the last ones, which are of one and the same: histograms are the most of a page.
    """
    return _sections(state, _watched(state), now)


def _sections(state: State, nodes: Sequence[Labelled], now: float) -> Iterator[Iterator[Block]]:
    families = state.policy.collect.families
    yield _asked(state, nodes, now)
    for part, write in _SECTIONS.items():
        yield shown(_written(part, write, state, nodes, now), families)
    histograms = _written("histograms", _histograms, state, nodes, now)
    while some := list(islice(histograms, _AT_ONCE)):
        yield shown(iter(some), families)


def _fresh(state: State, nodes: Iterable[Labelled], now: float) -> Iterator[tuple[NodeState, Own, Facts]]:
    for own, node in nodes:
        if (facts := state.fresh_facts(node, now)) is not None:
            yield node, own, facts


Writer = Callable[[State, NodeState, Own, Facts, float], Block | None]
"""One part of a node's page, None where there is nothing of it."""


def _written(part: str, write: Writer, state: State, nodes: Iterable[Labelled], now: float) -> Iterator[Block]:
    """That part of every node. An answer that nobody foresaw costs its own node the part, not the page of all."""
    for node, own, known in _fresh(state, nodes, now):
        try:
            block = write(state, node, own, known, now)
        except Exception:
            if part not in node.unwritten:
                log.exception("%s: %s cannot be written on the page", node.target.instance, part)
            node.unwritten.add(part)
            continue
        node.unwritten.discard(part)
        if block is not None:
            yield block


def _numbers(state: State, node: NodeState, own: Own, known: Facts, now: float) -> Block:
    return fixed.numbers(own, known.fields)


def _commands(state: State, node: NodeState, own: Own, known: Facts, now: float) -> Block:
    return node.kept.commands(own, known.extra, state.policy.collect)


def _rest(state: State, node: NodeState, own: Own, known: Facts, now: float) -> Block:
    return node.kept.rest(own, known.fields, known.extra, state.fresh_detail(node, now), state.policy.collect)


def _details(state: State, node: NodeState, own: Own, known: Facts, now: float) -> Block | None:
    detail = state.fresh_detail(node, now)
    return None if detail is None else node.kept.detail(own, detail, state.policy.collect)


def _histograms(state: State, node: NodeState, own: Own, known: Facts, now: float) -> Block | None:
    detail = state.fresh_detail(node, now)
    return node.kept.histograms(own, detail, state.policy.collect) if detail and detail.histograms else None


_SECTIONS: dict[str, Writer] = {"numbers": _numbers, "commands": _commands, "rest": _rest, "details": _details}


def shown(blocks: Iterator[Block], families: Families) -> Iterator[Block]:
    """The blocks without the families that the policy hides."""
    return blocks if families.all else (_without_hidden(block, families) for block in blocks)


def _without_hidden(block: Block, families: Families) -> Block:
    keep = _places(block.families, families.allow, families.deny)
    if len(keep) == len(block.families):
        return block
    return Block(tuple(block.families[at] for at in keep), [block.texts[at] for at in keep], block.own)


@lru_cache(maxsize=1 << 10)
def _places(names: tuple[str, ...], allow: tuple[str, ...], deny: tuple[str, ...]) -> tuple[int, ...]:
    families = Families(allow=allow, deny=deny)
    return tuple(at for at, name in enumerate(names) if families.shows(name))
