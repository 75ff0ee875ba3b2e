"""The seed's breaker: 50 % failures over 10 seconds open it, half open after 30, one trial."""

from exporter.breaker import Breaker
from tests.unit.exporter.helpers import policy


def a_breaker(**changes: object) -> Breaker:
    return Breaker(policy(breaker={"min_calls": 2, **changes}).breaker)


def calls(breaker: Breaker, pattern: str, start: float = 0.0, step: float = 1.0) -> float:
    """Record one call a step: `.` good, `x` bad; the time of the last."""
    now = start
    for index, call in enumerate(pattern):
        now = start + index * step
        breaker.record(now, call == ".")
    return now


def opened() -> Breaker:
    breaker = a_breaker()
    calls(breaker, "xx", start=-1.0)
    assert breaker.state(0.0) == "open"
    return breaker


def test_half_of_the_calls_failing_opens_it() -> None:
    breaker = a_breaker(min_calls=4)
    calls(breaker, "..x", step=0.1)
    assert breaker.state(1) == "closed"
    calls(breaker, "x", start=0.4)
    assert breaker.state(1) == "open"


def test_one_lost_connection_does_not_open_it_at_the_defaults() -> None:
    for start, pattern in ((0.5, "x."), (0.01, ".x")):
        breaker = Breaker(policy().breaker)
        breaker.record(0.0, True)
        calls(breaker, pattern, start=9.5 + start)
        assert breaker.state(13) == "closed"


def test_three_failures_after_a_success_open_it_at_the_defaults() -> None:
    breaker = Breaker(policy().breaker)
    calls(breaker, ".xxx")
    assert breaker.state(3) == "open"


def test_a_success_never_opens_it() -> None:
    breaker = a_breaker()
    calls(breaker, "x.")
    assert breaker.state(1) == "closed"


def test_just_under_half_does_not() -> None:
    breaker = a_breaker(min_calls=4)
    calls(breaker, "." * 6 + "x" * 5, step=0.1)
    assert breaker.state(2) == "closed"


def test_one_failure_alone_says_nothing() -> None:
    breaker = a_breaker()
    calls(breaker, "x")
    assert breaker.state(1) == "closed"
    assert breaker.allows(1)


def test_interleaved_failures_count_although_no_two_come_in_a_row() -> None:
    breaker = a_breaker(min_calls=10)
    calls(breaker, ".x" * 5, step=0.5)
    assert breaker.state(5) == "open"


def test_failures_older_than_the_window_are_forgotten() -> None:
    breaker = a_breaker(min_calls=3)
    breaker.record(0.0, False)
    breaker.record(0.1, False)
    breaker.record(10.2, False)
    assert breaker.state(10.2) == "closed"


def test_a_failure_exactly_as_old_as_the_window_still_counts() -> None:
    breaker = a_breaker(min_calls=2)
    breaker.record(0.0, False)
    breaker.record(10.0, False)
    assert breaker.state(10.0) == "open"


def test_it_is_half_open_after_thirty_seconds_and_not_before() -> None:
    breaker = opened()
    assert (breaker.state(29.99), breaker.allows(29.99)) == ("open", False)
    assert (breaker.state(30.0), breaker.allows(30.0)) == ("half_open", True)


def test_half_open_lets_one_call_through_however_many_ask() -> None:
    breaker = opened()
    assert sum(breaker.allows(30.0 + i) for i in range(50)) == 1
    assert breaker.state(90.0) == "half_open"


def test_a_good_trial_closes_it_and_old_failures_are_gone() -> None:
    breaker = opened()
    assert breaker.allows(31.0)
    breaker.record(31.5, True)
    assert breaker.state(31.5) == "closed"
    calls(breaker, "..x", start=32.0)
    assert breaker.state(35.0) == "closed", "one of four, and none of before"


def test_a_bad_trial_opens_it_for_another_thirty_seconds() -> None:
    breaker = opened()
    assert breaker.allows(31.0)
    breaker.record(32.0, False)
    assert not breaker.allows(61.9)
    assert breaker.allows(62.0)


def test_a_node_seen_to_answer_again_is_tried_at_once() -> None:
    breaker = opened()
    breaker.retry_now(3.0)
    assert breaker.state(3.0) == "half_open"
    assert breaker.allows(3.0)
    breaker.retry_now(3.1)
    assert not breaker.allows(3.1), "the trial is under way already"


def test_a_trial_from_before_the_node_answered_again_fails_and_another_is_made_at_once() -> None:
    breaker = opened()
    assert breaker.allows(31.0)
    breaker.retry_now(31.5)
    breaker.record(32.0, False, took=1.0)
    assert breaker.state(32.0) == "half_open"
    assert breaker.allows(32.0)
    breaker.record(32.1, True, took=0.1)
    assert breaker.state(32.1) == "closed"


def test_a_call_from_before_the_node_answered_again_opens_the_breaker_for_no_time() -> None:
    breaker = a_breaker()
    breaker.record(0.0, False)
    breaker.retry_now(0.5)
    breaker.record(1.0, False, took=0.8)
    assert breaker.allows(1.0)


def test_a_node_that_answers_the_prober_and_no_call_gets_one_extra_trial_for_each_recovery() -> None:
    breaker, made = opened(), []
    for second in range(120):
        trial = breaker.allows(second)
        if second in (10, 50, 82):
            breaker.retry_now(second + 0.5)
        if trial:
            made.append(second)
            breaker.record(second + 0.9, False, took=0.9)
    assert made == [11, 42, 51, 82, 83, 114]


def test_a_trial_that_began_after_the_node_answered_again_is_a_reason_to_wait() -> None:
    breaker = opened()
    breaker.retry_now(3.0)
    assert breaker.allows(3.0)
    breaker.record(4.0, False, took=1.0)
    assert not breaker.allows(33.9)
    assert breaker.allows(34.0)


def test_retry_now_leaves_a_closed_breaker_alone() -> None:
    breaker = a_breaker()
    breaker.retry_now(1.0)
    assert breaker.state(1.0) == "closed"


def test_a_long_outage_of_fast_calls_takes_no_more_memory() -> None:
    breaker = a_breaker(min_calls=100000)
    calls(breaker, "." * 5000, step=0.001)
    assert len(breaker._calls) <= 1000
