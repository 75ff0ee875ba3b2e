"""A rule group for each objective: counts, windows, budget, alerts, in this order. Pure."""

from __future__ import annotations

from alerts.model import Group
from alerts.slo import burning
from alerts.slo.promql import Scope
from alerts.slo.records import records
from policy.model import Policy
from policy.objectives import named


def scopes(policy: Policy) -> tuple[Scope, ...]:
    """Every objective of a policy."""
    return tuple(Scope(policy, identity, slo) for identity, slo in named(policy))


def stem(scope: Scope) -> str:
    """The name of its rule file and of its tests, without the ending."""
    return f"slo_{scope.identity}"


def groups(policy: Policy) -> dict[str, Group]:
    """Rule groups by the stem of their file below `rules/`."""
    return {stem(scope): _group(scope) for scope in scopes(policy)}


def _group(scope: Scope) -> Group:
    rules = (*records(scope), *burning.alerts(scope))
    return Group(f"cachewatch-slo-{scope.identity}", scope.step, rules)
