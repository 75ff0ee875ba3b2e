"""Listed nodes and nodes that Sentinel names: each watched once, under one label."""

from dataclasses import replace

from exporter.targets import Target, merge, static_targets
from tests.unit.exporter.helpers import policy

ADDRESSES = {"cache-1": "10.0.0.1", "::1": "::1", "0:0:0:0:0:0:0:1": "::1"}


def found(*targets: Target) -> dict[str, Target]:
    return {target.instance: target for target in targets}


def merged(static: tuple[Target, ...], *others: Target) -> list[tuple[str, str]]:
    return [(t.instance, t.shard) for t in merge(static, found(*others), ADDRESSES.get)]


def test_listed_nodes_have_the_default_port_and_their_shard() -> None:
    fleet = policy(fleet={"nodes": ["redis://a", {"url": "redis://[::1]:7000", "shard": "x"}]}).fleet
    assert [(t.instance, t.host, t.port, t.shard) for t in static_targets(fleet)] == [
        ("a:6379", "a", 6379, ""),
        ("[::1]:7000", "::1", 7000, "x"),
    ]


def test_a_node_that_is_listed_and_found_is_one_and_has_sentinels_shard() -> None:
    assert merged((Target.at("10.0.0.1", 6379, ""),), Target.at("10.0.0.1", 6379, "s")) == [("10.0.0.1:6379", "s")]


def test_sentinels_name_for_a_shard_wins_because_the_alert_that_misses_a_shard_looks_for_it() -> None:
    assert merged((Target.at("10.0.0.1", 6379, "mine"),), Target.at("10.0.0.1", 6379, "s")) == [("10.0.0.1:6379", "s")]
    assert merged((Target.at("10.0.0.1", 6379, "mine"),)) == [("10.0.0.1:6379", "mine")]


def test_a_node_listed_by_name_and_found_by_address_is_one_under_its_name() -> None:
    assert merged((Target.at("cache-1", 6379, ""),), Target.at("10.0.0.1", 6379, "s")) == [("cache-1:6379", "s")]


def test_an_ipv6_address_written_in_two_ways_is_one_node() -> None:
    assert merged((Target.at("0:0:0:0:0:0:0:1", 1, ""),), Target.at("::1", 1, "s")) == [("[0:0:0:0:0:0:0:1]:1", "s")]


def test_two_nodes_on_one_address_with_two_ports_are_two() -> None:
    assert len(merged((Target.at("10.0.0.1", 1, ""),), Target.at("10.0.0.1", 2, ""))) == 2


def test_a_listed_node_is_never_dropped_for_sharing_an_address() -> None:
    assert len(merged((Target.at("cache-1", 1, ""), Target.at("10.0.0.1", 1, "")))) == 2


def test_a_host_name_is_in_lower_case_whoever_names_it_and_a_path_stays_as_it_is() -> None:
    assert Target.at("Cache-1.Example", 6379, "S").instance == "cache-1.example:6379"
    assert Target.at("/run/Redis.sock", 0, "").instance == "unix:///run/Redis.sock"


def test_where_one_that_names_a_node_asks_for_tls_it_is_tls() -> None:
    """A login would go there in clear text otherwise."""
    asking = replace(Target.at("10.0.0.1", 6379, ""), tls=True)
    listed, other = Target.at("cache-1", 6379, ""), Target.at("10.0.0.9", 6379, "")
    for static, others in (((listed,), (asking,)), ((), (listed, asking)), ((), (asking, listed))):
        (node,) = merge(static, found(*others), ADDRESSES.get)
        assert node.tls
    assert [node.tls for node in merge((other,), found(asking), ADDRESSES.get)] == [True, False]
