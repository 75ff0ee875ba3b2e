"""The health indicator: the last verdicts -> Spring Boot Actuator's JSON. Pure: no node is asked in a request."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from exporter import info
from exporter.state import NodeState, State

# Actuator's mapping: DOWN is 503, UNKNOWN and UP are 200.
HTTP_STATUS = {"UP": 200, "DOWN": 503, "UNKNOWN": 200}


def report(state: State, now: float) -> dict[str, Any]:
    """Status, the seed's details (`nodes`, `hit_rate`, `memory_usage`, `error`) and a component per node.

    A source of nodes that never answered makes it UNKNOWN: what only it would name is watched by nobody.
    """
    nodes = list(state.by_shard())
    verdicts = {node.target.instance: _node_status(state, node, now) for node in nodes}
    hit_rate, memory = _hit_rate(state, nodes, now), _memory_usage(state, nodes, now)
    floor = state.policy.thresholds.hit_rate.critical.below
    overall = _worst(verdicts.values())
    shown = None if hit_rate is None else round(float(hit_rate), 6)
    details: dict[str, Any] = {"nodes": overall, "hit_rate": shown, "memory_usage": memory}
    if overall == "DOWN":
        details["error"] = "Nodes down: " + ", ".join(i for i, status in verdicts.items() if status == "DOWN")
    elif hit_rate is not None and hit_rate < floor:
        overall, details["error"] = "DOWN", "Hit rate too low"
    elif overall == "UP" and state.unheard:
        overall, details["error"] = "UNKNOWN", "Never heard: " + ", ".join(sorted(state.unheard))
    components = {node.target.instance: _component(state, node, verdicts[node.target.instance], now) for node in nodes}
    return {"status": overall, "details": details, "components": components}


def _node_status(state: State, node: NodeState, now: float) -> str:
    if node.verdict.up is None or not state.prober_speaks(now):
        return "UNKNOWN"
    return "UP" if node.verdict.up else "DOWN"


def _worst(statuses: Iterable[str]) -> str:
    found = set(statuses)
    return next((s for s in ("DOWN", "UNKNOWN") if s in found), "UP") if found else "UNKNOWN"


def _component(state: State, node: NodeState, status: str, now: float) -> dict[str, Any]:
    fields = state.fresh_facts(node, now)
    age = None if node.facts is None else round(now - node.facts.at, 1)
    details: dict[str, Any] = {"shard": node.target.shard or None, "facts_age_seconds": age}
    if fields is not None:
        details["role"] = info.role(fields)
    if node.last_error:
        details["error"] = node.last_error
    return {"status": status, "details": details}


def _hit_rate(state: State, nodes: Iterable[NodeState], now: float) -> Decimal | None:
    """Hits over requests in the window, None before `min_requests`: without traffic nothing is known.

    Decimal, because 0.7 as a float is less than 70 %.
    """
    hits = misses = 0
    for node in nodes:
        if state.fresh_facts(node, now) is None:
            continue
        for (_, h0, m0), (_, h1, m1) in itertools.pairwise(node.history):
            # a counter that went down began again at zero: the node was restarted
            hits += h1 - h0 if h1 >= h0 and m1 >= m0 else h1
            misses += m1 - m0 if h1 >= h0 and m1 >= m0 else m1
    total = hits + misses
    return Decimal(hits) / total if total >= state.policy.health.min_requests else None


def _memory_usage(state: State, nodes: Iterable[NodeState], now: float) -> float | None:
    """The fullest node's share of its limit, None when no node tells."""
    shares = []
    for node in nodes:
        fields = state.fresh_facts(node, now) or {}
        used, limit = (
            info.integer(fields, "used_memory"),
            info.memory_limit(fields, state.limit_of(node.target.instance)),
        )
        if used is not None and limit is not None:
            shares.append(used / limit[0])
    return round(max(shares), 6) if shares else None
