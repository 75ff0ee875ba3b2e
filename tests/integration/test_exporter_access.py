"""Logins and sockets on real servers: each node by its own, rotated in place, and none to a node that it was not given for."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exporter.app import Exporter
from sandbox.ports import free_port
from sandbox.redis_node import RedisNode
from tests.integration.exporter_support import Peer, Talk, requests, shown, watching
from tests.unit.exporter.helpers import until, value

FAST = {"collect": {"interval": "500ms", "timeout": "400ms"}, "probe": {"interval": "100ms", "timeout": "1s"}}


def _fleet(*nodes: str, **more: Any) -> dict[str, Any]:
    return {**FAST, "fleet": {"nodes": list(nodes), **more}}


def _up(exporter: Exporter, *instances: str) -> Callable[[], bool]:
    """Whether the collector and the prober both say that these are up."""

    def up() -> bool:
        page = shown(exporter)
        return all(value(page, name, instance=i) == 1 for i in instances for name in ("cache_node_up", "redis_up"))

    return up


def _remembers(heard: list[bytes]) -> Talk:
    """Answer as a healthy node would to PING, and keep all that was said."""

    def talk(connection: socket.socket) -> None:
        for data in requests(connection):
            heard.append(data)
            connection.sendall(b"+PONG\r\n" * data.count(b"PING"))

    return talk


async def test_each_node_is_entered_by_the_login_that_the_policy_gives_it(tmp_path: Path) -> None:
    acl = ["user watcher on >second ~* +@all"]
    with (
        RedisNode(free_port(), tmp_path, password="first") as usual,
        RedisNode(free_port(), tmp_path, password="unused", config=acl) as special,
        RedisNode(free_port(), tmp_path) as without,
    ):
        policy = _fleet(
            *(f"redis://{node.instance}" for node in (usual, special, without)),
            auth={"password_env": "FIRST"},
            overrides=[
                {"match": special.instance, "auth": {"username": "watcher", "password_env": "SECOND"}},
                {"match": without.instance, "auth": {"enabled": False}},
            ],
        )
        async with watching(policy, {"FIRST": "first", "SECOND": "second"}) as exporter:
            await until(_up(exporter, usual.instance, special.instance, without.instance), 60.0)


async def test_no_login_is_sent_to_a_node_that_it_was_not_given_for(redis_node: RedisNode) -> None:
    heard: list[bytes] = []
    with Peer(_remembers(heard)) as peer:
        auth, off = {"password_env": "SECRET"}, {"match": peer.instance, "auth": {"enabled": False}}
        policy = _fleet(f"redis://{redis_node.instance}", f"redis://{peer.instance}", auth=auth, overrides=[off])
        async with watching(policy, {"SECRET": "right-word"}):
            await until(lambda: any(b"PING" in data for data in heard) and any(b"INFO" in data for data in heard), 60.0)
    assert b"right-word" not in b"".join(heard)
    assert b"AUTH" not in b"".join(heard)


async def test_a_rotated_password_is_used_at_the_next_connection_without_a_failed_check(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("first\n")
    with RedisNode(free_port(), tmp_path, password="first") as node:
        async with watching(_fleet(f"redis://{node.instance}", auth={"password_file": str(file)})) as exporter:
            await until(_up(exporter, node.instance), 60.0)
            file.write_text("second\n")
            with node.client() as client:
                client.execute_command("CONFIG", "SET", "requirepass", "second")
                client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            before = value(shown(exporter), "cache_health_checks_total", instance=node.instance, result="success") or 0
            await until(lambda: _success(exporter, node) >= before + 10 and _up(exporter, node.instance)(), 60.0)
            assert value(shown(exporter), "cache_health_checks_total", instance=node.instance, result="auth") == 0


def _success(exporter: Exporter, node: RedisNode) -> float:
    return value(shown(exporter), "cache_health_checks_total", instance=node.instance, result="success") or 0.0


async def test_a_password_file_that_vanished_is_named_in_the_failure(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("first\n")
    node = RedisNode(free_port(), tmp_path, password="first")
    with node:
        async with watching(_fleet(f"redis://{node.instance}", auth={"password_file": str(file)})) as exporter:
            await until(_up(exporter, node.instance), 60.0)
            file.unlink()
            node.restart()
            await until(lambda: str(file) in _error(exporter, node), 60.0)
            checks = "cache_health_checks_total"
            await until(lambda: (value(shown(exporter), checks, instance=node.instance, result="auth") or 0) > 0, 60.0)


def _error(exporter: Exporter, node: RedisNode) -> str:
    collection = exporter.state.nodes[node.instance].collection
    return collection.error if collection else ""


async def test_a_unix_socket_is_a_node_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    instance = f"unix://{path}"
    node = RedisNode(free_port(), tmp_path, password="word", socket=path)
    with node:
        async with watching(_fleet(instance, auth={"password_env": "PW"}), {"PW": "word"}) as exporter:
            await until(_up(exporter, instance), 60.0)
            assert value(shown(exporter), "cache_probe_duration_seconds_count", instance=instance)
            node.stop()
            await until(lambda: value(shown(exporter), "cache_node_up", instance=instance) == 0, 60.0)
            node.start()
            await until(_up(exporter, instance), 60.0)
