"""Sentinel's lists -> nodes."""

import pytest

from exporter.discovery import Found, entries, targets
from exporter.failures import NodeError
from tests.unit.exporter.helpers import VERSIONS, captured


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_names_primary_and_replica(version: str) -> None:
    (master,) = entries(captured(version, "sentinel.sentinel_masters"))
    replicas = entries(captured(version, "sentinel.sentinel_replicas_shard-a"))
    found = list(targets(master["name"], master, replicas))
    assert [t.instance for t in found] == [f"{e['ip']}:{e['port']}" for e in (master, *replicas)]
    assert len(found) == 2
    assert {t.shard for t in found} == {"shard-a"}


@pytest.mark.parametrize("unknown", [("", "6379"), ("?", "6379"), ("10.0.0.9", "0"), ("10.0.0.9", "?")])
def test_a_replica_that_has_not_told_its_address_yet_is_left_out(unknown: tuple[str, str]) -> None:
    master = {"name": "s", "ip": "10.0.0.1", "port": "6379"}
    silent = {"name": "?", "ip": unknown[0], "port": unknown[1]}
    assert [t.instance for t in targets("s", master, [silent])] == ["10.0.0.1:6379"]


def test_an_ipv6_replica_is_labelled_in_brackets() -> None:
    assert [t.instance for t in targets("s", {"ip": "fd00::1", "port": "6379"}, [])] == ["[fd00::1]:6379"]


@pytest.mark.parametrize("reply", [None, b"OK", 5, [b"name"], [[b"name", b"s"]], [[b"name", b"s", b"ip"]], [{}]])
def test_what_no_sentinel_says_is_a_protocol_error(reply: object) -> None:
    with pytest.raises(NodeError) as refused:
        entries(reply)
    assert refused.value.result == "protocol"


def test_masters_that_no_sentinel_knows_are_told_by_name() -> None:
    assert Found({}, ("shard-a", "shard-b")).problem == "no Sentinel knows shard-a, shard-b"
    assert Found({}).problem == ""
