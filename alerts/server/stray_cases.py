"""Test cases of CacheWritesToReplica: callers that go on writing to a replica. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from alerts.promql import milliseconds, selector
from alerts.rule_cases import Case, Expect, Watch, counter, gauge, gone, up_to
from alerts.server.conditions import ERRORS, refused_window, strays_for
from alerts.server.proof import Clock
from alerts.server.scenes import Cast
from policy.metrics_redis import REFUSED_BY_REPLICA

_NAME = "CacheWritesToReplica"
_WATCH = Watch(_NAME)
_WELL = 4  # samples until it is demoted
_SOME = 7  # writes from one sample to the next


@dataclass(frozen=True, slots=True)
class _Strays:
    """A node that refuses writes; times in milliseconds."""

    cast: Cast
    clock: Clock
    window: int
    hold: int

    @property
    def fires(self) -> int:
        """The first firing about one that refuses from the start: its first two samples are a rate."""
        return self.clock.step + self.hold

    @property
    def role(self) -> str:
        """That it is a replica."""
        return self.cast.role(self.cast.replica, "replica")

    @property
    def refused(self) -> str:
        """How many writes it has refused."""
        return selector(ERRORS, **self.cast.replica, err=REFUSED_BY_REPLICA)

    def case(self, promise: str, series: dict[str, str], *expects: Expect) -> Case:
        """A case about this alert."""
        return Case(f"{_NAME}: {promise}", self.clock.sample, series, expects)

    def until(self, last: int) -> str:
        """It refuses up to the sample of that number, counted from 0, and then no more."""
        return f"{counter(_SOME, last + 1)} {gauge(_SOME * last, self.clock.samples(self.seen(last)))}"

    def seen(self, last: int) -> int:
        """So long the window holds the sample before the last news, and with it that there was any."""
        return (last - 1) * self.clock.sample + self.window


def writes(cast: Cast, clock: Clock) -> Iterator[Case]:
    """All cases."""
    hold = up_to(clock.step, milliseconds(strays_for(cast.policy)))
    strays = _Strays(cast, clock, milliseconds(refused_window(cast.policy)), hold)
    yield _steady(strays)
    yield from _burst(strays)
    yield _demoted(strays)
    yield _promoted(strays)
    yield _role_untold(strays)


def _steady(strays: _Strays) -> Case:
    """One of them, beside a primary, one that refuses for another reason, and one that has refused long ago."""
    cast = strays.cast
    count = strays.clock.samples(strays.fires)
    goes_on, since = counter(_SOME, count), gauge(1, count)
    full, well = ({**cast.replica, "instance": f"192.0.2.{number}:6379"} for number in (3, 4))
    series = {
        strays.refused: goes_on,
        strays.role: since,
        selector(ERRORS, **cast.primary, err=REFUSED_BY_REPLICA): goes_on,
        cast.role(cast.primary, "primary"): since,
        selector(ERRORS, **full, err="OOM"): goes_on,
        cast.role(full, "replica"): since,
        selector(ERRORS, **well, err=REFUSED_BY_REPLICA): gauge(_SOME, count),
        cast.role(well, "replica"): since,
    }
    first = _WATCH.first(strays.fires, strays.clock.step, _labels(strays))
    return strays.case("fires about a replica to which they go on writing, and about no other node", series, *first)


def _burst(strays: _Strays) -> Iterator[Case]:
    """As long as it may last, and two samples longer."""
    # The last news of which the window forgets before the alert has waited.
    last = max((strays.fires - 1 - strays.window) // strays.clock.sample + 1, 1)
    quiet = _WATCH.silent_until(strays.fires + strays.clock.step)
    count = strays.clock.samples(quiet.at) + last
    replica = {strays.role: gauge(1, count)}
    yield strays.case("silent about a burst", {strays.refused: strays.until(last), **replica}, quiet)
    longer = last + 2
    ends = (_WATCH.firing(strays.fires, _labels(strays)), _WATCH.firing(strays.clock.first_after(strays.seen(longer))))
    more = {strays.role: gauge(1, strays.clock.samples(ends[1].at))}
    yield strays.case("resolves when its window is over", {strays.refused: strays.until(longer), **more}, *ends)


def _demoted(strays: _Strays) -> Case:
    """It counts from when it says that it is a replica, however long it has refused."""
    clock = strays.clock
    fires = up_to(clock.step, _WELL * clock.sample) + strays.hold
    count = clock.samples(fires)
    series = {
        strays.refused: counter(_SOME, count),
        strays.cast.role(strays.cast.replica, "primary"): f"{gauge(1, _WELL)} {gone(count)}",
        strays.role: f"_x{_WELL} {gauge(1, count)}",
    }
    return strays.case("waits from its demotion on", series, *_WATCH.first(fires, clock.step, _labels(strays)))


def _promoted(strays: _Strays) -> Case:
    """It is none from its own first word."""
    clock = strays.clock
    told = strays.fires // clock.sample + 1
    ended = up_to(clock.step, told * clock.sample)
    count = clock.samples(ended)
    series = {
        strays.refused: counter(_SOME, count),
        strays.role: f"{gauge(1, told)} {gone(count)}",
        strays.cast.role(strays.cast.replica, "primary"): f"_x{told} {gauge(1, count)}",
    }
    expects = (_WATCH.firing(strays.fires, _labels(strays)), _WATCH.firing(ended))
    return strays.case("ends when it is promoted", series, *expects)


def _role_untold(strays: _Strays) -> Case:
    """What it said last counts for as long as the exporter may be away."""
    clock, memory = strays.clock, strays.cast.fast
    told = strays.fires // clock.sample + 2
    # Where the last word would leave the window with an evaluation, one more: see `Clock.first_after`.
    told += ((told - 1) * clock.sample + memory) % clock.step == 0
    known_until = (told - 1) * clock.sample + memory
    ended = clock.first_after(known_until)
    count = clock.samples(ended)
    series = {strays.refused: counter(_SOME, count), strays.role: f"{gauge(1, told)} {gone(count)}"}
    still = max(strays.fires, clock.last_before(known_until))
    expects = (_WATCH.firing(still, _labels(strays)), _WATCH.firing(ended))
    return strays.case("goes on while nobody tells its role, and not for long", series, *expects)


def _labels(strays: _Strays) -> dict[str, str]:
    return dict(strays.cast.alert(_NAME, **strays.cast.replica))
