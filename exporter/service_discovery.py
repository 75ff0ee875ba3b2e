"""The nodes as Prometheus' http_sd wants them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exporter.state import NodeState, State


def groups(state: State, now: float) -> list[dict[str, Any]]:
    """One group a node: its instance, and what is known of it as `__meta_cachewatch_*` labels."""
    return [{"targets": [node.target.instance], "labels": _labels(state, node, now)} for node in state.nodes.values()]


def _labels(state: State, node: NodeState, now: float) -> Mapping[str, str]:
    facts = state.fresh_facts(node, now)
    role = facts.vitals.role if facts else None
    told = {"fleet": state.policy.fleet.name, "shard": node.target.shard, "role": role}
    return {f"__meta_cachewatch_{name}": text for name, text in told.items() if text}
