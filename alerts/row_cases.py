"""Test cases of two alerts on latency or availability of one slow node: who speaks, who is silent, who takes over. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import permutations

from alerts.counts import below, labels, node
from alerts.keeping import alone
from alerts.probe_cases import LEVELS, bound, checks, probes, spec
from alerts.probes import IN_TURN, promise
from alerts.promql import milliseconds, selector
from alerts.rule_cases import Case, Expect, Watch, counter, gauge, up_to
from policy.alerts import Severity
from policy.buckets import latency_bounds
from policy.model import Policy

_P95, _P50, _P99, _AVAILABILITY = IN_TURN
_TOTAL = 100_000  # probes between two samples, of which one more or less is just over or just under


def more(policy: Policy, step: int) -> Iterator[Case]:
    """All of them, at both levels."""
    for level in LEVELS:
        yield from _in_turn(policy, level, step)
        yield from _in_the_way(policy, level, step)


def _in_turn(policy: Policy, level: Severity, step: int) -> Iterator[Case]:
    """Each row beside one before it, where that can be broken alone: silent about what that spoke of, or speaking alone."""
    for index, behind in enumerate(IN_TURN):
        for before in IN_TURN[:index]:
            hides, tells = _p50_hides(policy, level, before, behind), _p99_tells(policy, level, before, behind)
            if milliseconds(policy.rules.rate_window) // step < 2 or hides or tells:
                continue
            yield from _hidden(policy, level, step, before, behind)
            yield _goes_first(policy, level, step, before, behind)


_MARGIN = 3
"""Evaluations between what is looked at, for the two windows that are open at their left end in Prometheus 3."""


def _hidden(policy: Policy, level: Severity, step: int, before: str, behind: str) -> Iterator[Case]:
    """`behind` broken all the time, `before` well by a hair, then broken by as little, then well again.

    The one is hidden once the other's condition has held for its wait: also where its alert does not fire yet, for each fired for
    two moments before, so that the other one began to wait anew. Then it does, and hides as long as it stands in the way.
    """
    deltas, hold = (
        milliseconds(time) // step for time in (policy.rules.rate_window, promise(policy, before, level).hold)
    )
    good = deltas + 1
    if hold < _MARGIN + 4 or _fires(policy, level, step, behind) <= (good + deltas) * step:
        return
    speaks = good + deltas + hold + 1
    fires = speaks + hold
    dips = fires + deltas + 2
    ill, well = _side_by_side(policy, level, before, behind, 2 * deltas + 2)
    series = {name: _three(well[name], good, ill[name], fires - good, dips + 2 - fires) for name in ill}
    of_node = {"fleet": policy.fleet.name, "instance": node(policy)["instance"]}
    speaker, hidden = spec(before, level), spec(behind, level)
    for at, told in enumerate((speaker, hidden), start=good + deltas):
        fired = selector("ALERTS", alertname=told.name, alertstate="firing", **of_node)
        series[fired] = f"_x{at} 1 stale _x{hold - _MARGIN - 3} 1 stale"
    active = f"count({selector('ALERTS', alertname=hidden.name)})"  # it waits, or fires
    expects = [
        Expect((speaks - _MARGIN) * step, active, ("{}",)),
        Expect(speaks * step, active),
        Watch(speaker.name).firing(fires * step, labels(speaker, node(policy))),
    ]
    left = milliseconds(alone(policy, promise(policy, behind, level).hold))
    if left > (deltas + _MARGIN + 2) * step:
        expects.append(Expect(dips * step, active))
    elif left < deltas * step:
        expects.append(Expect(dips * step, active, ("{}",)))
    yield Case(f"{hidden.name}: hidden by what {before} has spoken of, not before", step, series, tuple(expects))


def _in_the_way(policy: Policy, level: Severity, step: int) -> Iterator[Case]:
    """Of each two rows, in both orders: one whose alert fires and that was broken lately keeps the other's from beginning."""
    for other, behind in permutations(IN_TURN, 2):
        if _alone_broken(policy, level, other, behind):
            yield from _stands(policy, level, step, other, behind)


def _stands(policy: Policy, level: Severity, step: int, other: str, behind: str) -> Iterator[Case]:
    """`behind` broken all the time; the other, whose alert fires, is well by a hair, broken by as little, and well again.

    It is not broken for long enough to hide the one by that alone, and the one is not broken for long enough to fire before.
    """
    deltas, uneven = divmod(milliseconds(promise(policy, other, level).window), step)
    good, hold = deltas + 1, promise(policy, behind, level).hold
    late = good - _MARGIN if other == _AVAILABILITY else 0  # its window may be longer than the others wait
    # Of an uneven one now this many deltas count and now one less, and what they are worse by is not a hair.
    if uneven or deltas < _MARGIN - 1 or milliseconds(hold) <= (good - late) * step:
        return
    left, waits = milliseconds(alone(policy, hold)), f"_x{late} " if late else ""
    last = good + deltas
    end = last + up_to(step, left) // step + _MARGIN
    ill, well = _side_by_side(policy, level, other, behind, 2 * deltas + 2)
    series = {
        # What one delta is worse by, the others of a window are better by. Far from 0, beyond which no rate is filled in.
        name: _three(
            well[name], good, ill[name] - (deltas - 1) * (well[name] - ill[name]), 1, end - good, 1000 * well[name]
        )
        if well[name] != ill[name]
        else f"{waits}{counter(ill[name], end + 1 - late, 1000 * ill[name])}"
        for name in ill
    }
    stands, hidden = spec(other, level), spec(behind, level)
    of_node = {"fleet": policy.fleet.name, "instance": node(policy)["instance"]}
    series[selector("ALERTS", alertname=stands.name, alertstate="firing", **of_node)] = gauge(1, end + 1)
    active = f"count({selector('ALERTS', alertname=hidden.name)})"  # it waits, or fires
    expects = [
        Expect(good * step, active, ("{}",)),
        Expect((good + 1) * step, active),
        Expect(end * step, active, ("{}",)),
    ]
    if left > (_MARGIN + 1) * step:
        expects.append(Expect((last - _MARGIN) * step + left // step * step, active))
    yield Case(f"{hidden.name}: waits until what {stands.name} tells is over", step, series, tuple(expects))


def _alone_broken(policy: Policy, level: Severity, other: str, behind: str) -> bool:
    """Whether the other can come and go beside `behind`, and no third row with it."""
    ill, well = (_broken(policy, level, good) for good in _goods(policy, level, other, behind, 1))
    return (ill, well) == ({other, behind}, {behind})


def _broken(policy: Policy, level: Severity, good: Mapping[str, int]) -> set[str]:
    """The rows that are broken where of those rows so many are good."""
    found = {row: _within(policy, level, good, bound(policy, row, level)) for row in (_P95, _P50, _P99)}
    found[_AVAILABILITY] = good.get(_AVAILABILITY, _TOTAL)
    return {row for row, count in found.items() if count < promise(policy, row, level).least * _TOTAL}


def _three(well: int, first: int, ill: int, second: int, third: int, start: int = 0) -> str:
    """A counter that grows so many times by `well`, then by `ill`, then by `well` again; promtool's notation."""
    turns, ends = start + first * well, start + first * well + second * ill
    return f"{counter(well, first + 1, start)} {counter(ill, second, turns + ill)} {counter(well, third, ends + well)}"


def _goes_first(policy: Policy, level: Severity, step: int, before: str, behind: str) -> Case:
    """`behind` broken all the time, `before` well by a hair and then broken by as little: who speaks first goes on alone."""
    deltas = milliseconds(policy.rules.rate_window) // step
    hold = up_to(step, milliseconds(promise(policy, before, level).hold))
    good = max(_fires(policy, level, step, behind) - hold, 0) // step + 3
    end = (good + 2 * deltas) * step + hold
    ill, well = _side_by_side(policy, level, before, behind, 2 * deltas + 2)
    count = 2 * deltas + hold // step + 2
    series = {
        name: f"{counter(well[name], good + 1)} {counter(grows, count, good * well[name] + grows)}"
        for name, grows in ill.items()
    }
    first, then = spec(behind, level), spec(before, level)
    expects = (Watch(first.name).firing(end, labels(first, node(policy))), Watch(then.name).silent_until(end))
    return Case(f"{first.name}: goes on alone when {before} is broken as well", step, series, expects)


def _fires(policy: Policy, level: Severity, step: int, row: str) -> int:
    """When a row fires that is broken from the start: its window is full then, and its wait over."""
    own = promise(policy, row, level)
    return up_to(step, max(step, milliseconds(own.window))) + up_to(step, milliseconds(own.hold))


def _p50_hides(policy: Policy, level: Severity, before: str, behind: str) -> bool:
    """Whether half of the probes beyond the bound of p50 are also beyond that of p95, so that one is not without the other."""
    return _P50 in (before, behind) and bound(policy, _P50, level) >= bound(policy, _P95, level)


def _p99_tells(policy: Policy, level: Severity, before: str, behind: str) -> bool:
    """Whether what comes and goes is enough to keep p99 broken, which then speaks in the place of availability."""
    return behind == _AVAILABILITY and before != _P99 and bound(policy, _P99, level) <= bound(policy, before, level)


def _side_by_side(
    policy: Policy, level: Severity, before: str, behind: str, better: int
) -> tuple[dict[str, int], dict[str, int]]:
    """What the series grow by while `before` is just broken, and while it is better by so many; `behind` is broken in both."""
    ill, well = (_made(policy, level, good) for good in _goods(policy, level, before, behind, better))
    return ill, well


def _goods(
    policy: Policy, level: Severity, before: str, behind: str, better: int
) -> tuple[dict[str, int], dict[str, int]]:
    """Of how many of both rows are good then."""
    own, other = (below(promise(policy, row, level).least, _TOTAL)[0] or 0 for row in (behind, before))
    return {behind: own, before: other}, {behind: own, before: other + better}


def _made(policy: Policy, level: Severity, good: Mapping[str, int]) -> dict[str, int]:
    """What the series grow by where of those rows so many are good, and of the others all that can be."""
    counts = {limit: _within(policy, level, good, limit) for limit in latency_bounds(policy)}
    more_series = checks(policy, good[_AVAILABILITY], _TOTAL) if _AVAILABILITY in good else {}
    return {**probes(policy, counts, _TOTAL), **more_series}


def _within(policy: Policy, level: Severity, good: Mapping[str, int], limit: Decimal) -> int:
    """The probes within a bound: as many as within the bound of a row that lies beyond it."""
    rows = [row for row in good if row != _AVAILABILITY and limit <= bound(policy, row, level)]
    return min([_TOTAL, *(good[row] for row in rows)])
