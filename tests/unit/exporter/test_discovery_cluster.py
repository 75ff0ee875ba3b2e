"""CLUSTER NODES -> nodes with a shard that keeps its name."""

import pytest

from exporter.discovery_cluster import parse, targets
from exporter.failures import NodeError
from exporter.targets import Target

A, B, C = "a" * 40, "b" * 40, "c" * 40


def line(identity: str, address: str, flags: str, primary: str = "-", slots: str = "") -> str:
    return f"{identity} {address} {flags} {primary} 0 0 1 connected {slots}".rstrip()


def found(*lines: str, known: dict[str, str] | None = None, served: str = "") -> dict[str, str]:
    """Shards by instance. `known` are those of before by the id of the node, `served` is the id of one that had slots then."""
    before = {i: Target(i, "h", 1, shard, 7 if i == served else None, "", i) for i, shard in (known or {}).items()}
    members = list(parse("\n".join(lines).encode(), "10.0.0.9"))
    return {target.instance: target.shard for target in targets(members, before)}


def test_a_shard_is_its_primary_and_its_replicas_named_by_the_lowest_id() -> None:
    lines = [line(B, "10.0.0.2:1@2", "myself,master", slots="0-16383"), line(A, "10.0.0.1:1@2", "slave", B)]
    assert found(*lines) == {"10.0.0.2:1": "shard-aaaaaaaa", "10.0.0.1:1": "shard-aaaaaaaa"}


def test_after_a_failover_the_shard_has_its_old_name_and_so_has_the_dead_primary() -> None:
    lines = [line(A, "10.0.0.1:1@2", "master,fail"), line(B, "10.0.0.2:1@2", "master", slots="0-16383")]
    assert found(*lines, known={A: "s", B: "s"}, served=A) == {"10.0.0.1:1": "s", "10.0.0.2:1": "s"}


def test_a_replica_that_moved_to_another_primary_takes_its_shard() -> None:
    lines = [line(A, "10.0.0.1:1@2", "master", slots="0"), line(B, "10.0.0.2:1@2", "slave", A)]
    assert found(*lines, known={A: "s", B: "t"}) == {"10.0.0.1:1": "s", "10.0.0.2:1": "s"}


def test_nodes_that_changed_their_addresses_keep_their_shards() -> None:
    lines = [line(A, "10.0.0.50:1@2", "master", slots="0-9"), line(C, "10.0.0.1:1@2", "master", slots="10-19")]
    known = {A: "shard-aaaaaaaa", C: "shard-cccccccc"}
    assert found(*lines, known=known) == {"10.0.0.50:1": "shard-aaaaaaaa", "10.0.0.1:1": "shard-cccccccc"}


@pytest.mark.parametrize("turn", [1, -1])
def test_a_replica_that_got_slots_of_its_own_is_a_shard_of_its_own(turn: int) -> None:
    lines = [line(A, "10.0.0.1:1@2", "master", slots="0-9"), line(B, "10.0.0.2:1@2", "master", slots="10-19")]
    known = {A: "shard-bbbbbbbb", B: "shard-bbbbbbbb"}
    assert found(*lines[::turn], known=known, served=A) == {
        "10.0.0.1:1": "shard-bbbbbbbb",
        "10.0.0.2:1": "shard-bbbbbbbbb",
    }


@pytest.mark.parametrize(
    ("address", "instance"),
    [
        (":7000@17000", "10.0.0.9:7000"),
        ("10.0.0.1:7000", "10.0.0.1:7000"),
        ("10.0.0.1:7000@17000,cache-1.internal", "10.0.0.1:7000"),
        ("fd00::1:7000@17000", "[fd00::1]:7000"),
    ],
)
def test_addresses_of_every_version_are_read(address: str, instance: str) -> None:
    assert list(found(line(A, address, "myself,master", slots="0-16383"))) == [instance]


@pytest.mark.parametrize("flags", ["handshake", "slave,noaddr", "master,noaddr,fail"])
def test_a_node_without_an_address_is_left_out(flags: str) -> None:
    assert found(line(A, ":0@0" if "noaddr" in flags else "10.0.0.1:1@2", flags)) == {}


@pytest.mark.parametrize("reply", [None, [], 5, b"OK", b"a b c d e f g h"])
def test_what_no_node_of_a_cluster_says_is_a_protocol_error(reply: object) -> None:
    with pytest.raises(NodeError):
        list(parse(reply, "10.0.0.9"))


def test_slots_that_are_on_their_way_are_still_of_the_node_that_has_them() -> None:
    (member,) = parse(line(A, "10.0.0.1:1@2", "myself,master", slots=f"0-5 [5->-{B}]").encode(), "")
    assert member.slots
    (empty,) = parse(line(A, "10.0.0.1:1@2", "myself,master").encode(), "")
    assert not empty.slots


@pytest.mark.parametrize(
    ("announced", "name"),
    [
        ("", ""),
        (",", ""),
        (",cache-1.example", "cache-1.example"),
        (",cache-1.example,shard-id=5f", "cache-1.example"),
        (",,shard-id=5f", ""),
        (",shard-id=5f", ""),
        (f",{'x' * 64}.example", ""),
    ],
)
def test_the_host_name_that_a_node_announces_is_its_name(announced: str, name: str) -> None:
    members = list(parse(line(A, f"10.0.0.1:1@2{announced}", "master", slots="0").encode(), ""))
    (target,) = targets(members, {})
    assert (target.instance, target.name) == ("10.0.0.1:1", name)
