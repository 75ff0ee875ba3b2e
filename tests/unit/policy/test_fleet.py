"""Addresses: what may be written, and that one node has one name however it is written."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from policy.fleet import Fleet, Node, join_address, split_address
from policy.loader import parse


@pytest.mark.parametrize(
    ("url", "instance"),
    [
        ("redis://10.0.0.1:6379", "10.0.0.1:6379"),
        ("redis://10.0.0.1", "10.0.0.1:6379"),
        ("redis://10.0.0.1/", "10.0.0.1:6379"),
        ("redis://Cache-1.Example.COM:7000", "cache-1.example.com:7000"),
        ("redis://redis_1:6379", "redis_1:6379"),
        ("redis://[::1]:6379", "[::1]:6379"),
        ("redis://[2001:DB8::1]", "[2001:db8::1]:6379"),
    ],
)
def test_a_node_is_called_by_host_and_port(url: str, instance: str) -> None:
    assert Node(url=url).instance == instance


@pytest.mark.parametrize(
    "text", ["", ":6379", "a b", "a\tb", "a\rb", "a\nb", "a/b", "a?b", "a#b", 'a"b', "-a", "[::1", "[x]:1"]
)
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not an address; write host:port, as in 10\.0\.0\.1:6379"):
        split_address(text, 6379)


@pytest.mark.parametrize("text", ["10.0.0.1:6379", "cache:1", "[::1]:65535"])
def test_an_address_taken_apart_and_put_together_is_the_same(text: str) -> None:
    assert join_address(*split_address(text, 6379)) == text


FOUND = {"nodes": ["rediss://10.0.0.1:6379"], "dns": [{"name": "cache.test"}]}
LOGIN = {"password_env": "CACHE_PASSWORD"}


@pytest.mark.parametrize(
    ("parts", "refused"),
    [
        ({"auth": LOGIN}, True),
        ({"auth": LOGIN, "tls": {}}, False),
        ({"auth": LOGIN, "tls": {"enabled": False}, "overrides": [{"match": "10.0.0.1:6379", "tls": {}}]}, False),
        ({"auth": {"enabled": False}}, False),
        ({}, False),
        ({"overrides": [{"match": "10.0.*", "auth": LOGIN}]}, True),
        ({"overrides": [{"match": "10.0.*", "auth": LOGIN, "tls": {}}]}, False),
        ({"overrides": [{"match": "10.0.0.1:6379", "auth": LOGIN}]}, False),
        ({"auth": LOGIN, "dns": []}, False),
    ],
)
def test_a_login_never_goes_in_clear_text_to_found_nodes_because_only_listed_ones_ask_for_tls(
    parts: dict[str, object], refused: bool
) -> None:
    with pytest.raises(ValueError, match="clear text") if refused else nullcontext():
        Fleet.model_validate(FOUND | parts)


def test_a_shard_whose_primary_is_elsewhere_is_one_that_some_node_has() -> None:
    nodes = [{"url": "redis://10.0.0.1", "shard": "far"}, "redis://10.0.0.2"]
    assert Fleet.model_validate({"nodes": nodes, "primary_elsewhere": ["far"]}).primary_elsewhere == ("far",)
    with pytest.raises(ValueError, match="'fra' is the shard of no node"):
        Fleet.model_validate({"nodes": nodes, "primary_elsewhere": ["far", "fra"]})
    assert Fleet.model_validate({"files": ["/a.yml"], "primary_elsewhere": ["fra"]}).primary_elsewhere == ("fra",)


def test_a_node_with_a_limit_of_its_own_does_not_have_the_fleets() -> None:
    text = "fleet: {memory_limit: 1GiB, nodes: [redis://a, {url: redis://b, memory_limit: 2GiB}]}"
    fleet = parse(text, "p.yaml", Path("/")).policy.fleet
    assert [fleet.limit_of(instance) for instance in ("a:6379", "b:6379", "found-by-sentinel:1")] == [
        2**30,
        2**31,
        2**30,
    ]


def test_without_a_limit_in_the_policy_there_is_none() -> None:
    assert parse("", "p.yaml", Path("/")).policy.fleet.limit_of("127.0.0.1:6379") is None
