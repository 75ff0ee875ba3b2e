"""Sentinel's lists -> nodes."""

import pytest

from exporter.discovery import Found, entries, targets, unusable
from exporter.failures import NodeError
from tests.unit.exporter.helpers import VERSIONS, captured


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_names_primary_and_replica(version: str) -> None:
    (master,) = entries(captured(version, "sentinel.sentinel_masters"))
    replicas = entries(captured(version, "sentinel.sentinel_replicas_shard-a"))
    found = list(targets(master["name"], [master, *replicas]))
    assert [t.instance for t in found] == [f"{e['ip']}:{e['port']}" for e in (master, *replicas)]
    assert len(found) == 2
    assert {t.shard for t in found} == {"shard-a"}


@pytest.mark.parametrize("unknown", [("", "6379"), ("?", "6379"), ("10.0.0.9", "0"), ("10.0.0.9", "?")])
def test_a_replica_that_has_not_told_its_address_yet_is_left_out(unknown: tuple[str, str]) -> None:
    master = {"name": "s", "ip": "10.0.0.1", "port": "6379"}
    silent = {"name": "?", "ip": unknown[0], "port": unknown[1]}
    assert [t.instance for t in targets("s", [master, silent])] == ["10.0.0.1:6379"]


# A path would be a Unix socket of this machine; the password goes to whoever listens there, without TLS.
NO_ADDRESSES = [("/run/x.sock", "1"), ("10.0.0.9", "99999"), ("a\nb", "1"), ('x"};$(id)', "1"), ("10.0.0.9", "\u00b2")]


@pytest.mark.parametrize("odd", NO_ADDRESSES)
def test_what_is_no_address_of_a_node_is_left_out_and_told(odd: tuple[str, str]) -> None:
    row = {"name": "?", "ip": odd[0], "port": odd[1]}
    assert list(targets("s", [row])) == []
    assert unusable([("10.0.0.1", "6379"), odd]) == f"no address of a node: {odd[0]!r} port {odd[1]!r}"


def test_of_addresses_that_are_none_a_few_are_told_each_in_short() -> None:
    told = unusable([("/" + "x" * 1000, "1")] * 5)
    assert told.endswith(" and 2 more")
    assert len(told) < 250
    assert unusable([("10.0.0.1", "6379"), ("cache.internal", "1")]) == ""


def test_an_ipv6_replica_is_labelled_in_brackets() -> None:
    assert [t.instance for t in targets("s", [{"ip": "fd00::1", "port": "6379"}])] == ["[fd00::1]:6379"]


@pytest.mark.parametrize("reply", [None, b"OK", 5, [b"name"], [[b"name", b"s"]], [[b"name", b"s", b"ip"]], [{}]])
def test_what_no_sentinel_says_is_a_protocol_error(reply: object) -> None:
    with pytest.raises(NodeError) as refused:
        entries(reply)
    assert refused.value.result == "protocol"


def test_masters_that_no_sentinel_knows_are_told_by_name() -> None:
    assert Found({}, ("shard-a", "shard-b")).problem == "no Sentinel knows shard-a, shard-b"
    assert Found({}).problem == ""
