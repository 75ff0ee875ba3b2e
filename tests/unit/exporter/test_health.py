"""The health indicator of the seed: nodes, hit rate, memory; UP, DOWN or UNKNOWN."""

from typing import Any

import pytest

from exporter import health
from exporter.state import State
from tests.unit.exporter.helpers import check, info_of, watching

A, B = "10.0.0.1:6379", "10.0.0.2:6379"
FLEET = {"nodes": [f"redis://{A}", {"url": f"redis://{B}", "shard": "b"}]}


def fleet(a: str = ".", b: str = ".", **parts: Any) -> State:
    """Two nodes with these checks made, `.` good and `x` refused."""
    state = watching(fleet=FLEET, **parts)
    for instance, checks in ((A, a), (B, b)):
        check(state, instance, ["success" if c == "." else "refused" for c in checks])
    return state


def traffic(state: State, *counts: tuple[int, int], instance: str = A, **fields: str) -> float:
    """Collections ten seconds apart with these hits and misses; the time of the last."""
    for index, (hits, misses) in enumerate(counts):
        now = 10.0 * index
        state.collected(instance, info_of(hits, misses, **fields), 0.001, now)
        state.prober_reported(0.0, now)
    return now


def said(state: State, now: float = 0.0) -> tuple[Any, ...]:
    report = health.report(state, now)
    return report["status"], report["details"]["hit_rate"], report["details"].get("error")


def test_all_nodes_up_is_up_and_200() -> None:
    report = health.report(fleet(), 0.0)
    assert (report["status"], health.HTTP_STATUS["UP"]) == ("UP", 200)
    assert report["details"] == {"nodes": "UP", "hit_rate": None, "memory_usage": None}
    assert set(report["components"]) == {A, B}


def test_a_node_that_is_down_is_down_and_503_and_is_named() -> None:
    report = health.report(fleet(b="xxx"), 0.0)
    assert (report["status"], health.HTTP_STATUS["DOWN"]) == ("DOWN", 503)
    assert report["details"]["nodes"] == "DOWN"
    assert report["details"]["error"] == f"Nodes down: {B}"
    assert report["components"][B] == {
        "status": "DOWN",
        "details": {"shard": "b", "facts_age_seconds": None, "error": "refused"},
    }


def test_before_any_verdict_it_is_unknown_and_200() -> None:
    assert said(fleet(a="", b="")) == ("UNKNOWN", None, None)
    assert said(fleet(b="xx")) == ("UNKNOWN", None, None)
    assert health.HTTP_STATUS["UNKNOWN"] == 200


def test_a_fleet_without_any_node_is_unknown() -> None:
    state = fleet()
    state.retarget([])
    assert said(state)[0] == "UNKNOWN"


def test_a_dead_probers_last_verdict_is_not_believed() -> None:
    assert said(fleet(), now=3.1)[0] == "UNKNOWN"
    assert said(fleet(b="xxx"), now=3.1)[0] == "UNKNOWN"


def test_without_traffic_the_hit_rate_is_null_and_decides_nothing() -> None:
    state = fleet()
    assert said(state, traffic(state, (0, 0), (0, 0))) == ("UP", None, None)
    state = fleet()
    assert said(state, traffic(state, (0, 5000), (0, 5099))) == ("UP", None, None), "99 requests, all missed"


def test_a_low_hit_rate_is_down_in_the_words_of_the_seed() -> None:
    state = fleet()
    assert said(state, traffic(state, (0, 0), (69, 31))) == ("DOWN", 0.69, "Hit rate too low")


def test_exactly_the_floor_is_not_below_it() -> None:
    state = fleet()
    assert said(state, traffic(state, (0, 0), (70, 30))) == ("UP", 0.7, None)


def test_a_hair_below_the_floor_is_below_it_although_it_is_shown_rounded() -> None:
    state = fleet()
    assert said(state, traffic(state, (0, 0), (69_999_999, 30_000_001))) == ("DOWN", 0.7, "Hit rate too low")


def test_only_the_window_counts() -> None:
    state = fleet(health={"window": "20s"})
    assert said(state, traffic(state, (0, 0), (0, 10_000), (90, 10_010), (180, 10_020))) == ("UP", 0.9, None)


def test_a_restarted_node_counts_from_zero_and_gives_no_negative_rate() -> None:
    state = fleet()
    assert said(state, traffic(state, (1000, 1000), (1090, 1010), (90, 10))) == ("UP", 0.9, None)


def test_the_hit_rate_is_that_of_the_fleet_not_the_mean_of_the_nodes() -> None:
    state = fleet()
    traffic(state, (0, 0), (900, 0))
    assert said(state, traffic(state, (0, 0), (0, 100), instance=B)) == ("UP", 0.9, None)


def test_a_node_down_matters_more_than_the_hit_rate() -> None:
    state = fleet(b="xxx")
    assert said(state, traffic(state, (0, 0), (10, 90)))[2] == f"Nodes down: {B}"


def test_memory_is_that_of_the_fullest_node() -> None:
    state = fleet()
    traffic(state, (0, 0), used_memory="50", maxmemory="100")
    traffic(state, (0, 0), instance=B, used_memory="90", maxmemory="100")
    assert health.report(state, 0.0)["details"]["memory_usage"] == 0.9


@pytest.mark.parametrize(("age", "role"), [(30.0, "primary"), (30.1, None)])
def test_old_facts_show_their_age_and_no_role(age: float, role: str | None) -> None:
    state = fleet()
    traffic(state, (0, 0), role="master")
    details = health.report(state, age)["components"][A]["details"]
    assert (details["facts_age_seconds"], details.get("role")) == (round(age, 1), role)
