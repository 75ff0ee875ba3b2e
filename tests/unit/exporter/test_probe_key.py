"""Which key is written to whom: primaries only, and in a Cluster a slot of their own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.probe_key import key_for, slot_of, tag_of
from exporter.targets import Target
from policy.operations import Probe

ON = Probe(write=True)
HERE, THERE = Target.at("10.0.0.1", 6379, ""), Target.at("10.0.0.1", 6379, "", 9189)
CLUSTER = {"role": "master", "redis_mode": "cluster"}


def test_a_cluster_of_valkey_is_one() -> None:
    assert key_for(replace(HERE, slot=5), {"role": "master", "server_mode": "cluster"}, ON).startswith(f"{ON.key}:{{")


def test_slots_are_those_of_the_cluster_specification() -> None:
    """`CLUSTER KEYSLOT` of a Redis 7.0 says the same."""
    assert (slot_of("123456789"), slot_of("foo"), slot_of("bar")) == (0x31C3, 12182, 5061)


@pytest.mark.parametrize("slot", [0, 1, 5461, 12182, 16383])
def test_every_slot_has_a_tag(slot: int) -> None:
    assert slot_of(tag_of(slot)) == slot


def test_a_primary_is_written_to_and_nobody_else() -> None:
    assert key_for(HERE, {"role": "master"}, ON) == "cachewatch:probe"
    assert key_for(HERE, {"role": "slave"}, ON) == ""
    assert key_for(HERE, {}, ON) == "", "not before INFO was read"
    assert key_for(HERE, {"redis_mode": "sentinel"}, ON) == ""
    assert key_for(HERE, {"role": "master"}, Probe()) == "", "not by default"


def test_in_a_cluster_the_key_falls_into_a_slot_of_the_node() -> None:
    key = key_for(THERE, CLUSTER, ON)
    head, _, tag = key.rstrip("}").partition("{")
    assert head == "cachewatch:probe:"
    assert slot_of(tag) == THERE.slot
    assert key_for(HERE, CLUSTER, ON) == "", "without slots, or where nobody told them"
