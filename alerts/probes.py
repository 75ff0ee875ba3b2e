"""The alerts on what the prober sees of each node: latency at three percentiles, and availability. Pure.

One slow node is one page: whichever row speaks first, the others add nothing while it does, and what one has said goes on
until it is over; where another one is broken by then, that takes over (`keeping.alone`). Of rows that speak in one moment the
first counts. So each keeps silent about a node of which a row before it has spoken, that is, whose condition has held for as
long as that row's alert waits; where the rules write to a database, as vmalert's, the series `ALERTS` comes too late for that.
Only the condition of the moment would leave a hole: a p95 that comes and goes would never speak and silence p99 for ever.
`policy.thresholds` holds the waits to that order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from alerts import recording, texts
from alerts.alerting import kept
from alerts.keeping import Seen, alone, stands, unseen, within
from alerts.model import Alert, Kept
from alerts.promql import duration, selector
from policy import metrics
from policy.alerts import ALERTS, AlertSpec, Severity
from policy.metrics import le
from policy.model import Policy
from policy.thresholds import Thresholds
from policy.units import plain, seconds

IN_TURN = ("latency_p95", "latency_p50", "latency_p99", "availability")
_AVAILABILITY = IN_TURN[-1]


@dataclass(frozen=True, slots=True)
class Promise:
    """A row at a level: the recorded share of good probes of each node and the least that it may be, over a window.

    `young` records what the share is by a bound that has not been told for as long; empty for a row without a bound.
    """

    record: str
    least: Decimal
    hold: timedelta
    window: timedelta
    young: str = ""

    @property
    def below(self) -> str:
        """The comparison that says that it is broken."""
        return f"< {plain(self.least)}"

    @property
    def broken(self) -> str:
        """The condition."""
        return f"{self.record} {self.below}"

    @property
    def measure(self) -> str:
        """All that is judged of what fires already."""
        return " or ".join(self._records)

    def lately(self, time: timedelta) -> str:
        """Where what fires already has been broken within that time; without one, where it is now."""
        return " or ".join(within(record, self.below, time) for record in self._records)

    @property
    def _records(self) -> tuple[str, ...]:
        return (self.record, self.young) if self.young else (self.record,)

    @property
    def spoken(self) -> str:
        """The nodes of which the row's alert has spoken: broken for all of its duration."""
        record = f"max_over_time({self.record}[{duration(self.hold)}])" if self.hold else self.record
        return f"(sum without (le) ({record}) {self.below})"


def promise(policy: Policy, row: str, level: Severity) -> Promise:
    """What a row promises at a level."""
    found: Any = getattr(getattr(policy.thresholds, row), level)
    fleet = policy.fleet.name
    if row == _AVAILABILITY:
        record = selector(recording.AVAILABILITY_RATIO, fleet=fleet)
        return Promise(record, found.below, found.for_, policy.health.window)
    bound = le(seconds(found.above))
    record, young = (
        selector(name, fleet=fleet, le=bound)
        for name in (recording.PROBES_WITHIN_RATIO, recording.PROBES_WITHIN_YOUNG_RATIO)
    )
    return Promise(record, Thresholds.PERCENTILES[row], found.for_, policy.rules.rate_window, young)


def alerts(policy: Policy) -> tuple[Alert, ...]:
    """All of them, the rows in turn."""
    return tuple(_alert(policy, spec) for row in IN_TURN for spec in ALERTS if spec.row == row)


@dataclass(frozen=True, slots=True)
class _Judged:
    """What a row's alert judges: `begins` and `broken` give the nodes of which it may begin, and goes on, by what is so now.

    `lately` gives those that it goes on about by what was so within the time that it is kept, `series` what is measured of them.
    """

    begins: str
    broken: str
    lately: str
    series: str


def _alert(policy: Policy, spec: AlertSpec) -> Alert:
    row, level, time = str(spec.row), spec.severity, policy.rules.keep_firing_for
    own = promise(policy, row, level)
    judged = _checked(policy, own) if row == _AVAILABILITY else _timed(policy, own)
    # A node that was down in the window is CacheNodeDown's story. Without this, the alert that grew under the outage
    # would page once the node is back and its page no longer inhibits this one, until the window has passed.
    verdict = selector(metrics.NODE_UP.name, fleet=policy.fleet.name)
    down = f"min_over_time({verdict}[{duration(own.window)}]) == 0"
    told = [promise(policy, before, level).spoken for before in IN_TURN[: IN_TURN.index(row)]]
    begins = judged.begins + "".join(f" unless on (fleet, instance) {other}" for other in told)
    others = [each for each in ALERTS if each.row in IN_TURN and each.level == level and each is not spec]
    gone = unseen(spec, judged.series, own.measure, time)
    parts = Kept(begins, judged.broken, time, down, gone, tuple(each.name for each in others))
    left = alone(policy, own.hold)
    promises = {each: promise(policy, str(each.row), level) for each in others}
    speak = (stands(policy, each, within(other.record, other.below, left)) for each, other in promises.items())
    return kept(policy, spec, parts, Seen(judged.lately, " or ".join(speak)), own.hold, _text(policy, row, level))


def _checked(policy: Policy, own: Promise) -> _Judged:
    """Too small a share of good checks."""
    lately = f"{own.lately(policy.rules.keep_firing_for)} and {own.measure}"
    checks = selector(metrics.HEALTH_CHECKS.name, fleet=policy.fleet.name)
    return _Judged(own.broken, own.broken, lately, checks)


def _timed(policy: Policy, own: Promise) -> _Judged:
    """Too small a share within the bound.

    For a window after the exporter began to tell the bound, or ceased to, the share would be too small. No node is told of
    by that; but what is told already goes on, where it would end as if the node were well.
    """
    return _Judged(
        f"sum without (le) ({own.broken})",
        f"sum without (le) ({own.lately(timedelta(0))})",
        f"sum without (le) (({own.lately(policy.rules.keep_firing_for)}) and ({own.measure}))",
        selector(f"{metrics.PROBE_DURATION.name}_count", fleet=policy.fleet.name, op=recording.PROBE_OP),
    )


def _text(policy: Policy, row: str, level: Severity) -> texts.Text:
    found: Any = getattr(getattr(policy.thresholds, row), level)
    if row == _AVAILABILITY:
        return texts.availability(policy, found.below, found.for_)
    return texts.latency(policy, found.above, Thresholds.PERCENTILES[row], found.for_)
