"""The recording rules of an objective: events counted step by step, summed over every window, divided once. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from alerts.model import Record
from alerts.slo import promql
from alerts.slo.promql import Scope
from policy import objectives as o
from policy.slos import MONTH
from policy.units import duration_text, parse_duration, plain, seconds

DAY = timedelta(days=1)
CURRENT, FORECAST = parse_duration("5m"), parse_duration("1h")


def records(scope: Scope) -> tuple[Record, ...]:
    """All of them, each below what it reads."""
    return (*_counts(scope), *_windows(scope), *_untold(scope), *_facts(scope), *_budget(scope))


def windows(scope: Scope) -> tuple[timedelta, ...]:
    """Every window that is recorded beside the objective's own, ascending: those that Sloth has, and those of the alerts."""
    usual = (parse_duration(text) for text in o.USUAL_WINDOWS)
    burnt = (window for pair in scope.slo.burns for window in (pair.long, pair.short))
    return tuple(sorted({*usual, *burnt} - {scope.slo.window}))


def fast_windows(scope: Scope) -> tuple[timedelta, ...]:
    """The windows that pages look at, ascending."""
    pairs = (pair for pair in scope.slo.burns if pair.severity == "critical")
    return tuple(sorted({window for pair in pairs for window in (pair.long, pair.short)}))


def _counts(scope: Scope) -> Iterator[Record]:
    node = {name: scope.labels[name] for name in ("fleet", "slo")}
    yield Record(o.NODE_EVENTS, promql.node_events(scope), node)
    yield Record(o.NODE_GOOD, promql.node_good(scope), node)
    yield Record(o.NODE_STEP, promql.grown(scope, o.NODE_EVENTS, o.NODE_GOOD), node)
    yield Record(o.NODE_GOOD_STEP, promql.grown(scope, o.NODE_GOOD, o.NODE_EVENTS), node)
    yield Record(o.STEP, promql.step(scope), scope.labels)
    yield Record(o.BAD_STEP, promql.bad_step(scope), scope.labels)
    yield Record(o.TOLD_STEP, promql.told_step(scope), scope.labels)


def _windows(scope: Scope) -> Iterator[Record]:
    for window in windows(scope):
        text = duration_text(window)
        yield from _window(
            scope, text, promql.over(scope, o.STEP, window), promql.over(scope, o.BAD_STEP, window)
        )
    every, bad = promql.over_period(scope, o.STEP), promql.over_period(scope, o.BAD_STEP)
    yield from _window(scope, scope.slo.window_text, every, bad)


def _window(scope: Scope, text: str, every: str, bad: str) -> Iterator[Record]:
    yield Record(o.counted(text), every, scope.labels)
    yield Record(o.bad_counted(text), f"clamp_min({bad}, 0)", scope.labels)
    ratio = f"{scope.of(o.bad_counted(text))} / ({scope.of(o.counted(text))} > 0)"
    yield Record(o.error_ratio(text), ratio, {**scope.labels, "sloth_window": text})


def _untold(scope: Scope) -> Iterator[Record]:
    for window in fast_windows(scope):
        told = promql.over(scope, o.TOLD_STEP, window)
        untold = f"clamp_min({scope.of(o.bad_counted(window))} - {told}, 0)"
        yield Record(o.untold_ratio(window), f"{untold} / ({scope.of(o.counted(window))} > 0)", scope.labels)


def _facts(scope: Scope) -> Iterator[Record]:
    slo, labels = scope.slo, scope.labels
    days = (
        f"days_in_month(vector({scope.middle()}))"
        if slo.window == MONTH
        else f"vector({plain(seconds(slo.longest) / seconds(DAY))})"
    )
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
    yield Record(o.PERIOD_BURN, f"{scope.of(o.error_ratio(scope.slo.window))} / {budget}", labels)
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
