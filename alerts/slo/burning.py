"""The two alerts of an objective: its budget is spent fast (a page) or slowly (a ticket), and nobody was told. Pure.

Multi-window, multi-burn-rate (The Site Reliability Workbook, chapter 5): the long window says that it matters, the short
one that it goes on. Beside it:

- Who was told by another alert is not told again. A burn-rate alert waits for as long as the slowest alert on the same
  events does, and keeps silent while one fires, and after it until the short window holds nothing of what it told.
- A long window that was not watched from its first quarter on says nothing: of ten minutes' history, two bad seconds would
  be an hour's budget.
- Of too few events nothing is said: one bad one among six is a share, and no fault.
- Once it fires it goes on for `rules.keep_firing_for` after it burns no more: errors that come and go, or a constant share near
  the burn rate's, would page again each time the short window crosses it (`alerts.keeping`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from alerts import keeping, links, unseen_ends
from alerts.model import Alert, Kept
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
    parts = _kept(scope, spec, pairs)
    burns = " or ".join(_burns(scope, spec, pair, parts.within) for pair in pairs)
    text = texts.burning(scope, spec, pairs)
    labels = {"severity": spec.severity, "action": spec.action, "sloth_severity": SLOTH_SEVERITY[spec.name]}
    notes = links.notes(scope.policy, spec.name, scope.of(o.CURRENT_BURN), text)
    if spec.ends_unseen:
        notes |= unseen_ends.note_of_objective(scope.policy, scope.slo)
    return Alert(spec.name, f"({burns}) unless on (fleet, slo) ({parts.ends})", labels, notes, hold(scope, spec), parts)


def _burns(scope: Scope, spec: AlertSpec, pair: Burn, time: timedelta) -> str:
    """A burn rate that begins it, or has been exceeded within the time that it is kept: of enough events that were watched."""
    lately = f"{_exceeded(scope, pair, time)} and {_short(scope, pair)} and {_enough(scope, pair, time)}"
    goes_on = f"{lately} and {keeping.fires(scope.policy, spec)}"
    return f"({_new(scope, spec, pair)} and {_enough(scope, pair)} or {goes_on}) and {_watched(scope, pair)}"


def _kept(scope: Scope, spec: AlertSpec, pairs: tuple[Burn, ...]) -> Kept:
    """What it is put together from. Who has it from another alert is not told of it any more, whatever it burnt before."""
    time = scope.policy.rules.keep_firing_for
    shortest, widest = (choice(pairs, key=lambda pair: pair.short) for choice in (min, max))
    enough = {pair: f"{_enough(scope, pair)} and {_watched(scope, pair)}" for pair in pairs}
    begins = " or ".join(f"({_new(scope, spec, pair)}) and {enough[pair]}" for pair in pairs)
    broken = " or ".join(f"{_exceeded(scope, pair)} and {enough[pair]}" for pair in pairs)
    seen = f"{_short(scope, shortest)} or {broken}"
    gone = keeping.unseen(spec, scope.of(o.STEP), seen, time and time + shortest.short)
    return Kept(begins, broken, time, f"{_short(scope, widest)} and on (fleet) {_told(scope, spec)}", gone)


def _new(scope: Scope, spec: AlertSpec, pair: Burn) -> str:
    told = f"max_over_time({_told(scope, spec)}[{scope.exactly(pair.short)}])"
    return f"{_exceeded(scope, pair)} unless on (fleet) {told}"


def _exceeded(scope: Scope, pair: Burn, time: timedelta = timedelta(0)) -> str:
    """More bad than the burn rate's share over both windows: now, or within a time."""
    share = plain(pair.share(scope.slo.objective))
    ratios = [scope.of(o.error_ratio(window)) for window in (pair.long, pair.short)]
    worst = [f"max_over_time({ratio}[{scope.exactly(time)}])" if time else ratio for ratio in ratios]
    # Of two windows with different labels `and` matches nothing, and the alert's labels must not change with the window.
    return " and ".join(f"sum without (sloth_window) ({each}) > {share}" for each in worst)


def _enough(scope: Scope, pair: Burn, time: timedelta = timedelta(0)) -> str:
    """So many events in the long window: now, or within a time."""
    counted = scope.of(o.counted(pair.long))
    most = f"max_over_time({counted}[{scope.exactly(time)}])" if time else counted
    return f"{most} >= {scope.slo.least_events(pair)}"


def _watched(scope: Scope, pair: Burn) -> str:
    """The objective, where the long window was watched from its first quarter on."""
    quarter = pair.long / 4
    return (
        f"count_over_time({scope.of(o.counted(pair.long))}[{duration(quarter)}] offset {duration(pair.long - quarter)})"
    )


def _short(scope: Scope, pair: Burn) -> str:
    """The objective, while anything is in the short window."""
    return f"sum without (sloth_window) ({scope.of(o.error_ratio(pair.short))})"


def _told(scope: Scope, spec: AlertSpec) -> str:
    """The others that tell of it."""
    names = one_of(s.name for s in told_by(scope, spec))
    return f'ALERTS{{alertname=~{names},alertstate="firing",fleet={quote(scope.fleet)}}}'
