"""What the exporter shows of real servers is what they say: values, roles, limits, and who may not ask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from exporter.app import Exporter
from exporter.survey import survey
from policy.metrics import NODE_FACTS
from policy.model import Policy
from sandbox.ports import free_port
from sandbox.process import wait_until
from sandbox.redis_node import RedisNode
from tests.integration.exporter_support import Peer, says, shown, watching
from tests.unit.exporter.helpers import until, value

FAST = {"collect": {"interval": "500ms", "timeout": "400ms"}, "probe": {"interval": "100ms", "timeout": "500ms"}}
# INFO fields that no client moves between two looks of ours.
_STILL = (
    "keyspace_hits",
    "keyspace_misses",
    "maxmemory",
    "expired_keys",
    "evicted_keys",
    "aof_enabled",
    "connected_slaves",
)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[RedisNode, RedisNode]]:
    """A primary with a limit of its own and its replica without one, in sync."""
    with ExitStack() as stack:
        primary = stack.enter_context(RedisNode(free_port(), tmp_path, maxmemory="64mb"))
        replica = stack.enter_context(RedisNode(free_port(), tmp_path, replica_of=primary.port))
        wait_until(lambda: replica.info("replication")["master_link_status"] == "up", 60.0, "the replica")
        yield primary, replica


def _of(exporter: Exporter, name: str, node: str, **labels: str) -> float | None:
    return value(shown(exporter), name, instance=node, **labels)


async def test_every_value_is_the_one_that_info_gives(pair: tuple[RedisNode, RedisNode]) -> None:
    primary, replica = pair
    with primary.client() as client:
        client.set("here", 1)
        for _ in range(70):
            client.get("here")
        for _ in range(30):
            client.get("gone")
    truth = primary.info()
    async with watching({**FAST, "fleet": {"nodes": [f"redis://{n.instance}" for n in pair]}}) as exporter:
        await until(lambda: _of(exporter, "cache_hits_total", primary.instance) == 70)
        assert _of(exporter, "cache_misses_total", primary.instance) == 30
        assert _of(exporter, "redis_db_keys", primary.instance, db="db0") == 1
        for fact in NODE_FACTS:
            if fact.info in _STILL:
                assert _of(exporter, fact.name, primary.instance) == float(str(truth[fact.info])), fact.name
        assert _of(exporter, "redis_instance_info", primary.instance, run_id=str(truth["run_id"]), role="master") == 1
        await until(lambda: _of(exporter, "cache_node_role", replica.instance, role="replica") == 1)
        assert _of(exporter, "cache_node_role", primary.instance, role="primary") == 1


async def test_watching_a_node_for_long_moves_neither_its_hits_nor_its_misses(redis_node: RedisNode) -> None:
    async with watching({**FAST, "fleet": {"nodes": [f"redis://{redis_node.instance}"]}}) as exporter:
        checks = "cache_health_checks_total"
        await until(lambda: (_of(exporter, checks, redis_node.instance, result="success") or 0) > 20)
    info = redis_node.info("stats")
    assert (info["keyspace_hits"], info["keyspace_misses"]) == (0, 0)


async def test_the_limit_is_the_servers_else_the_policys_else_the_machines(
    pair: tuple[RedisNode, RedisNode], redis_node: RedisNode
) -> None:
    primary, replica = pair
    nodes = [
        {"url": f"redis://{primary.instance}", "memory_limit": "1GiB"},
        {"url": f"redis://{replica.instance}", "memory_limit": "1GiB"},
        f"redis://{redis_node.instance}",
    ]
    name = "cache_memory_limit_bytes"
    machine = float(str(redis_node.info("memory")["total_system_memory"]))
    async with watching({**FAST, "fleet": {"nodes": nodes}}) as exporter:
        await until(lambda: all(_of(exporter, name, n.instance) for n in (primary, replica, redis_node)))
        assert _of(exporter, name, primary.instance, source="maxmemory") == 64 * 1024**2
        assert _of(exporter, name, replica.instance, source="policy") == 1024**3
        assert _of(exporter, name, redis_node.instance, source="system") == machine


async def test_one_connection_is_kept_for_collection_and_one_for_probes(redis_node: RedisNode) -> None:
    before = int(str(redis_node.info("stats")["total_connections_received"]))
    async with watching({**FAST, "fleet": {"nodes": [f"redis://{redis_node.instance}"]}}) as exporter:
        checks = "cache_health_checks_total"
        await until(lambda: (_of(exporter, checks, redis_node.instance, result="success") or 0) > 15)
        after = int(str(redis_node.info("stats")["total_connections_received"]))
    assert after - before == 3, "two of the exporter, and the one that asks here"


# Passwords. The policy has one login for the fleet; each server looks at it in its own way.
USER = ("user watch on >right-word +ping +info",)


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[dict[str, RedisNode]]:
    """Servers that know the user with the least rights, with another password, without INFO, and not at all."""
    kinds = {
        "right": USER,
        "wrong": ("user watch on >another-word +ping +info",),
        "no info": ("user watch on >right-word +ping",),
        "no ping": ("user watch on >right-word +info",),
        "unknown": (),
    }
    with ExitStack() as stack:
        yield {k: stack.enter_context(RedisNode(free_port(), tmp_path, config=lines)) for k, lines in kinds.items()}


async def test_a_user_with_ping_and_info_is_enough_and_less_is_told_as_auth(
    guarded: dict[str, RedisNode], caplog: pytest.LogCaptureFixture
) -> None:
    nodes = [f"redis://{node.instance}" for node in guarded.values()]
    fleet = {"nodes": nodes, "auth": {"username": "watch", "password_env": "WATCH"}}
    async with watching({**FAST, "fleet": fleet}, {"WATCH": "right-word"}) as exporter:
        where = {kind: node.instance for kind, node in guarded.items()}
        expected = {"right": (1, 1), "wrong": (0, 0), "no info": (1, 0), "no ping": (0, 1), "unknown": (0, 0)}

        def seen() -> dict[str, tuple[float | None, float | None]]:
            return {k: (_of(exporter, "cache_node_up", i), _of(exporter, "redis_up", i)) for k, i in where.items()}

        await until(lambda: seen() == expected)  # not each at its first moment: one slow answer is "not up" as well
        for kind in ("wrong", "no ping", "unknown"):
            assert (_of(exporter, "cache_health_checks_total", where[kind], result="auth") or 0) >= 3
        assert "right-word" not in repr(vars(exporter.collector)) + repr(
            [exporter.keys.of(n.target) for n in exporter.state.nodes.values()]
        )
    assert "right-word" not in caplog.text


async def test_a_server_that_wants_a_password_and_gets_none_is_told_as_auth(tmp_path: Path) -> None:
    with RedisNode(free_port(), tmp_path, password="s3cret-word") as node:
        async with watching({**FAST, "fleet": {"nodes": [f"redis://{node.instance}"]}}) as exporter:
            await until(lambda: _of(exporter, "cache_node_up", node.instance) == 0)
            await until(lambda: _of(exporter, "redis_up", node.instance) == 0)
            assert (_of(exporter, "cache_health_checks_total", node.instance, result="auth") or 0) >= 3


async def test_a_password_of_requirepass_is_read_from_its_file_and_may_hold_anything(tmp_path: Path) -> None:
    word = "p\u00e4ss $\u20ac word"
    (tmp_path / "word").write_text(word + "\n", encoding="utf-8")
    with RedisNode(free_port(), tmp_path, config=()) as node:
        with node.client() as client:
            client.config_set("requirepass", word)
        fleet = {"nodes": [f"redis://{node.instance}"], "auth": {"password_file": str(tmp_path / "word")}}
        async with watching({**FAST, "fleet": fleet}) as exporter:
            await until(lambda: _of(exporter, "cache_node_up", node.instance) == 1)
            await until(lambda: _of(exporter, "redis_up", node.instance) == 1)


async def test_a_password_that_is_put_right_on_the_server_lets_us_in_without_a_restart(tmp_path: Path) -> None:
    with RedisNode(free_port(), tmp_path, config=("user watch on >another-word +ping +info",)) as node:
        fleet = {"nodes": [f"redis://{node.instance}"], "auth": {"username": "watch", "password_env": "WATCH"}}
        async with watching({**FAST, "fleet": fleet}, {"WATCH": "right-word"}) as exporter:
            await until(lambda: _of(exporter, "cache_node_up", node.instance) == 0)
            with node.client() as client:
                client.execute_command("ACL", "SETUSER", "watch", ">right-word")
            await until(lambda: _of(exporter, "cache_node_up", node.instance) == 1)
            await until(lambda: _of(exporter, "redis_up", node.instance) == 1)


@pytest.mark.parametrize(
    ("echo", "told"),
    [
        (b"-ERR unknown command 'AUTH', with args beginning with: 'watch' 'right-word' \r\n", "AUTH was not answered"),
        (b"-WRONGPASS cannot log in with right-word\r\n", "AUTH was refused; what the server said is left out"),
        (b"-NOPERM user watch:right-word may not\r\n", "AUTH was refused; what the server said is left out"),
        (b"-LOADING come back later, watch, with right-word\r\n", "AUTH was refused; what the server said is left out"),
    ],
)
async def test_a_server_that_repeats_the_password_in_its_error_does_not_put_it_into_the_log(
    caplog: pytest.LogCaptureFixture, echo: bytes, told: str
) -> None:
    with Peer(says(echo)) as peer:
        fleet = {"nodes": [f"redis://{peer.instance}"], "auth": {"username": "watch", "password_env": "WATCH"}}
        policy = {**FAST, "fleet": fleet}
        async with watching(policy, {"WATCH": "right-word"}) as exporter:
            await until(lambda: _of(exporter, "redis_up", peer.instance) == 0)
            assert told in exporter.state.nodes[peer.instance].collection.error  # type: ignore[union-attr]
        (answer,), _ = await survey(Policy.model_validate(policy), {"WATCH": "right-word"})
    word = echo.split()[0].decode().lstrip("-")
    assert answer.error.startswith({"ERR": "protocol: ", "LOADING": "loading: "}.get(word, "auth: ") + told)
    assert "right-word" not in caplog.text + answer.error


async def test_the_survey_tells_of_each_node_what_it_said(guarded: dict[str, RedisNode]) -> None:
    nodes = [f"redis://{node.instance}" for node in guarded.values()]
    fleet = {"nodes": [*nodes, "redis://127.0.0.1:1"], "auth": {"username": "watch", "password_env": "WATCH"}}
    answers, sentinel = await survey(Policy.model_validate({"fleet": fleet}), {"WATCH": "right-word"})
    by = {answer.instance: answer for answer in answers}
    good = by[guarded["right"].instance]
    assert (good.role, good.version, good.error) == ("primary", guarded["right"].info()["redis_version"], "")
    assert by[guarded["wrong"].instance].error.startswith("auth: WRONGPASS")
    assert by[guarded["no info"].instance].error.startswith("auth: NOPERM")
    assert by["127.0.0.1:1"].error == "refused: cannot connect: Connection refused"
    assert sentinel == ""


async def test_an_ipv6_node_and_a_node_by_name_are_watched_like_any_other(tmp_path: Path) -> None:
    port = free_port()
    with RedisNode(port, tmp_path, config=("bind 127.0.0.1 ::1",)) as node:
        nodes = [f"redis://[::1]:{node.port}", f"redis://localhost:{node.port}"]
        async with watching({**FAST, "fleet": {"nodes": nodes}}) as exporter:
            for instance in (f"[::1]:{node.port}", f"localhost:{node.port}"):
                await until(lambda i=instance: _of(exporter, "cache_node_up", i) == 1)  # type: ignore[misc]
                await until(lambda i=instance: _of(exporter, "redis_up", i) == 1)  # type: ignore[misc]


async def test_a_name_that_does_not_resolve_is_refused_and_costs_only_itself(
    redis_node: RedisNode, caplog: pytest.LogCaptureFixture
) -> None:
    nodes = ["redis://no-such-host.invalid:6379", f"redis://{redis_node.instance}"]
    async with watching({**FAST, "fleet": {"nodes": nodes}}) as exporter:
        await until(lambda: _of(exporter, "cache_node_up", redis_node.instance) == 1, 60.0)
        await until(lambda: _of(exporter, "cache_node_up", "no-such-host.invalid:6379") == 0, 60.0)
        await until(lambda: _of(exporter, "redis_up", "no-such-host.invalid:6379") == 0, 60.0)
    told = "no-such-host.invalid cannot be resolved"
    assert caplog.text.count(told) == 1


async def test_a_name_that_moves_to_another_server_is_followed_by_probes_and_collection_alike(
    redis_node: RedisNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    says_so = {"cache-1": ["127.0.0.1"]}
    node = f"cache-1:{redis_node.port}"
    with Peer(says(b"-LOADING not yet\r\n"), host="127.0.0.2", port=redis_node.port):
        async with watching({**FAST, "fleet": {"nodes": [f"redis://{node}"]}}) as exporter:
            monkeypatch.setattr(exporter.names, "_look", says_so.__getitem__)
            await until(lambda: _of(exporter, "cache_node_up", node) == _of(exporter, "redis_up", node) == 1)
            says_so["cache-1"] = ["127.0.0.2"]
            await until(lambda: _of(exporter, "cache_node_up", node) == _of(exporter, "redis_up", node) == 0)
            assert (_of(exporter, "cache_health_checks_total", node, result="loading") or 0) >= 3


async def test_hits_of_a_restarted_server_begin_again_and_the_exporter_follows(redis_node: RedisNode) -> None:
    with redis_node.client() as client:
        client.set("here", 1)
        for _ in range(5):
            client.get("here")
    async with watching({**FAST, "fleet": {"nodes": [f"redis://{redis_node.instance}"]}}) as exporter:
        await until(lambda: _of(exporter, "cache_hits_total", redis_node.instance) == 5)
        redis_node.kill()
        await until(lambda: _of(exporter, "redis_up", redis_node.instance) == 0)
        redis_node.start()
        await until(lambda: _of(exporter, "cache_hits_total", redis_node.instance) == 0)
