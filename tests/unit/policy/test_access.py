"""Which login and which TLS a node gets: the first override that fits, then the fleet's, and never another's."""

from typing import Any

import pytest
from pydantic import ValidationError

from policy.access import Auth, Override, Tls
from policy.fleet import Fleet

PIN = "ab" * 32


def fleet(**parts: Any) -> Fleet:
    return Fleet.model_validate(parts)


@pytest.mark.parametrize(
    ("match", "instance", "fits"),
    [
        ("10.0.1.*:6379", "10.0.1.7:6379", True),
        ("10.0.1.*:6379", "10.0.1.7:6380", False),
        ("10.0.1.*:6379", "10.0.11.7:6379", False),
        ("10.0.1.*", "10.0.1.7:6380", True),
        ("cache-?.example:*", "cache-1.example:7000", True),
        ("Cache-1.Example:6379", "cache-1.example:6379", True),
        ("[2001:db8::*]:6379", "[2001:db8::7]:6379", True),
        ("[2001:db8::*]:6379", "2:6379", False),
        ("unix:///run/R*.sock", "unix:///run/Redis.sock", True),
        ("*", "anything:1", True),
    ],
)
def test_a_match_is_compared_with_the_whole_instance(match: str, instance: str, fits: bool) -> None:
    assert Override(match=match, auth=Auth(password_env="PW")).fits(instance) is fits


def test_the_first_override_that_fits_counts_and_what_it_leaves_out_is_the_fleets() -> None:
    found = fleet(
        nodes=["redis://a", "redis://b", "redis://c"],
        auth={"password_env": "FLEET"},
        tls={"server_name": "fleet"},
        overrides=[
            {"match": "a:*", "auth": {"password_env": "A"}},
            {"match": "b:*", "tls": {"enabled": False}},
            {"match": "*", "tls": {"server_name": "late"}},
        ],
    )
    logins = {i: (auth.password_env if (auth := found.auth_of(i)) else None) for i in ("a:6379", "b:6379", "c:6379")}
    assert logins == {"a:6379": "A", "b:6379": "FLEET", "c:6379": "FLEET"}
    names = {i: (tls.server_name, tls.enabled) for i in logins if (tls := found.tls_of(i))}
    assert names == {"a:6379": ("fleet", True), "b:6379": (None, False), "c:6379": ("late", True)}


def test_a_rediss_url_alone_is_tls_by_the_defaults() -> None:
    found = fleet(nodes=["rediss://a:6380", "redis://b"])
    assert found.nodes[0].instance == "a:6380"
    assert found.tls_of("a:6380") == Tls()
    assert found.tls_of("b:6379") is None


def test_a_unix_socket_has_the_fleets_login_and_no_tls() -> None:
    found = fleet(nodes=["unix:///run/redis.sock"], auth={"password_env": "PW"}, tls={})
    (node,) = found.nodes
    assert (node.instance, node.address) == ("unix:///run/redis.sock", ("/run/redis.sock", 0))
    assert found.auth_of(node.instance) == found.auth
    assert found.tls_of(node.instance) is None


@pytest.mark.parametrize(
    "text", [PIN, PIN.upper(), ":".join(["AB"] * 32), f"sha256 Fingerprint={':'.join(['AB'] * 32)}"]
)
def test_a_fingerprint_is_taken_as_openssl_prints_it(text: str) -> None:
    assert Tls.model_validate({"fingerprint": text}).fingerprint == (PIN,)


def test_several_fingerprints_may_be_pinned_while_a_certificate_is_changed() -> None:
    assert Tls.model_validate({"fingerprint": [PIN, "0" * 64]}).fingerprint == (PIN, "0" * 64)


def test_tls_is_1_3_unless_1_2_is_asked_for_with_or_without_quotes() -> None:
    assert Tls().min_version == "1.3"
    assert [Tls.model_validate({"min_version": v}).min_version for v in (1.2, "1.2", 1.3)] == ["1.2", "1.2", "1.3"]


@pytest.mark.parametrize("name", [".redis.internal", "redis..internal", "x" * 64])
def test_a_server_name_that_no_handshake_can_ask_for_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="is no host name"):
        Tls(server_name=name)
    assert Tls(server_name="redis.internal").files("10.0.0.1").server_name == "redis.internal"
