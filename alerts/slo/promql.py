"""The expressions of an objective: counts of steps, windows over them, maintenance, and what other alerts have told. Pure.

A window is a sum of steps, and a step is the difference to what was seen at the step before. Differences add up to exactly
what the counters grew by, whatever is between two looks; `increase` guesses at both ends of each of its windows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.promql import duration, one_of, quote, selector
from policy import objectives as o
from policy.alerts import BURN_FAST
from policy.maintenance import WEEK, Maintenance
from policy.model import Policy
from policy.selectors import Selector
from policy.slos import MONTH, Slo
from policy.units import plain, seconds

MILLISECOND = timedelta(milliseconds=1)
# How long a node may be unseen, or Prometheus away, until the events in between are counted no more.
MEMORY = timedelta(minutes=15)
DOWN, SLOW, MISSES = "CacheNodeDown", "CacheVeryHighLatency", "CacheVeryLowHitRate"
# The alerts that tell of an objective's bad events: those of the node that they name, or of the whole fleet.
TOLD_BY_NODE = {"availability": (DOWN,), "latency": (DOWN, SLOW)}
TOLD_OF_FLEET = {"availability": (), "latency": (), "hit_rate": (DOWN, MISSES)}
OTHERS = (DOWN, SLOW, MISSES)


@dataclass(frozen=True, slots=True)
class Scope:
    """One objective of a policy, and its identity."""

    policy: Policy
    identity: str
    slo: Slo

    @property
    def fleet(self) -> str:
        """The name of the fleet."""
        return self.policy.fleet.name

    @property
    def step(self) -> timedelta:
        """The time between two looks at the counters."""
        return self.policy.rules.slo_interval

    @property
    def memory(self) -> timedelta:
        """How far back the look before this one is sought."""
        return max(MEMORY, 4 * self.step)

    @property
    def labels(self) -> dict[str, str]:
        """The labels of what is recorded of the fleet."""
        return o.labels(self.fleet, self.identity)

    @property
    def node_alerts(self) -> tuple[str, ...]:
        """Alerts that tell of the bad events of one node."""
        return TOLD_BY_NODE.get(self.slo.name, ())

    @property
    def fleet_alerts(self) -> tuple[str, ...]:
        """Alerts that tell of all bad events."""
        return TOLD_OF_FLEET.get(self.slo.name, OTHERS)

    def of(self, name: str) -> str:
        """Selects a recorded series of this objective."""
        return selector(name, fleet=self.fleet, slo=self.identity)

    def before(self, name: str) -> str:
        """What that series was at the look before."""
        return f"last_over_time({self.of(name)}[{duration(self.memory)}] offset 1ms)"

    def middle(self) -> str:
        """The time in the middle of the step that ends now: it decides to which month a step belongs."""
        return f"time() - {plain(seconds(self.step) / 2)}"


def summed(selectors: Iterable[Selector], per: tuple[str, ...]) -> str:
    """Counters added up for each process. What is not finite (NaN) is left out: one such value would spoil every window."""
    parts = [f"sum by ({', '.join(per)}) ({each})" for each in selectors]
    return f"{parts[0]} < +Inf" if len(parts) == 1 else f"({' + '.join(parts)}) < +Inf"


def node_events(scope: Scope) -> str:
    """All events of each node."""
    found = o.events(scope.slo, scope.fleet)
    return summed(found.every, found.per)


def node_good(scope: Scope) -> str:
    """Good events of each node, 0 where none has been counted yet."""
    found = o.events(scope.slo, scope.fleet)
    none_yet = f"(0 * {scope.of(o.NODE_EVENTS)} unless {scope.before(o.NODE_GOOD)} > 0)"
    return f"({summed(found.good, found.per)}) or on ({', '.join(found.per)}) {none_yet}"


def grown(scope: Scope, name: str, other: str) -> str:
    """By how much each node's counter grew since the look before: from zero when it, or its sister, has begun anew.

    A sister that fell behind betrays a restart even where this one has grown past its old value already.
    """
    now, before = scope.of(name), scope.before(name)
    restarted = f"{scope.of(other)} < {scope.before(other)}"
    return f"({now} - {before} >= 0 unless {restarted}) or ({now} and {before})"


def node_bad(scope: Scope) -> str:
    """By how much each node's bad events grew; below zero for a moment when one counter was read later than the other."""
    return f"{scope.of(o.NODE_STEP)} - ({grown(scope, o.NODE_GOOD, o.NODE_EVENTS)}) != 0"


def step(scope: Scope) -> str:
    """Events of the fleet in a step; nothing while they do not count. Of a calendar month's objective with its month."""
    expr = f"sum({scope.of(o.NODE_STEP)})"
    if scope.slo.window == MONTH:
        expr = f"{expr} * on () group_left (month) {month(scope)}"
    active = [maintenance(each, scope.step) for each in scope.policy.maintenance]
    return f"{expr} unless on () ({' or '.join(active)})" if active else expr


def month(scope: Scope) -> str:
    """1, labelled with the month (1 to 12) to which the step that ends now belongs."""
    return f'count_values("month", month(vector({scope.middle()})))'


def maintenance(each: Maintenance, step: timedelta) -> str:
    """Something while the step that ends now overlaps planned work, else nothing."""
    if each.start is not None and each.end is not None:
        return f"vector(time()) > {_unix(each.start)} < {plain(_unix(each.end) + seconds(step))}"
    begin, long = each.in_week
    since = f"(time() - {plain(seconds(begin))}) % {plain(seconds(WEEK))}"
    return f"vector({since}) > 0 < {plain(seconds(long + step))}"


def _unix(moment: datetime) -> int:
    return int(moment.timestamp())


def bad_step(scope: Scope) -> str:
    """Bad events of the fleet in a step; below zero for a moment when one counter was read later than the other."""
    return f"{scope.of(o.STEP)} - on () group_left () sum({scope.of(o.NODE_GOOD_STEP)})"


def told_step(scope: Scope) -> str:
    """Those of them that another alert tells of, or did until a moment ago: of the nodes that it names, or all."""
    none = f"0 * {scope.of(o.STEP)}"
    if not scope.node_alerts:
        return f"{scope.of(o.BAD_STEP)} and on (fleet) {_lately(scope, scope.fleet_alerts)} or {none}"
    told = f"and on (fleet, instance) {_lately(scope, scope.node_alerts)}"
    every, good = (f"sum({scope.of(name)} {told})" for name in (o.NODE_STEP, o.NODE_GOOD_STEP))
    return f"{none} + on () group_left () ({every} - {good}) or {none}"


def _lately(scope: Scope, names: tuple[str, ...]) -> str:
    return f"max_over_time({alerts(scope, names, 'firing')}[{duration(2 * scope.step)}])"


def alerts(scope: Scope, names: tuple[str, ...], state: str) -> str:
    """Alerts of the fleet by name and state, `pending` or `firing`."""
    fleet = f"fleet={quote(scope.fleet)}"
    return f"ALERTS{{alertname=~{one_of(names)},alertstate={quote(state)},{fleet}}}"


def over(scope: Scope, name: str, window: timedelta) -> str:
    """A step's count summed over a window, exactly its steps: a range takes in its left end as well, up to Prometheus 2."""
    expr = f"sum_over_time({scope.of(name)}[{duration(window - MILLISECOND)}])"
    return f"sum without (month) ({expr})" if scope.slo.window == MONTH else expr


def over_period(scope: Scope, name: str) -> str:
    """A step's count summed over the objective's own window: rolling, or since the month began."""
    if isinstance(scope.slo.window, timedelta):
        return over(scope, name, scope.slo.window)
    summed_up = f"sum_over_time({scope.of(name)}[{duration(scope.slo.longest)}])"
    return f"sum without (month) ({summed_up} and on (month) {month(scope)})"


def quiet(scope: Scope, short: timedelta) -> str:
    """Something while a page would be a second one for the same fault, else nothing.

    While another alert waits for its time: it pages, or falls silent and gives way. And where one has begun within the
    short window: what it tells of is not counted here, but what came before it had fired is. A page that is out already
    is not taken back for either.
    """
    names = tuple(dict.fromkeys((*scope.node_alerts, *scope.fleet_alerts)))
    waiting, firing = (alerts(scope, names, state) for state in ("pending", "firing"))
    begun = f"max_over_time({firing}[{duration(short)}]) unless {firing} offset {duration(short)}"
    mine = selector("ALERTS", alertname=BURN_FAST.name, alertstate="firing", fleet=scope.fleet, slo=scope.identity)
    return f"(({waiting} or {begun}) unless on (fleet) {mine})"
