"""The events of an objective, step by step: what each node's counters grew by since the look before. Pure.

A window is a sum of steps, and a step is the difference to what was seen at the step before. Differences add up to exactly
what the counters grew by, whatever is between two looks; `increase` guesses at both ends of each of its windows. And a step
can be left out (maintenance), or belong to a month.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from alerts.model import Record
from alerts.promql import duration, selector
from alerts.slo.scope import Scope
from policy import objectives as o
from policy.selectors import Selector
from policy.slos import MONTH


def records(scope: Scope) -> Iterator[Record]:
    """Counters of each node as they are seen, what they grew by, and that of the fleet."""
    node = {name: scope.labels[name] for name in ("fleet", "slo")}
    yield Record(o.NODE_EVENTS, _node_events(scope), scope.seen_by)
    yield Record(o.NODE_GOOD, _node_good(scope), scope.seen_by)
    yield Record(o.NODE_STEP, _grown(scope, o.NODE_EVENTS, o.NODE_GOOD), node)
    yield Record(o.NODE_GOOD_STEP, _grown(scope, o.NODE_GOOD, o.NODE_EVENTS), node)
    yield Record(o.STEP, _step(scope), scope.labels)
    yield Record(o.BAD_STEP, _bad_step(scope), scope.labels)


def month(scope: Scope) -> str:
    """1, labelled with the month (1 to 12) to which the step that ends now belongs."""
    return f'count_values("month", month(vector({scope.middle()})))'


def _summed(selectors: Iterable[Selector], per: tuple[str, ...]) -> str:
    """Counters added up for each process. What is not finite (NaN) is left out: one such value would spoil every window."""
    parts = [f"sum by ({', '.join(per)}) ({each})" for each in selectors]
    return f"{parts[0]} < +Inf" if len(parts) == 1 else f"({' + '.join(parts)}) < +Inf"


def _node_events(scope: Scope) -> str:
    """Events of each node; of PINGs only where the bucket is told: rules may be newer than the exporter's bounds."""
    found = o.events(scope.slo, scope.fleet)
    every = _summed(found.every, found.per)
    return f"({every}) and on ({', '.join(found.per)}) {found.good[0]}" if scope.slo.within is not None else every


def _node_good(scope: Scope) -> str:
    """Good events of each node, 0 where none has been counted yet: since its start, or since it began anew.

    A histogram has its buckets from the start.
    """
    found = o.events(scope.slo, scope.fleet)
    if scope.slo.within is not None:
        return _summed(found.good, found.per)
    anew = f"{scope.of(o.NODE_EVENTS)} < {scope.before(o.NODE_EVENTS)}"
    none_yet = f"(0 * {scope.of(o.NODE_EVENTS)} unless ({scope.before(o.NODE_GOOD)} > 0 unless {anew}))"
    return f"({_summed(found.good, found.per)}) or on ({', '.join(found.per)}) {none_yet}"


def _grown(scope: Scope, name: str, other: str) -> str:
    """By how much each node's counter grew since the look before: from zero when it, or its sister, has begun anew.

    A sister that fell behind betrays a restart even where this one has grown past its old value already. Where another
    series of the same process has gone on nothing began anew, and one is told no more: what the rest grew by is not known.
    """
    now, before = scope.of(name), scope.before(name)
    restarted = f"{scope.of(other)} < {scope.before(other)}"
    grown = f"({now} - {before} >= 0 unless {restarted})"
    if scope.slo.good is None:
        return f"{grown} or ({now} and {before})"
    return f"{grown} or ({now} and {before} unless on ({', '.join(o.PROCESS)}) {_gone_on(scope)}) or 0 * ({now} and {before})"


def _gone_on(scope: Scope) -> str:
    """The processes of which a series, that had counted something a step ago, has not begun anew."""
    (every,) = o.events(scope.slo, scope.fleet).every
    return f"count by ({', '.join(o.PROCESS)}) ({every} >= ({every} offset {duration(scope.step)} > 0))"


def _step(scope: Scope) -> str:
    """Events of the fleet in a step; nothing while they do not count. Of a calendar month's objective with its month."""
    expr = f"sum({scope.of(o.NODE_STEP)})"
    if scope.slo.window == MONTH:
        expr = f"{expr} * on () group_left (month) {month(scope)}"
    spared = any(span.spare_budget for span in scope.policy.notify.maintenance)
    return f"{expr} unless on () {selector(o.SPARED, fleet=scope.fleet)}" if spared else expr


def _bad_step(scope: Scope) -> str:
    """Bad events of the fleet in a step; below zero for a moment when one counter was read later than the other."""
    return f"{scope.of(o.STEP)} - on () group_left () sum({scope.of(o.NODE_GOOD_STEP)})"
