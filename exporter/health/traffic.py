"""Hits and misses of the fleet in the policy's window."""

from __future__ import annotations

import itertools
import weakref
from decimal import Decimal

from exporter.state import Facts, NodeState, State

Counted = tuple[weakref.ref[Facts], int, int]
"""A node's facts, and its hits and misses."""


class Traffic:
    """Counts each node's window once a collection, however often it is asked."""

    def __init__(self) -> None:
        # What was counted is only recognised: held, each node's facts would be in memory twice, old ones beside new.
        self._counted: dict[str, Counted] = {}

    def of(self, state: State, now: float) -> tuple[int, int]:
        """Hits and misses of all nodes whose facts are fresh."""
        fresh = [(node, facts) for node in state.nodes.values() if (facts := state.fresh_facts(node, now)) is not None]
        self._counted = {node.target.instance: self._node(node, facts) for node, facts in fresh}
        counts = self._counted.values()
        return sum(hits for _, hits, _ in counts), sum(misses for _, _, misses in counts)

    def _node(self, node: NodeState, facts: Facts) -> Counted:
        kept = self._counted.get(node.target.instance)
        return kept if kept is not None and kept[0]() is facts else (weakref.ref(facts), *_window(node))


def _window(node: NodeState) -> tuple[int, int]:
    hits = misses = 0
    for (_, h0, m0), (_, h1, m1) in itertools.pairwise(node.history):
        # a counter that went down began again at zero: the node was restarted
        went_on = h1 >= h0 and m1 >= m0
        hits += h1 - h0 if went_on else h1
        misses += m1 - m0 if went_on else m1
    return hits, misses


def ratio(counts: tuple[int, int], least: Decimal) -> Decimal | None:
    """Hits over requests, None when there are fewer than `least`: without traffic nothing is known.

    Decimal, because 0.7 as a float is less than 70 %.
    """
    total = sum(counts)
    return Decimal(counts[0]) / total if total and total >= least else None
