"""Alerts that go on once they fire: against a plain walk, evaluation by evaluation, over hundreds of histories."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from alerts.backtest.keeping import Replayed, spans
from alerts.backtest.simulate import Clock, Span
from tests.unit.alerts_backtest.histories import STEP, history


@dataclass
class Walk:
    """One alert, with its expression `(begins unless others or broken lately and fires) unless ends`.

    Others count where they were broken so lately that its wait ends with them; of one that follows them they end it.
    """

    alert: Replayed
    active: int | None = None
    fired: int | None = None
    found: list[Span] = field(default_factory=list)

    def broken(self, now: int, within: int) -> bool:
        return any(self.alert.clock.sees(at) for at in self.alert.broken if now - within <= at <= now)

    def stands(self, now: int, other: Replayed) -> bool:
        one = not other.follows or (now in other.behind and now in self.alert.ahead)
        return self.fired is not None and one and self.broken(now, max(0, other.within - other.hold))

    def holds(self, now: int, told: bool) -> bool:
        own = self.alert
        begins = now in own.begins and not told
        ends = now in own.ends or (told and own.follows)
        return not ends and (begins or (self.broken(now, own.within) and self.fired is not None))

    def evaluate(self, now: int, told: bool) -> None:
        if self.holds(now, told):
            self.active = now if self.active is None else self.active
            if self.fired is None and now - self.active >= self.alert.hold:
                self.fired = now
        else:
            self.found += [] if self.fired is None else [Span(self.fired, now, True)]
            self.active = self.fired = None

    def finish(self) -> list[Span]:
        return self.found if self.fired is None else [*self.found, Span(self.fired, self.alert.clock.end, False)]


def walked(alerts: Sequence[Replayed]) -> list[list[Span]]:
    """Rule after rule, evaluation after evaluation, as Prometheus does: those that follow each other are one rule."""
    clock, walks = alerts[0].clock, [Walk(alert) for alert in alerts]
    for now in range(clock.start, clock.end + 1, clock.step):
        for rule in (walks,) if alerts[0].follows else [[walk] for walk in walks]:
            others = [[other.stands(now, walk.alert) for other in walks if other is not walk] for walk in rule]
            for walk, told in zip(rule, others, strict=True):
                if clock.sees(now):
                    walk.evaluate(now, any(told))
    return [walk.finish() for walk in walks]


@pytest.mark.parametrize("seed", range(400))
def test_the_spans_are_those_of_a_plain_walk(seed: int) -> None:
    chance, clock = history(seed, 80)
    start = clock.start
    alerts = []
    for _ in range(1 + seed % 4):
        stays, bad, times = chance.random(), False, set()
        for k in range(81):
            bad = bad if chance.random() < stays else not bad
            times |= {start + k * STEP} if bad else set()
        begins = {at for at in times if chance.random() < 0.95}
        ends = {start + k * STEP for k in range(81) if chance.random() < 0.02}
        hold = chance.choice([0, 1, STEP, 2500, 5 * STEP])
        within = chance.choice([0, STEP, 3500, 8 * STEP])
        behind = {start + k * STEP for k in range(81) if chance.random() < 0.5}
        ahead = {start + k * STEP for k in range(81) if chance.random() < 0.5}
        alerts.append(Replayed(clock, hold, within, begins, times, ends, seed % 3 == 0, behind, ahead))
    assert spans(alerts) == walked(alerts)


def one(begins: set[int], hold: int = 20, within: int = 30, broken: set[int] | None = None) -> Replayed:
    return Replayed(Clock(0, 100, 10), hold, within, begins, begins if broken is None else broken, set())


def test_it_goes_on_until_it_has_not_been_broken_for_the_time_and_waits_as_every_alert_does() -> None:
    assert spans([one({0, 10, 20})]) == [[Span(20, 60, True)]]
    assert spans([one({0, 10, 20, 50})]) == [[Span(20, 90, True)]]
    assert spans([one({0, 10, 30, 40})]) == [[]]
    assert spans([one({0, 10, 20, 80})]) == [[Span(20, 60, True)]]
    assert spans([one({0, 10, 20, 50, 80})]) == [[Span(20, 100, False)]]


def test_who_speaks_first_speaks_alone() -> None:
    always = set(range(0, 101, 10))
    assert spans([one(always, hold=30), one(always, hold=20)]) == [[], [Span(20, 100, False)]]
    assert spans([one(always), one(always)]) == [[Span(20, 100, False)], []]
    over = one({0, 10, 20}, within=0)
    assert spans([over, one(always)]) == [[Span(20, 30, True)], [Span(50, 100, False)]]


def test_who_is_broken_when_another_one_ends_takes_over_and_not_before() -> None:
    always = set(range(0, 101, 10))
    assert spans([one({0, 10, 20}), one(always)]) == [[Span(20, 60, True)], [Span(60, 100, False)]]
    assert spans([one({0, 10, 20, 50}), one(always)]) == [[Span(20, 90, True)], [Span(90, 100, False)]]


def test_a_replica_is_told_of_until_its_primary_is() -> None:
    always, late = set(range(0, 101, 10)), set(range(50, 101, 10))
    replica = Replayed(Clock(0, 100, 10), 20, 30, always - late, always, set(), True, always)
    primary = Replayed(Clock(0, 100, 10), 20, 30, late, late, set(), True, set(), always)
    told = [[Span(70, 100, False)], [Span(20, 80, True)]]
    assert spans([primary, replica]) == told
    assert spans([replica, primary]) == told[::-1]
    swings = Replayed(Clock(0, 100, 10), 20, 30, {40, 60, 70}, {40, 60, 70}, set(), True, set(), always)
    assert spans([swings, replica]) == [[], [Span(20, 100, False)]]
