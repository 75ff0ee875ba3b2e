"""One node's part of the health indicator. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from exporter.state import Facts, NodeState, State

Status = Literal["UP", "DOWN", "OUT_OF_SERVICE", "UNKNOWN"]

# What ails a node whose PING is answered, and what it then is.
_AILMENTS: dict[str, Status] = {"cluster_down": "DOWN", "link_down": "OUT_OF_SERVICE"}


@dataclass(frozen=True, slots=True)
class Component:
    """One node. `age` and `facts_age` are seconds since its last health check and its last INFO; `memory` a share.

    `error` is empty, a class of `cache_health_checks_total`, or `cluster_down`, `link_down`, `recovering` (down, and
    not yet for long enough up again), `stale`, `not_checked`, `not_probed`. `role` is the last one known. `idle` is a
    primary of the policy's Cluster that serves no slots, as one that has just joined: nobody's keys are there.
    """

    instance: str
    shard: str
    status: Status
    role: str | None = None
    age: float | None = None
    facts_age: float | None = None
    error: str = ""
    memory: float | None = None
    idle: bool = False

    @property
    def group(self) -> str:
        """Its shard; a node without one stands for itself."""
        return self.shard or self.instance


def component(state: State, node: NodeState, now: float, max_age: float) -> Component:
    """What is known of a node. A verdict older than `max_age` seconds is UNKNOWN, whatever it was."""
    facts = state.fresh_facts(node, now)
    age = None if node.checked_at is None else now - node.checked_at
    status, error = _judged(state, node, facts, age, max_age)
    return Component(
        node.target.instance,
        node.target.shard,
        status,
        _role(node, facts, status),
        age,
        None if node.facts is None else now - node.facts.at,
        error,
        _memory(facts, state.limit_of(node.target.instance)),
        _idle(state, node),
    )


def _idle(state: State, node: NodeState) -> bool:
    if state.policy.fleet.cluster is None or node.target.slot is not None or node.facts is None:
        return False
    return node.facts.vitals.role == "primary" and node.facts.fields.get("cluster_enabled") == "1"


def _judged(
    state: State, node: NodeState, facts: Facts | None, age: float | None, max_age: float
) -> tuple[Status, str]:
    if not state.policy.collect.background:
        return "UNKNOWN", "not_probed"
    if node.verdict.up is None or age is None:
        return "UNKNOWN", node.last_error or "not_checked"
    if age > max_age:
        return "UNKNOWN", "stale"
    if not node.verdict.up:
        return "DOWN", node.last_error or "recovering"
    if node.writable.up is False:
        return "DOWN", "readonly"
    ailment = _ailment(facts)
    return (_AILMENTS[ailment], ailment) if ailment else ("UP", node.last_error)


def _ailment(facts: Facts | None) -> str:
    """Why a node that answers PING is no good all the same, empty when it is."""
    if facts is None:
        return ""
    if facts.extra.cluster.get("cluster_state", "ok") != "ok":
        return "cluster_down"
    return "link_down" if facts.vitals.link not in ("", "up") else ""


def _role(node: NodeState, facts: Facts | None, status: Status) -> str | None:
    """The role that INFO told. A dead node's last one counts however old; one that lives may have got another since."""
    if facts is None and status != "UP":
        facts = node.facts
    return None if facts is None else facts.vitals.role


def _memory(facts: Facts | None, of_policy: int | None) -> float | None:
    if facts is None:
        return None
    used, limit = facts.vitals.used_memory, facts.vitals.memory_limit(of_policy)
    return None if used is None or limit is None else used / limit[0]
