"""Alerts that go on once they fire: against a plain walk, evaluation by evaluation, over hundreds of histories."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from alerts.backtest.keeping import Replayed, spans
from alerts.backtest.simulate import Clock, Span
from tests.unit.alerts_backtest.histories import STEP, history


@dataclass
class Walk:
    """One alert, with its expression `(begins unless others or broken lately and fires) unless ends`."""

    alert: Replayed
    active: int | None = None
    fired: int | None = None
    found: list[Span] = field(default_factory=list)

    def holds(self, now: int, beside: bool) -> bool:
        own = self.alert
        lately = any(own.clock.sees(at) for at in own.broken if now - own.within <= at <= now)
        begins = now in own.begins and not beside
        return now not in own.ends and (begins or (lately and self.fired is not None))

    def evaluate(self, now: int, beside: bool) -> None:
        if self.holds(now, beside):
            self.active = now if self.active is None else self.active
            if self.fired is None and now - self.active >= self.alert.hold:
                self.fired = now
        else:
            self.found += [] if self.fired is None else [Span(self.fired, now, True)]
            self.active = self.fired = None

    def finish(self) -> list[Span]:
        return self.found if self.fired is None else [*self.found, Span(self.fired, self.alert.clock.end, False)]


def walked(alerts: Sequence[Replayed]) -> list[list[Span]]:
    """Rule after rule, evaluation after evaluation, as Prometheus does."""
    clock, walks = alerts[0].clock, [Walk(alert) for alert in alerts]
    for now in range(clock.start, clock.end + 1, clock.step):
        for walk in walks if clock.sees(now) else ():
            walk.evaluate(now, any(other.fired is not None for other in walks if other is not walk))
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
        alerts.append(Replayed(clock, hold, chance.choice([0, STEP, 3500, 8 * STEP]), begins, times, ends))
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
