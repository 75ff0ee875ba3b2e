"""A judgement as Spring Boot's Actuator writes it. Pure."""

from __future__ import annotations

from typing import Any

from exporter.health.judge import Judgement
from exporter.health.node import Component, Status

# Actuator's mapping.
HTTP_STATUS: dict[Status, int] = {"UP": 200, "UNKNOWN": 200, "DOWN": 503, "OUT_OF_SERVICE": 503}
GROUPS = ("liveness", "readiness")


def whole(judgement: Judgement) -> dict[str, Any]:
    """Status, the seed's details (`nodes`, `hit_rate`, `memory_usage`, `error`), a component per node, the groups."""
    components = {component.instance: one(component) for component in judgement.components}
    return {
        "status": judgement.status,
        "details": _details(judgement),
        "components": components,
        "groups": list(GROUPS),
    }


def _details(judgement: Judgement) -> dict[str, Any]:
    hit_rate = judgement.hit_rate
    said = {"error": judgement.error, "warning": judgement.warning}
    return {
        "nodes": judgement.nodes,
        "hit_rate": None if hit_rate is None else round(float(hit_rate), 6),
        "memory_usage": _rounded(judgement.memory, 6),
        "nodes_total": len(judgement.components),
        "nodes_down": sum(component.status == "DOWN" for component in judgement.components),
        "shards_total": len(judgement.shards),
        "shards_down": sum(status == "DOWN" for status in judgement.shards.values()),
        **{key: text for key, text in said.items() if text},
    }


def one(component: Component) -> dict[str, Any]:
    """One node's component. `age_seconds` is the verdict's age, `facts_age_seconds` that of INFO."""
    details: dict[str, Any] = {
        "shard": component.shard or None,
        "role": component.role,
        "age_seconds": _rounded(component.age, 1),
        "facts_age_seconds": _rounded(component.facts_age, 1),
        "memory_usage": _rounded(component.memory, 6),
    }
    if component.error:
        details["error"] = component.error
    return {"status": component.status, "details": details}


def group(status: Status, error: str) -> dict[str, Any]:
    """A group that speaks of this process alone."""
    return {"status": status, "details": {"error": error}} if error else {"status": status}


def bare(status: Status) -> dict[str, Any]:
    """What everybody may know."""
    return {"status": status}


def _rounded(number: float | None, digits: int) -> float | None:
    return None if number is None else round(number, digits)
