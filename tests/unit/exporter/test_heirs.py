"""While a shard has no primary, its living nodes are asked who they are each second, for a while."""

from __future__ import annotations

from exporter.heirs import heirs
from exporter.state import State
from exporter.targets import Target
from tests.unit.exporter.helpers import check, info_of, watching

NODES = [Target.at("10.0.0.1", 1, "a"), Target.at("10.0.0.2", 1, "a"), Target.at("10.0.0.3", 1, "b")]
LONER = Target.at("10.0.0.4", 1, "")


def shard() -> State:
    """Shard a with a primary and a replica, b and a node without a shard with a primary each; all up at second 0."""
    state = watching(*NODES, LONER)
    for target, role in zip((*NODES, LONER), ("master", "slave", "master", "master"), strict=True):
        check(state, target.instance, ["success"], 0.0)
        state.collected(target.instance, info_of(role=role), 0.001, 0.0)
    return state


def asked(state: State, now: float) -> list[str]:
    return [node.target.instance for node in heirs(state.nodes.values(), now)]


def test_nobody_is_asked_while_all_is_well_or_a_replica_is_down() -> None:
    state = shard()
    assert asked(state, 1.0) == []
    check(state, "10.0.0.2:1", ["refused"] * 3, 1.0)
    check(state, "10.0.0.4:1", ["refused"] * 3, 1.0)
    assert asked(state, 1.0) == []


def test_of_a_shard_whose_primary_is_only_just_back_they_are_asked_a_while_longer() -> None:
    state = shard()
    check(state, "10.0.0.1:1", ["refused"] * 3, 10.0)
    check(state, "10.0.0.1:1", ["success"] * 3, 12.0)
    assert asked(state, 26.9) == ["10.0.0.1:1", "10.0.0.2:1"]
    assert asked(state, 27.1) == []


def test_of_a_shard_whose_primary_is_down_the_living_are_asked_until_one_is_primary() -> None:
    state = shard()
    check(state, "10.0.0.1:1", ["refused"] * 3, 10.0)
    assert asked(state, 10.0) == ["10.0.0.2:1"]
    state.collected("10.0.0.2:1", info_of(role="master"), 0.001, 12.0)
    assert asked(state, 12.0) == []


def test_a_failover_that_does_not_come_is_not_waited_for_like_this_for_ever() -> None:
    state = shard()
    check(state, "10.0.0.1:1", ["refused"] * 3, 10.0)
    assert asked(state, 69.0) == ["10.0.0.2:1"]
    assert asked(state, 70.0) == []
