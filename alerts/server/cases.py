"""All test cases of the alerts about Redis itself, by rule file. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.promql import milliseconds
from alerts.rule_cases import Case
from alerts.server import (
    certificate_cases,
    counter_cases,
    lag_cases,
    proof,
    scenes,
    sentinel_scenes,
    stray_cases,
    turns,
)
from alerts.server.conditions import conditions
from alerts.server.proof import Clock
from alerts.server.scenes import Cast
from policy.model import Policy


def longest(policy: Policy, stem: str) -> int:
    """Milliseconds that the most patient alert of a file waits."""
    return max(milliseconds(condition.hold) for condition in conditions(policy, stem))


def failover(policy: Policy, step: int) -> Iterator[Case]:
    """Cases of the fast file, evaluated each `step` milliseconds."""
    cast, clock = Cast.of(policy), Clock.between(step, milliseconds(policy.rules.liveness_interval))
    for each in (*scenes.failover(cast), *sentinel_scenes.failover(cast)):
        yield from proof.cases(each, clock)
    yield from counter_cases.writes_refused(cast, step)
    yield from turns.cases(cast, clock)


def server(policy: Policy, step: int) -> Iterator[Case]:
    """Cases of the slow file, evaluated each `step` milliseconds."""
    cast, clock = Cast.of(policy), Clock.between(step, milliseconds(policy.rules.interval))
    for each in (*sentinel_scenes.server(cast), *scenes.server(cast)):
        yield from proof.cases(each, clock)
    yield from counter_cases.evictions(cast, clock)
    yield from counter_cases.access_denied(cast, clock)
    yield from counter_cases.main_thread(cast, clock)
    yield from counter_cases.rejected(cast, clock)
    yield from counter_cases.flapping(cast, clock)
    yield from certificate_cases.expiring(cast, clock)
    yield from lag_cases.behind(cast, clock)
    yield from stray_cases.writes(cast, clock)
