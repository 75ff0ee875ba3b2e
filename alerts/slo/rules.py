"""A rule group for each objective: counts, windows, budget, alerts, in this order. Pure."""

from __future__ import annotations

from alerts.model import Alert, Group, Record
from alerts.slo import burning, spared
from alerts.slo.records import records
from alerts.slo.scope import Scope, scopes
from policy.model import Policy


def stem(scope: Scope) -> str:
    """The name of its rule file, without the ending."""
    return f"slo_{scope.identity}"


def groups(policy: Policy) -> dict[str, Group]:
    """Rule groups by the stem of their file below `rules/`."""
    return {**spared.groups(policy), **{stem(scope): _group(scope) for scope in scopes(policy)}}


def _group(scope: Scope) -> Group:
    rules: tuple[Record | Alert, ...] = (*records(scope), *burning.alerts(scope))
    return Group(f"cachewatch-slo-{scope.identity}", scope.step, rules)
