"""A name with several addresses is as many nodes."""

from __future__ import annotations

from exporter.discovery_dns import discover
from exporter.names import Names
from policy.fleet import DnsName


class NameServer:
    """Answers what it is told to."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)

    def look(self, _: str) -> list[str]:
        if not self.addresses:
            raise OSError(-2, "Name or service not known")
        return self.addresses


async def found(names: Names, **more: object) -> tuple[set[str], str]:
    entry = DnsName.model_validate({"name": "cache.internal", "port": 7000, **more})
    answer = await discover((entry,), names, 5.0)
    return set(answer.targets), answer.problem


async def test_each_address_is_a_node_and_one_that_leaves_the_name_leaves() -> None:
    server = NameServer("10.0.0.1", "10.0.0.2", "fd00::1")
    names = Names(server.look)
    assert await found(names) == ({"10.0.0.1:7000", "10.0.0.2:7000", "[fd00::1]:7000"}, "")
    server.addresses = ["10.0.0.2", "10.0.0.3"]
    assert await found(names) == ({"10.0.0.2:7000", "10.0.0.3:7000"}, "")


async def test_one_family_is_enough_where_nodes_have_both() -> None:
    names = Names(NameServer("10.0.0.1", "fd00::1").look)
    assert await found(names, family="ipv4") == ({"10.0.0.1:7000"}, "")
    assert await found(names, family="ipv6") == ({"[fd00::1]:7000"}, "")


async def test_a_name_server_that_fails_takes_no_node_away_and_is_told() -> None:
    server = NameServer("10.0.0.1")
    names = Names(server.look)
    await found(names)
    server.addresses = []
    told = "cache.internal cannot be resolved: Name or service not known"
    assert await found(names) == ({"10.0.0.1:7000"}, told)


async def test_a_name_without_an_address_of_the_family_is_told() -> None:
    names = Names(NameServer("10.0.0.1").look)
    assert await found(names, family="ipv6") == (set(), "cache.internal has no ipv6 address yet")
