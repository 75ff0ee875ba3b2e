"""Hits and misses of the fleet in the policy's window. Pure."""

from __future__ import annotations

from decimal import Decimal

from exporter.reads import Counts
from exporter.state import State


def traffic(state: State, now: float) -> Counts:
    """Hits and misses of all nodes whose facts are fresh."""
    counts = [node.reads.recent() for node in state.nodes.values() if state.fresh_facts(node, now) is not None]
    return sum(hits for hits, _ in counts), sum(misses for _, misses in counts)


def ratio(counts: Counts, least: Decimal) -> Decimal | None:
    """Hits over requests, None when there are fewer than `least`: without traffic nothing is known.

    Decimal, because 0.7 as a float is less than 70 %.
    """
    total = sum(counts)
    return Decimal(counts[0]) / total if total and total >= least else None
