"""A judgement as `application/health+json` (draft-inadarei-api-health-check). Pure; `wall` is Unix seconds now."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from exporter.health.judge import Judgement
from exporter.health.node import Component, Status
from policy.model import Policy

_WORDS: dict[Status, str] = {"UP": "pass", "UNKNOWN": "warn", "DOWN": "fail", "OUT_OF_SERVICE": "fail"}


def whole(judgement: Judgement, policy: Policy, wall: float) -> dict[str, Any]:
    """`warn` where the status is UNKNOWN, or UP with something wrong; a check of `nodes:status` per node."""
    return {
        "status": "warn" if judgement.warning else _WORDS[judgement.status],
        "description": f"the cache fleet {policy.fleet.name}",
        **_output(judgement.error or judgement.warning),
        "checks": {
            "shards:down": [_shards(judgement, wall)],
            "cache:hit_rate": [_hit_rate(judgement, policy, wall)],
            "cache:memory_usage": [_memory(judgement, policy, wall)],
            "nodes:status": [_node(component, wall) for component in judgement.components],
        },
    }


def one(component: Component, wall: float) -> dict[str, Any]:
    """One node alone."""
    head = {"status": _WORDS[component.status], **_output(component.error)}
    return {**head, "checks": {"nodes:status": [_node(component, wall)]}}


def group(status: Status, error: str) -> dict[str, Any]:
    """A group that speaks of this process alone."""
    return {"status": _WORDS[status], **_output(error)}


def bare(judgement: Judgement) -> dict[str, Any]:
    """What everybody may know."""
    return {"status": "warn" if judgement.warning else _WORDS[judgement.status]}


def _node(component: Component, wall: float) -> dict[str, Any]:
    said = {"time": _time(wall - component.age)} if component.age is not None else {}
    return {
        "componentId": component.instance,
        "componentType": "datastore",
        "observedValue": component.status,
        "observedUnit": "status",
        "status": _WORDS[component.status],
        **said,
        **_output(component.error),
    }


def _shards(judgement: Judgement, wall: float) -> dict[str, Any]:
    down = sum(status == "DOWN" for status in judgement.shards.values())
    return _figure(down, "shards", "warn" if down and judgement.nodes == "UP" else _WORDS[judgement.nodes], wall)


def _hit_rate(judgement: Judgement, policy: Policy, wall: float) -> dict[str, Any]:
    rate, levels = judgement.hit_rate, policy.thresholds.hit_rate
    if rate is None:
        return _figure(None, "ratio", "pass", wall) | _output("too few requests to tell")
    word = "fail" if judgement.memo.low else "warn" if rate < levels.warning.below else "pass"
    return _figure(round(float(rate), 6), "ratio", word, wall)


def _memory(judgement: Judgement, policy: Policy, wall: float) -> dict[str, Any]:
    share = judgement.memory
    if share is None:
        return _figure(None, "ratio", "warn", wall) | _output("no node tells")
    word = "warn" if share > policy.thresholds.memory.warning.above else "pass"
    return _figure(round(share, 6), "ratio", word, wall)


def _figure(value: float | None, unit: str, word: str, wall: float) -> dict[str, Any]:
    return {
        "componentType": "datastore",
        "observedValue": value,
        "observedUnit": unit,
        "status": word,
        "time": _time(wall),
    }


def _output(text: str) -> dict[str, str]:
    return {"output": text} if text else {}


def _time(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
