"""Shards of which only replicas are watched: their primary lives where nobody of ours looks, as in another region. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.info import Vitals
from exporter.state import State


def led_elsewhere(state: State, now: float) -> frozenset[str]:
    """The shards of which a replica has its link to a primary that is none of the watched nodes; `now` is monotonic seconds.

    A replica carries the replication id of its primary, so that the two belong together whatever address it knows it by. One
    that carries none may follow any of them.
    """
    known = [node.facts.vitals for node in state.nodes.values() if node.facts is not None]
    ids = {"", *(vitals.replid for vitals in known if vitals.role == "primary")}
    return frozenset(
        shard for shard, vitals in _linked(state, now) if vitals.replid not in ids and vitals.follows not in state.nodes
    )


def _linked(state: State, now: float) -> Iterator[tuple[str, Vitals]]:
    """The replicas that are not down and said lately that their link is up, each with its shard."""
    for node in state.nodes.values():
        facts = state.fresh_facts(node, now)
        if facts is None or node.verdict.up is False:
            continue
        if facts.vitals.role == "replica" and facts.vitals.link == "up":
            yield node.target.shard, facts.vitals
