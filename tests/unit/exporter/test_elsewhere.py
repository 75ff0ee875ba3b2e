"""Whose primary is watched by others: replicas whose link is up to one that is none of the nodes."""

from __future__ import annotations

import pytest

from exporter.elsewhere import led_elsewhere
from exporter.state import State
from exporter.targets import Target
from tests.unit.exporter.helpers import check, info_of, watching

ONE, TWO, OTHER = Target.at("10.0.0.1", 1, "a"), Target.at("10.0.0.2", 1, "a"), Target.at("10.0.0.3", 1, "b")
AWAY = {"master_link_status": "up", "master_replid": "far", "master_host": "10.9.0.1", "master_port": "1"}


def tells(state: State, node: Target, role: str, **fields: str) -> None:
    check(state, node.instance, ["success"], 0.0)
    state.collected(node.instance, {**info_of(role=role), **fields}, 0.001, 0.0)


def replica(**fields: str) -> State:
    """Shard a of one replica of a primary far away, with fields that are otherwise; shard b has its own primary."""
    state = watching(ONE, TWO, OTHER)
    tells(state, ONE, "slave", **{**AWAY, **fields})
    tells(state, OTHER, "master", master_replid="own")
    return state


def test_a_replica_of_a_primary_that_is_no_node_is_led_from_elsewhere() -> None:
    assert led_elsewhere(replica(), 0.0) == {"a"}


@pytest.mark.parametrize(
    "fields",
    [
        {"master_link_status": "down"},
        {"master_link_status": ""},
        {"master_replid": "own"},
        {"master_replid": ""},
        {"master_host": "10.0.0.2"},
    ],
    ids=["cut off", "silent about its link", "known by its id", "without an id", "known by its address"],
)
def test_one_that_is_cut_off_or_whose_primary_is_a_node_is_not(fields: dict[str, str]) -> None:
    assert led_elsewhere(replica(**fields), 0.0) == frozenset()


def test_a_dead_primary_is_still_the_one_that_its_replica_followed() -> None:
    state = replica()
    tells(state, TWO, "master", master_replid="far")
    check(state, TWO.instance, ["refused"] * 3, 1.0)
    assert led_elsewhere(state, 1.0) == frozenset()


def test_what_a_dead_replica_said_last_counts_no_more_nor_what_is_old() -> None:
    state = replica()
    assert led_elsewhere(state, 30.0) == {"a"}
    assert led_elsewhere(state, 30.1) == frozenset()
    check(state, ONE.instance, ["refused"] * 3, 1.0)
    assert led_elsewhere(state, 1.0) == frozenset()
