"""The two alerts of an objective: its budget is spent fast (a page) or slowly (a ticket), and nobody was told. Pure.

Multi-window, multi-burn-rate (The Site Reliability Workbook, chapter 5): the long window says that it matters, the short
one that it goes on. Beside it:

- Who was told by another alert is not told again. A burn-rate alert waits for as long as the slowest alert on the same
  events does, and keeps silent while one fires, and after it until the short window holds nothing of what it told.
- A long window that was not watched from its first quarter on says nothing: of ten minutes' history, two bad seconds would
  be an hour's budget.
- Of too few events nothing is said: one bad one among six is a share, and no fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from alerts import links, unseen_ends
from alerts.model import Alert
from alerts.promql import duration, one_of, quote
from alerts.slo import texts
from alerts.slo.scope import Scope
from policy import objectives as o
from policy.alerts import ALERTS, BURN_FAST, BURN_SLOW, AlertSpec
from policy.burn import Burn
from policy.units import parse_duration, plain

# Sloth's names of the two, by which its dashboards count what fires.
SLOTH_SEVERITY = {BURN_FAST.name: "page", BURN_SLOW.name: "ticket"}
# The rows of the policy's thresholds whose alerts tell of the same events; a dead node tells of all.
_LATENCY = ("latency_p50", "latency_p95", "latency_p99", "availability")
_ROWS = {"availability": ("availability",), "latency": _LATENCY, "hit_rate": ("hit_rate",)}
_ANY_ROW = (*_LATENCY, "hit_rate")
_OTHERS = {"availability": ("CacheNodeDown", "CacheWritesRefused")}
_DOWN = ("CacheNodeDown",)
_LONGEST_WAIT = parse_duration("1h")


def alerts(scope: Scope) -> Iterator[Alert]:
    """The alerts whose burn rates the objective has."""
    for spec in (BURN_FAST, BURN_SLOW):
        pairs = pairs_of(scope, spec)
        if pairs:
            yield _alert(scope, spec, pairs)


def pairs_of(scope: Scope, spec: AlertSpec) -> tuple[Burn, ...]:
    """The burn rates at which an alert of the objective fires."""
    return tuple(pair for pair in scope.slo.burns if pair.severity == spec.severity)


def told_by(scope: Scope, spec: AlertSpec) -> tuple[AlertSpec, ...]:
    """The other alerts that tell of the same events: of a page pages alone, of a ticket both."""
    rows, others = _ROWS.get(scope.slo.name, _ANY_ROW), _OTHERS.get(scope.slo.name, _DOWN)
    levels = ("critical",) if spec is BURN_FAST else ("critical", "warning")
    return tuple(s for s in ALERTS if s.name in others or (s.row in rows and s.severity in levels))


def hold(scope: Scope, spec: AlertSpec) -> timedelta:
    """The first word is that of the alert on the fault itself; an hour is waited at most."""
    thresholds: Any = scope.policy.thresholds
    told = told_by(scope, spec)
    waits: list[timedelta] = [getattr(getattr(thresholds, s.row), s.severity).for_ for s in told if s.row]
    return min(max(waits), _LONGEST_WAIT) + 2 * scope.policy.rules.interval


def _alert(scope: Scope, spec: AlertSpec, pairs: tuple[Burn, ...]) -> Alert:
    expr = " or ".join(f"({_burns(scope, spec, pair)})" for pair in pairs)
    text = texts.burning(scope, spec, pairs)
    labels = {"severity": spec.severity, "action": spec.action, "sloth_severity": SLOTH_SEVERITY[spec.name]}
    notes = links.notes(scope.policy, spec.name, scope.of(o.CURRENT_BURN), text)
    if spec.ends_unseen:
        notes |= unseen_ends.note_of_objective(scope.policy, scope.slo)
    return Alert(spec.name, expr, labels, notes, hold(scope, spec))


def _burns(scope: Scope, spec: AlertSpec, pair: Burn) -> str:
    share, least = plain(pair.share(scope.slo.objective)), scope.slo.least_events(pair)
    # Of two windows with different labels `and` matches nothing, and the alert's labels must not change with the window.
    long, short = (
        f"sum without (sloth_window) ({scope.of(o.error_ratio(window))}) > {share}"
        for window in (pair.long, pair.short)
    )
    counted = scope.of(o.counted(pair.long))
    quarter = pair.long / 4
    watched = f"count_over_time({counted}[{duration(quarter)}] offset {duration(pair.long - quarter)})"
    names = one_of(s.name for s in told_by(scope, spec))
    told = f'ALERTS{{alertname=~{names},alertstate="firing",fleet={quote(scope.fleet)}}}'
    return (
        f"{long} and {short} and {counted} >= {least} and {watched}"
        f" unless on (fleet) max_over_time({told}[{scope.exactly(pair.short)}])"
    )
