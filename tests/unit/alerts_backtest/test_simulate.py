"""From held conditions to firing spans: against a plain walk, evaluation by evaluation, over thousands of histories."""

import random
from collections.abc import Iterable

import pytest

from alerts.backtest.simulate import Clock, Span, Timing, runs, spans

STEP = 1000


def walked(present: set[int], timing: Timing, clock: Clock) -> list[Span]:
    """What Prometheus' loop does, written down as it stands in rules/alerting.go."""
    state, active, fired, kept = "inactive", 0, 0, 0
    found = []
    for now in range(clock.start, clock.end + 1, clock.step):
        if not clock.sees(now):
            continue
        if now in present:
            kept = 0
            if state == "inactive":
                state, active = "pending", now
            if state == "pending" and now - active >= timing.hold:
                state, fired = "firing", now
        elif state == "firing":
            kept = kept or now
            if now - kept >= timing.keep:
                found.append(Span(fired, now, True))
                state, kept = "inactive", 0
        else:
            state = "inactive"
    return [*found, Span(fired, clock.end, False)] if state == "firing" else found


def computed(present: Iterable[int], timing: Timing, clock: Clock) -> list[Span]:
    return list(spans(runs(sorted(present), clock), timing, clock))


@pytest.mark.parametrize("seed", range(400))
def test_the_spans_are_those_of_a_plain_walk(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  # a repeatable history, no secret
    start = STEP * 1000 + chance.randrange(STEP)
    blind = ((start + 20 * STEP, start + 20 * STEP + chance.randrange(1, 15) * STEP),) if seed % 3 == 0 else ()
    clock = Clock(start, start + 60 * STEP, STEP, blind)
    good = chance.random()
    present = {start + k * STEP for k in range(61) if chance.random() < good}
    timing = Timing(chance.choice([0, 1, 500, STEP, 2500, 5 * STEP]), chance.choice([0, 0, 700, 3 * STEP, 4001]))
    assert computed(present, timing, clock) == walked(present, timing, clock)


def clock(blind: tuple[tuple[int, int], ...] = ()) -> Clock:
    return Clock(0, 100, 10, blind)


def test_it_fires_at_the_evaluation_that_completes_the_wait_and_not_before() -> None:
    assert computed(range(0, 30, 10), Timing(30), clock()) == []
    assert computed(range(0, 40, 10), Timing(30), clock()) == [Span(30, 40, True)]
    assert computed(range(0, 40, 10), Timing(25), clock()) == [Span(30, 40, True)]


def test_a_miss_begins_the_wait_anew() -> None:
    assert computed([0, 10, 20, 40, 50, 60], Timing(30), clock()) == []


def test_what_still_fires_at_the_end_has_not_ended() -> None:
    assert computed([90, 100], Timing(0), clock()) == [Span(90, 100, False)]


def test_an_alert_stands_still_while_nobody_evaluates() -> None:
    assert computed([0, 10, 60, 70], Timing(30), clock(((15, 55),))) == [Span(60, 80, True)]
    assert computed([0, 10, 20, 30, 60], Timing(0), clock(((15, 55),))) == [Span(0, 70, True)]


def test_evaluations_off_the_clock_do_not_count() -> None:
    assert computed([3, 10, 17, 110], Timing(0), clock()) == [Span(10, 20, True)]
