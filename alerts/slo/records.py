"""The recording rules of an objective: steps summed over every window, divided once, and the budget. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from alerts.model import Record
from alerts.promql import duration
from alerts.slo import steps
from alerts.slo.scope import Scope
from policy import objectives as o
from policy.slos import MONTH
from policy.units import duration_text, parse_duration, plain, seconds

DAY = timedelta(days=1)
CURRENT, FORECAST = parse_duration("5m"), parse_duration("1h")


def records(scope: Scope) -> tuple[Record, ...]:
    """All of them, each below what it reads."""
    return (*steps.records(scope), *_windows(scope), *_facts(scope), *_budget(scope))


def windows(scope: Scope) -> tuple[timedelta, ...]:
    """Every window that is recorded beside the objective's own, ascending: those that Sloth has, and those of the alerts."""
    usual = (parse_duration(text) for text in o.USUAL_WINDOWS)
    burnt = (window for pair in scope.slo.burns for window in (pair.long, pair.short))
    return tuple(sorted({*usual, *burnt} - {scope.slo.window}))


def _windows(scope: Scope) -> Iterator[Record]:
    for window in windows(scope):
        every, bad = _over(scope, o.STEP, window), _over(scope, o.BAD_STEP, window)
        yield from _window(scope, duration_text(window), every, bad)
    every, bad = _over_period(scope, o.STEP), _over_period(scope, o.BAD_STEP)
    yield from _window(scope, scope.slo.window_text, every, bad)


def _window(scope: Scope, text: str, every: str, bad: str) -> Iterator[Record]:
    yield Record(o.counted(text), every, scope.labels)
    yield Record(o.bad_counted(text), f"clamp_min({bad}, 0)", scope.labels)
    ratio = f"{scope.of(o.bad_counted(text))} / ({scope.of(o.counted(text))} > 0)"
    yield Record(o.error_ratio(text), ratio, {**scope.labels, "sloth_window": text})


def _over(scope: Scope, name: str, window: timedelta) -> str:
    """A step's count summed over a window."""
    expr = f"sum_over_time({scope.of(name)}[{scope.exactly(window)}])"
    return f"sum without (month) ({expr})" if scope.slo.window == MONTH else expr


def _over_period(scope: Scope, name: str) -> str:
    """A step's count summed over the objective's own window: rolling, or since the month began."""
    if isinstance(scope.slo.window, timedelta):
        return _over(scope, name, scope.slo.window)
    summed_up = f"sum_over_time({scope.of(name)}[{duration(scope.slo.longest)}])"
    return f"sum without (month) ({summed_up} and on (month) {steps.month(scope)})"


def _facts(scope: Scope) -> Iterator[Record]:
    slo, labels = scope.slo, scope.labels
    of_month = f"days_in_month(vector({scope.middle()}))"
    days = of_month if slo.window == MONTH else f"vector({plain(seconds(slo.longest) / seconds(DAY))})"
    yield Record(o.OBJECTIVE, f"vector({plain(slo.ratio)})", labels)
    yield Record(o.BUDGET, f"vector({plain(slo.budget)})", labels)
    yield Record(o.DAYS, days, labels)
    about = {
        "sloth_mode": "cachewatch",
        "sloth_objective": plain(slo.objective),
        "sloth_spec": "cachewatch",
        "sloth_version": "cachewatch",
    }
    yield Record(o.INFO, "vector(1)", {**labels, **about})


def _budget(scope: Scope) -> Iterator[Record]:
    labels, budget = scope.labels, plain(scope.slo.budget)
    yield Record(o.CURRENT_BURN, f"{scope.of(o.error_ratio(CURRENT))} / {budget}", labels)
    yield Record(o.PERIOD_BURN, f"{scope.of(o.error_ratio(scope.slo.window_text))} / {budget}", labels)
    yield Record(o.BUDGET_LEFT, f"1 - {scope.of(o.PERIOD_BURN)}", labels)
    burn = f"({scope.of(o.error_ratio(FORECAST))} / {budget} > 0)"
    yield Record(o.EXHAUSTION, f"{_left_seconds(scope)} / ignoring (sloth_window) {burn}", labels)


def _left_seconds(scope: Scope) -> str:
    """For how long the budget lasts at the pace that just spends it: window - burn so far x time so far."""
    spent, window = scope.of(o.PERIOD_BURN), scope.slo.window
    if isinstance(window, timedelta):
        length = so_far = plain(seconds(window))
    else:
        now = f"vector({scope.middle()})"
        length = f"86400 * scalar(days_in_month({now}))"
        so_far = f"(86400 * (scalar(day_of_month({now})) - 1) + ({scope.middle()}) % 86400)"
    return f"clamp_min({length} - {so_far} * {spent}, 0)"
