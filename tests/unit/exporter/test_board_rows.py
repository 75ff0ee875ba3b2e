"""A promise's state is the alert's: counts under exact bounds decide, and the number shown never contradicts them."""

import random
from itertools import accumulate

import pytest

from exporter.board.rows import CRITICAL, OK, UNKNOWN, WARNING, Row, Yardstick, worst_row
from policy.buckets import latency_bounds
from policy.units import seconds
from tests.unit.exporter.helpers import policy

POLICY = policy()
STICK = Yardstick(POLICY, latency_bounds(POLICY))
BOUNDS = [float(bound) for bound in latency_bounds(POLICY)]


def probes(**by_bound: int) -> list[int]:
    """Counts per bucket; `ms5=3` are three probes in the bucket that ends at 5 ms, `beyond=1` one after the last."""
    counts = [0] * (len(BOUNDS) + 1)
    for name, count in by_bound.items():
        at = len(BOUNDS) if name == "beyond" else BOUNDS.index(float(name.removeprefix("ms").replace("_", ".")) / 1000)
        counts[at] += count
    return counts


def p95(**by_bound: int) -> Row:
    return STICK.latencies(probes(**by_bound), "n")["latency_p95"]


def test_exactly_the_share_within_a_bound_keeps_it_and_one_probe_less_breaks_it() -> None:
    assert p95(ms2=95, ms5=5).state == OK
    assert p95(ms2=94, ms5=6).state == WARNING
    assert p95(ms2=94, ms5=1, ms10=5).state == WARNING
    assert p95(ms5=94, ms10=6).state == CRITICAL


def test_a_target_that_is_missed_is_said_and_is_no_warning() -> None:
    assert (p95(ms1=95, ms2=5).on_target, p95(ms1=94, ms2=6).on_target, p95(ms1=94, ms2=6).state) == (True, False, OK)


def test_what_lies_beyond_the_last_bound_is_at_least_that() -> None:
    row = p95(ms1=9, beyond=1)
    assert (row.at_least, row.value, row.state) == (True, BOUNDS[-1], CRITICAL)


def test_without_probes_there_is_no_latency() -> None:
    assert STICK.latencies([], "n") == STICK.latencies(probes(), "n") == {}


def test_the_percentile_shown_is_on_the_side_of_each_bound_that_the_state_says() -> None:
    chance = random.Random(4)  # noqa: S311
    rows = POLICY.thresholds.latency_rows()
    seen = set()
    for _ in range(2000):
        counts = [0] * (len(BOUNDS) + 1)
        for _ in range(chance.randint(1, 40)):
            counts[chance.randrange(len(counts))] += chance.randint(1, 100)
        for name, row in STICK.latencies(counts, "n").items():
            target, warning, critical = (float(seconds(bound)) for bound in rows[name].bounds)
            assert row.value is not None
            said = CRITICAL if row.value > critical else WARNING if row.value > warning else OK
            assert (row.state, row.on_target) == (said, row.value <= target), (name, counts)
            seen.add(row.state)
            assert sum(counts) == list(accumulate(counts))[-1]
    assert seen == {OK, WARNING, CRITICAL}


@pytest.mark.parametrize(
    ("hits", "misses", "state", "on_target"),
    [
        (80, 20, OK, True),
        (79, 21, OK, False),
        (75, 25, OK, False),
        (749, 251, WARNING, False),
        (70, 30, WARNING, False),
        (699, 301, CRITICAL, False),
    ],
)
def test_the_hit_rate_at_its_limits(hits: int, misses: int, state: str, on_target: bool) -> None:
    row = STICK.hit_rate(hits, misses)
    assert (row.state, row.on_target) == (state, on_target)


def test_too_few_reads_say_nothing_by_the_minimum_that_the_alert_has() -> None:
    # 100 in 5 minutes are 20 in the minute that the alert looks at.
    assert (STICK.hit_rate(0, 19).state, STICK.hit_rate(0, 20).state) == (UNKNOWN, CRITICAL)
    assert STICK.hit_rate(0, 19).why == "too little traffic: 19 reads, 20 are needed"
    assert STICK.hit_rate(0, 0).value is None


@pytest.mark.parametrize(
    ("used", "state"), [(80, OK), (85, OK), (86, WARNING), (90, WARNING), (91, CRITICAL), (120, CRITICAL)]
)
def test_memory_at_its_limits(used: int, state: str) -> None:
    assert STICK.memory(used, 100, "n").state == state


def test_memory_without_a_limit_is_unknown() -> None:
    assert STICK.memory(1, None, "n").state == STICK.memory(None, 1, "n").state == UNKNOWN


@pytest.mark.parametrize(
    ("good", "state"), [(10_000, OK), (9_990, OK), (9_989, WARNING), (9_900, WARNING), (9_899, CRITICAL)]
)
def test_availability_at_its_limits(good: int, state: str) -> None:
    assert STICK.availability(good, 10_000).state == state
    assert STICK.availability(0, 0).state == UNKNOWN


def test_the_worst_row_is_the_worst_off_and_then_the_largest() -> None:
    ok, warning, slow = Row(OK, 0.9), Row(WARNING, 0.1), Row(OK, 0.95)
    assert worst_row([ok, warning, slow], "") is warning
    assert worst_row([ok, slow, Row()], "") is slow
    assert worst_row([Row()], "no node tells") == Row(UNKNOWN, why="no node tells")


def test_the_policys_numbers_are_told_exactly() -> None:
    told = STICK.json()
    assert told["latency_p50"] == {
        "breaks": "above", "target_seconds": 0.0005, "warning_seconds": 0.001, "critical_seconds": 0.002,
    }  # fmt: skip
    assert told["hit_rate"] == {"breaks": "below", "target_ratio": 0.8, "warning_ratio": 0.75, "critical_ratio": 0.7}
