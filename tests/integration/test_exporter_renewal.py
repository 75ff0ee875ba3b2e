"""A node that nobody new can enter is told while the connections that are open go on, and told as well again."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exporter.app import Exporter
from exporter.survey import survey
from sandbox.certificates import Authority, Pair, ServerTls
from sandbox.ports import free_port
from sandbox.redis_node import RedisNode
from tests.integration.exporter_support import Peer, Serving, passes_on, shown, silent, watching
from tests.unit.exporter.helpers import until, value

FAST = {
    "collect": {"interval": "250ms", "timeout": "200ms", "connect_interval": "1s"},
    "probe": {"interval": "100ms", "timeout": "1s"},
    "timeouts": {"connection": {"timeout": "1s", "backoff": "100ms"}},
}
TOLD = "no new connection comes in"


def _policy(instance: str, **fleet: Any) -> dict[str, Any]:
    return {**FAST, "fleet": {"nodes": [f"redis://{instance}"], **fleet}}


def _seen(exporter: Exporter, instance: str) -> Callable[..., float | None]:
    return lambda name, **labels: value(shown(exporter), name, instance=instance, **labels)


def _enters(exporter: Exporter, instance: str) -> float | None:
    return _seen(exporter, instance)("cache_collect_success", part="connect")


async def _goes_on(exporter: Exporter, instance: str, collections: int = 4) -> None:
    """The node stays up for all who have a connection, and is collected over the one that was kept."""
    node, kept = exporter.state.nodes[instance], exporter.collector.connections[instance]
    until_then = node.collections + collections
    await until(lambda: node.collections >= until_then)
    seen = _seen(exporter, instance)
    assert exporter.collector.connections[instance] is kept
    assert seen("redis_up") == seen("cache_node_up") == seen("cache_collect_success", part="info") == 1
    assert seen("cache_breaker_state", state="closed") == 1


async def _in(exporter: Exporter, instance: str) -> None:
    await until(lambda: _enters(exporter, instance) == 1 and _seen(exporter, instance)("cache_node_up") == 1)


def _show(node: RedisNode, pair: Pair) -> None:
    """Have a running server show another certificate."""
    with node.client() as client:
        client.execute_command("CONFIG", "SET", "tls-cert-file", str(pair.cert), "tls-key-file", str(pair.key))


async def test_a_certificate_that_expires_is_told_over_the_kept_connection_and_so_is_a_new_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    authority = Authority(tmp_path)
    good, expired = authority.issue("good"), authority.issue("expired", days=-1)
    with RedisNode(free_port(), tmp_path, tls=ServerTls(authority.cert, good)) as node:
        policy = _policy(node.instance, tls={"ca_file": str(authority.cert)})
        async with watching(policy) as exporter:
            await _in(exporter, node.instance)
            _show(node, expired)
            await until(lambda: _enters(exporter, node.instance) == 0, 5.0)
            await _goes_on(exporter, node.instance, 8)
            expired_one = "tls: its certificate cannot be trusted: certificate has expired"
            why = f"{node.instance}: {TOLD}, what is open goes on: {expired_one}"
            assert caplog.text.count(why) == caplog.text.count(TOLD) == 1
            _show(node, good)
            await until(lambda: _enters(exporter, node.instance) == 1, 5.0)
            assert f"{node.instance}: new connections come in again" in caplog.text
            await _goes_on(exporter, node.instance)


async def test_a_password_that_is_changed_on_the_server_is_told_until_the_exporter_has_it(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("old")
    with RedisNode(free_port(), tmp_path, config=("requirepass old",), password="old") as node:
        async with watching(_policy(node.instance, auth={"password_file": str(secret)})) as exporter:
            await _in(exporter, node.instance)
            with node.client() as client:
                client.config_set("requirepass", "new")
            await until(lambda: _enters(exporter, node.instance) == 0, 5.0)
            await _goes_on(exporter, node.instance)
            secret.write_text("new")
            await until(lambda: _enters(exporter, node.instance) == 1, 5.0)
            await _goes_on(exporter, node.instance)


async def test_a_password_that_is_asked_for_where_there_was_none_is_told(redis_node: RedisNode) -> None:
    async with watching(_policy(redis_node.instance)) as exporter:
        await _in(exporter, redis_node.instance)
        with redis_node.client() as client:
            client.config_set("requirepass", "new")
        await until(lambda: _enters(exporter, redis_node.instance) == 0, 5.0)
        await _goes_on(exporter, redis_node.instance)


async def test_a_node_that_is_asked_for_scrapes_alone_is_entered_anew_too(redis_node: RedisNode) -> None:
    """Its connection is kept from one scrape to the next: what it brought would be told for ever."""
    policy = _policy(redis_node.instance)
    async with watching({**policy, "collect": {**policy["collect"], "background": False}}) as exporter:
        await until(lambda: redis_node.instance in exporter.state.nodes)
        await exporter.scraper.page(redis_node.instance, 5.0)
        node = exporter.state.nodes[redis_node.instance]
        assert node.connect is not None
        assert node.connect.error == ""
        with redis_node.client() as client:
            client.config_set("requirepass", "new")
        await until(lambda: node.connect is not None and node.connect.error.startswith("auth"), 10.0)


async def test_a_user_whose_password_is_changed_is_told_and_a_policy_with_the_new_one_heals_it(
    redis_node: RedisNode,
) -> None:
    with redis_node.client() as client:
        client.execute_command("ACL SETUSER watcher on >old allcommands allkeys")
    environ = {"OLD": "old", "NEW": "new"}
    login = {"auth": {"username": "watcher", "password_env": "OLD"}}
    async with watching(_policy(redis_node.instance, **login), environ) as exporter:
        await _in(exporter, redis_node.instance)
        with redis_node.client() as client:
            client.execute_command("ACL SETUSER watcher resetpass >new")
        await until(lambda: _enters(exporter, redis_node.instance) == 0, 5.0)
        await _goes_on(exporter, redis_node.instance)
        login["auth"]["password_env"] = "NEW"
        policy = type(exporter.policy).model_validate(_policy(redis_node.instance, **login))
        assert await exporter.reload(lambda: policy) == ""
        await until(lambda: _enters(exporter, redis_node.instance) == 1, 5.0)


async def test_new_connections_that_hang_cost_the_kept_one_and_other_nodes_nothing(
    redis_node: RedisNode, caplog: pytest.LogCaptureFixture
) -> None:
    """As behind a firewall that lets through only what is open already."""
    with Peer(passes_on(redis_node.port)) as peer:
        policy = {**FAST, "fleet": {"nodes": [f"redis://{peer.instance}", f"redis://{redis_node.instance}"]}}
        async with watching(policy) as exporter:
            await _in(exporter, peer.instance)
            peer.talk = silent
            await until(lambda: _enters(exporter, peer.instance) == 0, 8.0)
            await _goes_on(exporter, peer.instance)
            await _goes_on(exporter, redis_node.instance)
            assert "timeout: no answer in time" in caplog.text
            peer.talk = passes_on(redis_node.port)
            await until(lambda: _enters(exporter, peer.instance) == 1, 8.0)


async def test_what_hangs_ends_with_the_exporter(redis_node: RedisNode) -> None:
    def entering() -> list[str]:
        return [task.get_name() for task in asyncio.all_tasks() if task.get_name() == f"enter {peer.instance}"]

    with Peer(passes_on(redis_node.port)) as peer:
        async with watching({**_policy(peer.instance), "timeouts": {"connection": {"timeout": "60s"}}}) as exporter:
            await _in(exporter, peer.instance)
            peer.talk = silent
            accepted = peer.accepted
            await until(lambda: peer.accepted > accepted and entering(), 8.0)
        assert entering() == []


async def test_a_node_that_is_full_has_another_alert(redis_node: RedisNode) -> None:
    async with watching(_policy(redis_node.instance)) as exporter:
        await _in(exporter, redis_node.instance)
        with redis_node.client() as client:
            client.config_set("maxclients", 1)
            await until(lambda: client.info("stats")["rejected_connections"] >= 2, 10.0)
        await _goes_on(exporter, redis_node.instance)
        assert _enters(exporter, redis_node.instance) == 1


async def test_no_connection_is_left_behind(redis_node: RedisNode) -> None:
    async with watching(_policy(redis_node.instance)) as exporter:
        await _in(exporter, redis_node.instance)
        with redis_node.client() as client:

            def stats(section: str, name: str) -> int:
                return int(client.info(section)[name])

            first, entered = stats("clients", "connected_clients"), stats("stats", "total_connections_received")
            await until(lambda: stats("stats", "total_connections_received") >= entered + 3, 10.0)
            await until(lambda: stats("clients", "connected_clients") == first, 5.0)
            assert exporter.renewals.running == {}


async def test_a_node_that_is_restarted_is_no_new_connection_that_fails(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is down is down, and told by others."""
    with RedisNode(free_port(), tmp_path) as node:
        async with watching(_policy(node.instance)) as exporter:
            await _in(exporter, node.instance)
            node.kill()
            await until(lambda: _seen(exporter, node.instance)("cache_node_up") == 0)
            assert _enters(exporter, node.instance) == 0, "nobody comes in"
            await asyncio.sleep(2.5)
            node.start()
            await _in(exporter, node.instance)
            assert TOLD not in caplog.text


def test_the_end_does_not_wait_for_a_new_connection_that_hangs(redis_node: RedisNode, tmp_path: Path) -> None:
    hung = threading.Event()

    def hang(connection: socket.socket) -> None:
        hung.set()
        silent(connection)

    with Peer(passes_on(redis_node.port)) as peer:
        policy = {**_policy(peer.instance), "timeouts": {"connection": {"timeout": "60s"}}}
        exporter = Serving(tmp_path / "serving", policy)
        exporter.start()
        try:
            deadline = time.monotonic() + 30
            while value(exporter.page("/metrics/sli"), "cache_collect_success", part="connect") != 1:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            peer.talk = hang
            assert hung.wait(10)
        finally:
            began = time.monotonic()
            exporter.stop()
        assert time.monotonic() - began < 3


async def test_the_end_of_a_certificate_is_shown_and_a_new_one_in_its_place_too(tmp_path: Path) -> None:
    """Loaded by the same path as before, as the runbook has it; also where a fingerprint alone is trusted."""
    authority = Authority(tmp_path)
    pair = authority.issue("server", days=3)
    name, ended = "cache_tls_certificate_expiry_timestamp_seconds", authority.issue("ended", days=-1)
    with (
        RedisNode(free_port(), tmp_path, tls=ServerTls(authority.cert, pair)) as node,
        RedisNode(free_port(), tmp_path, tls=ServerTls(authority.cert, ended)) as pinned,
        RedisNode(free_port(), tmp_path) as plain,
    ):
        nodes = [f"redis://{each.instance}" for each in (node, pinned, plain)]
        overrides = [
            {"match": pinned.instance, "tls": {"fingerprint": ended.fingerprint}},
            {"match": plain.instance, "tls": {"enabled": False}},
        ]
        fleet = {"nodes": nodes, "tls": {"ca_file": str(authority.cert)}, "overrides": overrides}
        async with watching({**FAST, "fleet": fleet}) as exporter:
            for each in (node, pinned, plain):
                await _in(exporter, each.instance)

            def days(of: RedisNode) -> float:
                return ((_seen(exporter, of.instance)(name) or 0.0) - time.time()) / 86_400

            assert days(node) == pytest.approx(3, abs=0.01)
            assert days(pinned) == pytest.approx(-1, abs=0.01)
            assert _seen(exporter, plain.instance)(name) is None
            authority.issue("server", days=90)
            with node.client() as client:
                client.config_set("tls-cert-file", str(pair.cert))
            await until(lambda: days(node) == pytest.approx(90, abs=0.01), 5.0)
        answers, _ = await survey(exporter.policy, {})
        assert [bool(answer.certificate_ends) for answer in answers] == [answer.tls != "no" for answer in answers]
