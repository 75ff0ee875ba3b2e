"""The two alerts of an objective: its budget is spent fast, and nobody was told (a page), or slowly (a ticket). Pure.

Multi-window, multi-burn-rate (The Site Reliability Workbook, chapter 5): the long window says that it matters, the short
one that it goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from alerts import links
from alerts.model import Alert
from alerts.slo import promql, texts
from alerts.slo.promql import Scope
from policy import objectives as o
from policy.alerts import BURN_FAST, BURN_SLOW, AlertSpec
from policy.burn import Burn
from policy.units import plain

# Sloth's names of the two, by which its dashboards count what fires.
SLOTH_SEVERITY = {BURN_FAST.name: "page", BURN_SLOW.name: "ticket"}


def alerts(scope: Scope) -> Iterator[Alert]:
    """The alerts whose burn rates the objective has."""
    for spec in (BURN_FAST, BURN_SLOW):
        pairs = pairs_of(scope, spec)
        if pairs:
            yield _alert(scope, spec, pairs)


def pairs_of(scope: Scope, spec: AlertSpec) -> tuple[Burn, ...]:
    """The burn rates at which an alert of the objective fires."""
    return tuple(pair for pair in scope.slo.burns if pair.severity == spec.severity)


def hold(scope: Scope, spec: AlertSpec) -> timedelta | None:
    """A page waits until another alert on the same fault has begun to wait or to fire, or it would come first."""
    rules = scope.policy.rules
    return max(rules.slo_interval, 2 * rules.interval) if spec is BURN_FAST else None


def _alert(scope: Scope, spec: AlertSpec, pairs: tuple[Burn, ...]) -> Alert:
    expr = " or ".join(f"({_burns(scope, spec, pair)})" for pair in pairs)
    text = texts.burning(scope, spec, pairs)
    shown = scope.of(o.CURRENT_BURN)
    annotations = {
        "summary": text.summary,
        "description": text.description,
        "runbook_url": links.runbook_url(scope.policy, spec.name),
        "dashboard_url": links.dashboard_url(scope.policy, shown, None),
    }
    labels = {"severity": spec.severity, "action": spec.action, "sloth_severity": SLOTH_SEVERITY[spec.name]}
    return Alert(spec.name, expr, labels, annotations, hold(scope, spec))


def _burns(scope: Scope, spec: AlertSpec, pair: Burn) -> str:
    share, least = plain(pair.share(scope.slo.objective)), scope.slo.least_events(pair)
    enough = f"{scope.of(o.counted(pair.long))} >= {least}"
    if spec is BURN_FAST:
        long, short = (scope.of(o.untold_ratio(window)) for window in (pair.long, pair.short))
        again = promql.quiet(scope, pair.short)
        return f"{long} > {share} and {short} > {share} and {enough} unless on (fleet) {again}"
    # Of two windows with different labels `and` matches nothing, and the alert's labels must not change with the window.
    long, short = (
        f"sum without (sloth_window) ({scope.of(o.error_ratio(window))})" for window in (pair.long, pair.short)
    )
    return f"{long} > {share} and {short} > {share} and {enough}"
