"""Planned work that spends no error budget: a record that is there while a step may overlap it, and its rule tests. Pure.

It is a file of its own, evaluated beside the objectives: what happens within two steps before or after a planned time is
left out as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from alerts.model import Group, Record
from alerts.promql import milliseconds, selector
from alerts.rule_cases import Case, Expect, suite, up_to
from policy import objectives as o
from policy.calendars import Maintenance
from policy.model import Policy
from policy.units import plain, seconds

STEM = "slo-maintenance"
# Unix time began on a Thursday.
_WEEKDAYS = ("thursday", "friday", "saturday", "sunday", "monday", "tuesday", "wednesday")
_DAY, _WEEK = 86400, 7 * 86400


def groups(policy: Policy) -> dict[str, Group]:
    """The rule group, where the policy has such times."""
    spans = tuple(_spans(policy))
    if not spans:
        return {}
    expr = " or ".join(text for span in spans for text in _overlaps(span, policy.rules.slo_interval))
    record = Record(o.SPARED, f"({expr}) * 0 + 1", {"fleet": policy.fleet.name})
    return {STEM: Group("cachewatch-slo-maintenance", policy.rules.slo_interval, (record,))}


def _spans(policy: Policy) -> Iterator[Maintenance]:
    yield from (span for span in policy.notify.maintenance if span.spare_budget)


def _overlaps(span: Maintenance, step: timedelta) -> Iterator[str]:
    """Something while a step that ends now, or will end before the next look, may overlap planned work; else nothing."""
    margin = seconds(step)
    since, until = _clock(span.from_), _clock(span.to)
    for day in span.dates:
        begin = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
        yield f"vector(time()) > {plain(begin + since - margin)} < {plain(begin + until + margin)}"
    for weekday in span.weekdays:
        before = _WEEK - _WEEKDAYS.index(weekday) * _DAY - since + margin
        yield f"vector((time() + {plain(before)}) % {_WEEK}) > 0 < {plain(until - since + 2 * margin)}"


def _clock(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60


def suites(policy: Policy) -> dict[str, dict[str, Any]]:
    """The test file, where the policy has such times: the first time of each weekday, and the second of the first."""
    times = sorted(set(_first_times(policy)))
    if not times:
        return {}
    step = milliseconds(policy.rules.slo_interval)
    return {STEM: suite(STEM, step, (_case(policy, step, since, until) for since, until in times))}


def _first_times(policy: Policy) -> Iterator[tuple[int, int]]:
    for span in _spans(policy):
        for weekday in span.weekdays:
            day = _WEEKDAYS.index(weekday) * _DAY
            yield day + _clock(span.from_), day + _clock(span.to)


def _case(policy: Policy, step: int, since: int, until: int) -> Case:
    """It is there from the begin of the work to its end, and not three steps earlier or later if no other work is there."""
    name = selector(o.SPARED, fleet=policy.fleet.name)
    there = (selector("", fleet=policy.fleet.name),)
    first, last = up_to(step, since * 1000), until * 1000 // step * step
    expects = [Expect(at, f"{name} == bool 1", there) for at in (first, last)]
    for at in (first - 3 * step, last + 3 * step):
        alone = not any(a * 1000 - 2 * step < at < b * 1000 + 2 * step for a, b in _all_times(policy))
        expects += [Expect(at, name)] if alone and at >= 0 else []
    return Case(f"{o.SPARED}: {since} s to {until} s of the week", step, {}, tuple(expects))


def _all_times(policy: Policy) -> Iterator[tuple[int, int]]:
    for since, until in _first_times(policy):
        yield from ((since, until), (since + _WEEK, until + _WEEK), (since - _WEEK, until - _WEEK))
    for span in _spans(policy):
        for day in span.dates:
            begin = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
            yield begin + _clock(span.from_), begin + _clock(span.to)
