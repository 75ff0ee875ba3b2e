"""What fires about a threshold goes on until the threshold has been kept for `rules.keep_firing_for`. Pure.

A value that swings around its threshold would page at each turn: of a node of which a constant 8 % of the answers are late
each minute's share is 95 % now and then, by chance alone. The memory stands in the expression. Prometheus' own
`keep_firing_for` would go on without any data, and the end would say that all is well where nobody sees (`alerts.unseen_ends`);
Prometheus has it from 2.42 on, vmalert later.
"""

from __future__ import annotations

from datetime import timedelta

from alerts.model import Kept
from alerts.promql import duration, narrowed, one_of, selector
from policy.alerts import AlertSpec
from policy.model import Policy


def within(series: str, condition: str, time: timedelta) -> str:
    """Where the condition (`< 0.95`) has been met within that time, by the worst value of it; without a time, where it is now."""
    if not time:
        return f"{series} {condition}"
    worst = "min_over_time" if condition.startswith("<") else "max_over_time"
    return f"{worst}({series}[{duration(time)}]) {condition}"


def unseen(spec: AlertSpec, series: str, measure: str, time: timedelta) -> str:
    """The subjects of which there was a sample within that time, and is no measure; nothing without a time."""
    by = ", ".join(spec.per)
    return f"max by ({by}) (last_over_time({series}[{duration(time)}])) unless on ({by}) ({measure})" if time else ""


def expression(policy: Policy, spec: AlertSpec, kept: Kept, lately: str) -> str:
    """The rule's expression; `lately` gives the subjects, which are still seen, where it has been broken within the time."""
    of = f"on ({', '.join(spec.per)})"
    begins = kept.begins
    if kept.beside:
        others = selector("ALERTS", alertstate="firing", fleet=policy.fleet.name)
        begins += f" unless {of} {narrowed(others, f'alertname=~{one_of(kept.beside)}')}"
    expr = f"{begins} or {lately} and {fires(policy, spec)}"
    return f"({expr}) unless {of} ({kept.ends})" if kept.ends else expr


def fires(policy: Policy, spec: AlertSpec) -> str:
    """What it fires about, to the right of `and`."""
    series = selector("ALERTS", alertname=spec.name, alertstate="firing", fleet=policy.fleet.name)
    return f"on ({', '.join(spec.per)}) {series}"


def ends(time: timedelta, interval: timedelta) -> dict[str, str]:
    """When it ends, for the runbook: the words before the condition, and those behind it."""
    each = f"one each {duration(interval)}"
    if not time:
        return {"ended": f"At the first evaluation ({each}) that finds", "swings": ""}
    return {
        "ended": f"When every evaluation ({each}) of {duration(time)} has found",
        "swings": ": what swings is one alert",
    }
