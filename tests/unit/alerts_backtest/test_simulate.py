"""From held conditions to firing spans: against a plain walk, evaluation by evaluation, over hundreds of histories."""

from collections.abc import Iterable

import pytest

from alerts.backtest.simulate import Clock, Span, runs, spans
from tests.unit.alerts_backtest.histories import STEP, history


def walked(present: set[int], hold: int, clock: Clock) -> list[Span]:
    """What Prometheus' loop does, written down as it stands in rules/alerting.go."""
    state, active, fired = "inactive", 0, 0
    found = []
    for now in range(clock.start, clock.end + 1, clock.step):
        if not clock.sees(now):
            continue
        if now in present:
            if state == "inactive":
                state, active = "pending", now
            if state == "pending" and now - active >= hold:
                state, fired = "firing", now
        elif state == "firing":
            found.append(Span(fired, now, True))
            state = "inactive"
        else:
            state = "inactive"
    return [*found, Span(fired, clock.end, False)] if state == "firing" else found


def computed(present: Iterable[int], hold: int, clock: Clock) -> list[Span]:
    return list(spans(runs(sorted(present), clock), hold, clock))


@pytest.mark.parametrize("seed", range(400))
def test_the_spans_are_those_of_a_plain_walk(seed: int) -> None:
    chance, clock = history(seed, 60)
    start = clock.start
    good = chance.random()
    present = {start + k * STEP for k in range(61) if chance.random() < good}
    hold = chance.choice([0, 1, 500, STEP, 2500, 5 * STEP])
    assert computed(present, hold, clock) == walked(present, hold, clock)


def clock(blind: tuple[tuple[int, int], ...] = ()) -> Clock:
    return Clock(0, 100, 10, blind)


def test_it_fires_at_the_evaluation_that_completes_the_wait_and_not_before() -> None:
    assert computed(range(0, 30, 10), 30, clock()) == []
    assert computed(range(0, 40, 10), 30, clock()) == [Span(30, 40, True)]
    assert computed(range(0, 40, 10), 25, clock()) == [Span(30, 40, True)]


def test_a_miss_begins_the_wait_anew() -> None:
    assert computed([0, 10, 20, 40, 50, 60], 30, clock()) == []


def test_what_still_fires_at_the_end_has_not_ended() -> None:
    assert computed([90, 100], 0, clock()) == [Span(90, 100, False)]


def test_an_alert_stands_still_while_nobody_evaluates() -> None:
    assert computed([0, 10, 60, 70], 30, clock(((15, 55),))) == [Span(60, 80, True)]
    assert computed([0, 10, 20, 30, 60], 0, clock(((15, 55),))) == [Span(0, 70, True)]


def test_evaluations_off_the_clock_do_not_count() -> None:
    assert computed([3, 10, 17, 110], 0, clock()) == [Span(10, 20, True)]
