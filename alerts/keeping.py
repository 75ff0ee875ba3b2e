"""What fires about a threshold goes on until the threshold has been kept for `rules.keep_firing_for`. Pure.

A value that swings around its threshold would page at each turn: of a node of which a constant 8 % of the answers are late
each minute's share is 95 % now and then, by chance alone. The memory stands in the expression. Prometheus' own
`keep_firing_for` would go on without any data, and the end would say that all is well where nobody sees (`alerts.unseen_ends`);
Prometheus has it from 2.42 on, vmalert later.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from alerts.model import Kept
from alerts.promql import duration, selector
from policy.alerts import AlertSpec
from policy.model import Policy


@dataclass(frozen=True, slots=True)
class Seen:
    """What an expression sees of the past: `lately`, the subjects, still measured, where it has been broken within the time.

    `told` are the subjects of which another alert tells: one that it is `beside`, or about one that it `follows`.
    """

    lately: str
    told: str = ""


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


def expression(policy: Policy, spec: AlertSpec, kept: Kept, seen: Seen) -> str:
    """The rule's expression."""
    of = f"on ({', '.join(spec.per)})"
    begins = f"{kept.begins} unless {of} ({seen.told})" if kept.beside else kept.begins
    expr = f"{begins} or {seen.lately} and {fires(policy, spec)}"
    ends = " or ".join(each for each in (seen.told if kept.follows else "", kept.ends) if each)
    return f"({expr}) unless {of} ({ends})" if ends else expr


def fires(policy: Policy, spec: AlertSpec) -> str:
    """What it fires about, to the right of `and`."""
    return f"on ({', '.join(spec.per)}) {_firing(policy, spec)}"


def stands(policy: Policy, spec: AlertSpec, lately: str) -> str:
    """What it fires about, and was broken `lately`: within what `alone` leaves. Only then it stands in another one's way."""
    return f"{_firing(policy, spec)} and on ({', '.join(spec.per)}) ({lately})"


def alone(policy: Policy, hold: timedelta) -> timedelta:
    """How long one that fires stands in the way of another, which waits for `hold`, after it was broken last.

    As long as it is kept, the other one would begin its wait when it ends: RESOLVED, silence for so long, and a page about the
    same node, which was never well. So the other's wait is over when it ends.
    """
    return max(policy.rules.keep_firing_for - hold, timedelta(0))


def _firing(policy: Policy, spec: AlertSpec) -> str:
    return selector("ALERTS", alertname=spec.name, alertstate="firing", fleet=policy.fleet.name)


def ends(time: timedelta, interval: timedelta) -> dict[str, str]:
    """When it ends, for the runbook: the words before the condition, and those behind it."""
    each = f"one each {duration(interval)}"
    if not time:
        return {"ended": f"At the first evaluation ({each}) that finds", "swings": ""}
    return {
        "ended": f"When every evaluation ({each}) of {duration(time)} has found",
        "swings": ": what swings is one alert",
    }
