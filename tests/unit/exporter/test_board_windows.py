"""The board's windows and its last hour: what is counted, what is forgotten, and that a gap stays a gap."""

import pytest

from exporter.board import ring
from exporter.board.board import Board
from exporter.board.meters import Measure, Meters, tick
from exporter.board.ring import POINTS, Ring
from exporter.board.sliding import Sliding
from exporter.state import State
from tests.unit.exporter.helpers import check, info_of, policy, watching

A = "10.0.0.1:6379"


def test_a_window_begins_a_window_ago_and_at_most_a_slot_earlier() -> None:
    window: Sliding[int] = Sliding(60.0)
    for second in range(0, 300, 5):
        window.mark(float(second), second)
        start = window.start(float(second))
        assert start is not None
        assert 60 <= second - start <= 65 if second >= 60 else start == 0


def test_a_window_with_a_hole_in_its_marks_still_ends() -> None:
    window: Sliding[int] = Sliding(60.0)
    for second in (0, 5, 1000):
        window.mark(float(second), second)
    assert window.start(1000.0) == 5, "the newest mark that is old enough"
    assert window.start(2000.0) == 1000


def test_marks_are_few_however_often_it_is_looked() -> None:
    window: Sliding[int] = Sliding(60.0)
    for tenth in range(10_000):
        window.mark(tenth / 10, tenth)
    assert len(window._marks) <= 15


def fleet(**parts: object) -> tuple[State, Meters]:
    state = watching(fleet={"nodes": [f"redis://{A}"]}, **parts)
    return state, Meters(state.policy)


def measured(state: State, meters: Meters, now: float) -> Measure:
    meters.look(state, now)
    ((_, found),) = meters.measures(state, now)
    return found


def test_everything_since_the_start_counts_until_the_window_is_full() -> None:
    state, meters = fleet()
    meters.look(state, 0.0)
    check(state, A, ["success", "success", "timeout"], 1.0)
    found = measured(state, meters, 2.0)
    assert (found.good, found.checks, sum(found.latencies)) == (2, 3, 2)


def test_what_is_older_than_the_window_is_forgotten() -> None:
    state, meters = fleet()
    check(state, A, ["timeout"] * 5, 0.0)
    for second in range(0, 700, 5):
        meters.look(state, float(second))
        check(state, A, ["success"], float(second))
    found = measured(state, meters, 700.0)
    assert found.checks == found.good, "the failures are ten minutes old"
    assert 60 <= found.checks <= 66, "five minutes of a check each five seconds"
    assert 12 <= sum(found.latencies) <= 14, "a minute of latencies"


def collected(state: State, *counts: tuple[int, int]) -> None:
    for at, (hits, misses) in enumerate(counts):
        state.collected(A, info_of(hits, misses), 0.001, 10.0 * at)


def test_reads_before_the_first_look_are_not_ours_and_a_restart_gives_no_negative_rate() -> None:
    state, meters = fleet()
    counts = ((1000, 1000), (1090, 1010), (40, 10))
    for at, (hits, misses) in enumerate(counts):
        state.collected(A, info_of(hits, misses), 0.001, 10.0 * at)
        found = measured(state, meters, 10.0 * at)
    assert (found.hits, found.misses) == (130, 20)
    assert (meters.sums.good["hit_rate"], meters.sums.every["hit_rate"]) == (130, 150)


def test_a_collection_that_is_seen_twice_counts_once() -> None:
    state, meters = fleet()
    for now in (0.0, 1.0, 2.0):
        measured(state, meters, now)
        state.collected(A, info_of(100 * int(now), 0), 0.001, now)
        measured(state, meters, now)
        measured(state, meters, now + 0.5)
    assert meters.sums.good["hit_rate"] == 200


def test_a_node_that_leaves_takes_nothing_from_the_sums() -> None:
    state, meters = fleet()
    check(state, A, ["success"] * 4)
    meters.look(state, 0.0)
    state.retarget([])
    meters.look(state, 1.0)
    assert list(meters.measures(state, 1.0)) == []
    assert meters.sums.every["availability"] == 4


def test_a_node_that_left_and_came_back_between_two_looks_takes_nothing_from_the_sums() -> None:
    state, meters = fleet()
    check(state, A, ["success"] * 4)
    collected(state, (0, 0), (100, 0))
    meters.look(state, 10.0)
    back = [node.target for node in state.nodes.values()]
    state.retarget([])
    state.retarget(back)
    check(state, A, ["success"])
    meters.look(state, 11.0)
    assert (meters.sums.every["availability"], meters.sums.every["hit_rate"]) == (5, 100)


def test_another_policy_begins_the_windows_anew_and_keeps_the_sums() -> None:
    state, meters = fleet()
    check(state, A, ["success"] * 4)
    meters.look(state, 0.0)
    state.adopt(policy(fleet={"nodes": [f"redis://{A}"]}, health={"window": "10m"}), 0.5)
    for now in (1.0, 2.0):
        meters.look(state, now)
    assert meters.sums.every["availability"] == 4, "not counted twice"


def test_another_latency_bound_begins_the_latencies_anew_and_its_end_does_not() -> None:
    state, meters = fleet()
    check(state, A, ["success"] * 4)
    meters.look(state, 0.0)
    check(state, A, ["success"] * 2, 0.5)
    other = {"thresholds": {"latency_p99": {"target": "3ms"}}, "rules": {"rollout_grace": "10s"}}
    state.adopt(policy(fleet={"nodes": [f"redis://{A}"]}, **other), 0.5)
    check(state, A, ["success"], 1.0)
    assert sum(measured(state, meters, 1.0).latencies) <= 3, "what was counted before it began is not below it"
    state.adopt(policy(fleet={"nodes": [f"redis://{A}"]}, rules={"rollout_grace": "10s"}), 2.0)
    check(state, A, ["success"], 6.0)
    before = measured(state, meters, 6.0).latencies
    state.forget_bounds(12.0)
    after = measured(state, meters, 12.0).latencies
    assert (sum(after), len(after)) == (sum(before), len(before) - 1)


async def test_a_slow_node_is_slow_on_the_board_when_a_bound_of_the_policy_before_has_gone() -> None:
    """The places of the policy's bounds among those that are told are others then."""
    fleet, grace = {"nodes": [f"redis://{A}"]}, {"rollout_grace": "10s"}
    state = watching(fleet=fleet, thresholds={"latency_p99": {"target": "0.3ms"}}, rules=grace)
    state.adopt(policy(fleet=fleet, rules=grace), 0.0)
    board = Board(state)
    for now in (1.0, 11.0):
        state.forget_bounds(now)
        state.prober_reported(0.0, now)
        for _ in range(100):
            state.checked(A, "success", 0.0101, now)
        latency = (await board.fleet(now))["promises"]["latency_p99"]
        assert (now, latency["state"]) == (now, "critical")


@pytest.mark.parametrize(("window", "seconds"), [("1m", 5.0), ("10s", 10 / 12), ("4s", 0.5), ("5m", 5.0)])
def test_it_looks_as_often_as_the_narrower_window_needs(window: str, seconds: float) -> None:
    rules = {"rate_window": window}
    collect = {"interval": "1s", "timeout": "500ms"}
    rules["liveness_interval"] = "1s"
    assert tick(policy(rules=rules, collect=collect)) == pytest.approx(seconds)


def test_a_slot_that_was_missed_is_a_gap() -> None:
    kept = Ring(2)
    kept.put(100, [0.5, None])
    kept.put(103, [0.25, 3.0])
    assert kept.column(0, 104)[-5:] == [0.5, None, None, 0.25, None]
    assert kept.column(1, 103)[-4:] == [None, None, None, 3.0]


def test_a_lap_later_nothing_of_the_last_lap_is_seen() -> None:
    kept = Ring(1)
    for slot in range(POINTS):
        kept.put(slot, [1.0])
    kept.put(POINTS + 100, [2.0])
    column = kept.column(0, POINTS + 100)
    assert column.count(1.0) == POINTS - 101
    assert column.count(2.0) == 1
    assert column[-101:-1] == [None] * 100
    kept.put(10 * POINTS, [3.0])
    assert [v for v in kept.column(0, 10 * POINTS) if v is not None] == [3.0]


def test_an_hour_is_kept() -> None:
    assert ring.EVERY * POINTS == 3600
    kept = Ring(1)
    assert kept.column(0, 7) == [None] * POINTS
