"""Who may have become a primary: after the death of one, whoever waits for INFO learns of it up to an interval late. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from exporter.state import NodeState

# Seconds for which they are asked each second: a failover that takes longer is told by its own alert.
_WINDOW = 60.0
# And for which a primary that came back is not believed to be one still: Sentinel may have decided, and tells it late. What
# was in its place is heard a moment later.
BACK = 15.0


def heirs(nodes: Iterable[NodeState], now: float) -> Iterator[NodeState]:
    """The living nodes of each shard whose primaries are all down, the last one not for long; `now` is monotonic seconds.

    So it is while one has only just come back.
    """
    every = list(nodes)
    shards = {node.target.shard for node in every if _lately(node, now) and node.target.shard}
    for shard in shards:
        members = [node for node in every if node.target.shard == shard]
        primaries = [node for node in members if node.facts is not None and node.facts.vitals.role == "primary"]
        if primaries and all(_lately(node, now) for node in primaries):
            yield from (node for node in members if node.verdict.up)


def _lately(node: NodeState, now: float) -> bool:
    if node.verdict.up is False:
        return node.since is not None and now - node.since < _WINDOW
    return node.recovered is not None and now - node.recovered < BACK
