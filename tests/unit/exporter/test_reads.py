"""Hits and misses of an address: what is counted when the server there begins anew, or is another one."""

import pytest

from exporter.reads import Counts, Reads
from exporter.state import State
from tests.unit.exporter.helpers import info_of, watching

NODE = "127.0.0.1:6379"
MILLIONS = (9_000_000, 5_000_000)


def collected(state: State, at: float, counts: Counts, run_id: str = "", uptime: str = "") -> Counts:
    """What has been counted when the node has said this at `at`; a field that is empty it does not tell."""
    told = {name: text for name, text in (("run_id", run_id), ("uptime_in_seconds", uptime)) if text}
    state.collected(NODE, info_of(*counts) | told, 0.001, at)
    return state.nodes[NODE].reads.total


def test_what_is_shown_are_the_servers_own_counters_and_after_a_move_those_since() -> None:
    state = watching()
    shown = []
    for at, (counts, run_id, uptime) in enumerate(
        [
            ((100, 10), "a", "5000"),
            (MILLIONS, "b", "86400"),
            ((MILLIONS[0] + 7, MILLIONS[1] + 2), "b", "86410"),
            ((3, 1), "b", "86420"),  # CONFIG RESETSTAT
            ((8, 2), "c", "4"),
            ((400, 30), "a", "5040"),
        ]
    ):
        collected(state, 10.0 * at, counts, run_id, uptime)
        shown.append(state.nodes[NODE].reads.shown)
    assert shown == [(100, 10), (0, 0), (7, 2), (3, 1), (8, 2), (0, 0)]


def test_what_was_counted_before_anybody_looked_is_nobodys_traffic() -> None:
    reads = Reads()
    reads.take(0.0, *MILLIONS, 300.0)
    assert (reads.total, reads.recent()) == ((0, 0), (0, 0))
    reads.take(10.0, MILLIONS[0] + 7, MILLIONS[1] + 2, 300.0)
    assert (reads.total, reads.recent()) == ((7, 2), (7, 2))


def test_an_address_that_moves_to_a_server_that_has_run_for_long_brings_no_traffic_with_it() -> None:
    state = watching()
    collected(state, 0.0, (100, 10), "a", "5000")
    assert collected(state, 10.0, (190, 20), "a", "5010") == (90, 10)
    assert collected(state, 20.0, MILLIONS, "b", "86400") == (90, 10)
    assert collected(state, 30.0, (MILLIONS[0] + 50, MILLIONS[1] + 1), "b", "86410") == (140, 11)
    assert state.nodes[NODE].reads.recent() == (140, 11)


@pytest.mark.parametrize("other", [MILLIONS, (5, 1), (0, 0), (5, MILLIONS[1])])
def test_nor_does_one_that_moves_back_whatever_both_have_counted(other: Counts) -> None:
    state = watching()
    collected(state, 0.0, (100, 10), "a", "5000")
    collected(state, 10.0, other, "b", "86400")
    assert collected(state, 20.0, (7000, 6000), "a", "5020") == (0, 0), "served to others meanwhile"
    assert collected(state, 30.0, (7010, 6002), "a", "5030") == (10, 2)


@pytest.mark.parametrize("since", [(3, 2), (500, 400)])
def test_all_that_a_server_counted_since_it_was_started_is_traffic_even_where_that_is_more_than_before(
    since: Counts,
) -> None:
    state = watching()
    collected(state, 0.0, (100, 10), "a", "5000")
    assert collected(state, 10.0, since, "b", "8") == since


def test_a_collection_that_failed_meanwhile_changes_neither() -> None:
    for uptime, counted in (("25", (500, 400)), ("40", (0, 0))):
        state = watching()
        collected(state, 0.0, (100, 10), "a", "5000")
        state.failed(NODE, "no answer in time", 1.0)
        state.failed(NODE, "cannot connect: Connection refused", 0.0)
        assert collected(state, 30.0, (500, 400), "b", uptime) == counted


def test_a_start_is_told_from_a_move_although_uptime_is_in_whole_seconds() -> None:
    for uptime, counted in (("10", (5, 5)), ("11", (5, 5)), ("13", (0, 0))):
        state = watching()
        collected(state, 0.0, (100, 10), "a", "5000")
        assert collected(state, 10.0, (5, 5), "b", uptime) == counted, uptime


def test_another_server_that_tells_no_uptime_brings_nothing() -> None:
    state = watching()
    collected(state, 0.0, (100, 10), "a", "5000")
    assert collected(state, 10.0, MILLIONS, "b") == (0, 0)


def test_a_server_that_tells_no_run_id_began_anew_where_its_counters_fell() -> None:
    state = watching()
    collected(state, 0.0, (100, 10))
    assert collected(state, 10.0, (150, 11)) == (50, 1)
    assert collected(state, 20.0, (4, 2)) == (54, 3)


def test_counters_that_were_reset_on_a_server_that_goes_on_lose_nothing_after_it() -> None:
    state = watching()
    collected(state, 0.0, (100, 10), "a", "5000")
    assert collected(state, 10.0, (4, 2), "a", "5010") == (4, 2)


def test_a_node_that_did_not_tell_its_hits_for_a_while_is_counted_on_from_what_it_told_last() -> None:
    state = watching()
    collected(state, 0.0, (100, 10), "a", "5000")
    state.collected(NODE, {"redis_version": "7.0.15", "run_id": "a"}, 0.001, 10.0)
    assert collected(state, 20.0, (130, 12), "a", "5020") == (30, 2)
