"""A login goes to the nodes that it was given for; Sentinel's and the nodes' are two."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exporter.access import Access
from exporter.failures import NodeError
from exporter.keyring import Keyring
from exporter.targets import Target
from policy.fleet import Fleet
from policy.key_files import SecretError

NODE = Target.at("10.0.0.1", 6379, "")


def keyring(environ: dict[str, str] | None = None, **fleet: Any) -> Keyring:
    return Keyring(Fleet.model_validate(fleet), environ or {})


def test_the_nodes_login_does_not_go_to_sentinel_nor_sentinels_to_the_nodes() -> None:
    keys = keyring(
        {"NODES": "n", "SENTINEL": "s"},
        auth={"password_env": "NODES"},
        sentinel={"addresses": ["a"], "auth": {"username": "u", "password_env": "SENTINEL"}, "tls": {}},
    )
    assert keys.of(NODE).login() == ("AUTH", "n")
    assert keys.sentinel("a").login() == ("AUTH", "u", "s")
    assert keys.of(NODE).tls is None
    assert keys.sentinel("a").tls is not None
    assert (
        keyring({"NODES": "n"}, auth={"password_env": "NODES"}, sentinel={"addresses": ["a"]}).sentinel("a") == Access()
    )


def test_the_name_in_the_certificate_is_the_nodes_own_unless_the_policy_gives_one() -> None:
    plain = keyring(tls={}).of(NODE).tls
    named = keyring(tls={"server_name": "cache.test"}).of(NODE).tls
    assert plain is not None
    assert named is not None
    assert (plain.server_name, named.server_name) == ("10.0.0.1", "cache.test")


def test_a_password_in_a_file_is_read_at_each_login(tmp_path: Path) -> None:
    file = tmp_path / "pw"
    file.write_text("first")
    access = keyring(auth={"password_file": str(file)}).of(NODE)
    assert access.login() == ("AUTH", "first")
    file.write_text("second")
    assert access.login() == ("AUTH", "second")
    file.unlink()
    with pytest.raises(NodeError, match="cannot be read") as failed:
        access.login()
    assert failed.value.result == "auth"


def test_a_password_that_is_not_there_is_told_at_the_start() -> None:
    with pytest.raises(SecretError, match="NO_SUCH"):
        keyring(overrides=[{"match": "*", "auth": {"password_env": "NO_SUCH"}}])


def test_the_prober_understands_what_it_is_told() -> None:
    access = keyring({"PW": "w"}, auth={"password_env": "PW"}, tls={"fingerprint": "ab" * 32}).of(NODE)
    assert Access.from_order(access.order()) == access


def test_the_password_is_not_in_the_repr() -> None:
    assert "right-word" not in repr(keyring({"PW": "right-word"}, auth={"password_env": "PW"}).of(NODE))


def test_a_key_file_that_vanished_is_a_failure_of_the_node(tmp_path: Path) -> None:
    access = keyring(tls={"ca_file": str(tmp_path / "ca.crt")}).of(NODE)
    with pytest.raises(NodeError, match="cannot be read") as failed:
        access.context()
    assert failed.value.result == "tls"


def test_what_a_file_names_by_rediss_is_never_entered_in_clear_text() -> None:
    node = replace(NODE, tls=True)
    plain = keyring(tls={"enabled": False}).of(node).tls
    assert keyring().of(NODE).tls is None
    assert plain is not None
    assert keyring().of(node).tls == plain
    off = [{"match": "10.0.0.*:*", "tls": {"enabled": False}}]
    fleets = keyring(tls={"server_name": "of.the.fleet"}, overrides=off).of(node).tls
    assert fleets is not None
    assert fleets.server_name == "of.the.fleet"
    own = keyring(overrides=[{"match": "10.0.0.1:*", "tls": {"server_name": "cache.test"}}]).of(node).tls
    assert own is not None
    assert own.server_name == "cache.test"


def test_a_file_of_many_passwords_is_not_taken_for_one(tmp_path: Path) -> None:
    file = tmp_path / "pw"
    file.write_text('{"redis://10.0.0.1:6379": "right-word"}\n')
    with pytest.raises(SecretError, match="holds a JSON object and not a secret alone") as refused:
        keyring(auth={"password_file": str(file)})
    assert "right-word" not in str(refused.value)
    for word in ("{", "{right-word}", '["right-word"]', '{"right": word}'):
        file.write_text(word)
        assert keyring(auth={"password_file": str(file)}).of(NODE).login() == ("AUTH", word)
