"""`probe.write`: primaries, and only they, are asked to take a key; what that tells, and what it leaves alone."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from exporter.app import Exporter
from exporter.ping import LIFE
from exporter.survey import survey
from policy.model import Policy
from sandbox.cluster import RedisCluster
from sandbox.ports import free_port
from sandbox.process import wait_until
from sandbox.redis_node import RedisNode
from tests.integration.exporter_support import shown, watching
from tests.unit.exporter.helpers import until, value

PROBE = {"interval": "100ms", "timeout": "500ms", "write": True}
FAST = {"collect": {"interval": "500ms", "timeout": "400ms"}, "probe": PROBE}
KEY = "cachewatch:probe"
PATIENCE = 60.0


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[RedisNode, RedisNode]]:
    """A primary and its replica."""
    with ExitStack() as stack:
        primary = stack.enter_context(RedisNode(free_port(), tmp_path))
        replica = stack.enter_context(RedisNode(free_port(), tmp_path, replica_of=primary.port))
        wait_until(lambda: replica.info("replication")["master_link_status"] == "up", PATIENCE, "the replica")
        yield primary, replica


def _of(exporter: Exporter, name: str, node: RedisNode, **labels: str) -> float:
    return value(shown(exporter), name, instance=node.instance, **labels) or 0.0


def _sets(exporter: Exporter, node: RedisNode) -> float:
    return _of(exporter, "cache_probe_duration_seconds_count", node, op="set")


def _calls(node: RedisNode, command: str) -> int:
    stats: Mapping[str, Any] = node.info("commandstats")
    return int(dict(stats.get(f"cmdstat_{command}", {"calls": 0}))["calls"])


def _policy(*nodes: RedisNode, **parts: object) -> dict[str, Any]:
    return {**FAST, "fleet": {"nodes": [f"redis://{node.instance}" for node in nodes]}, **parts}


async def test_a_primary_is_written_to_and_its_replica_is_not(pair: tuple[RedisNode, RedisNode]) -> None:
    primary, replica = pair
    async with watching(_policy(*pair)) as exporter:
        await until(lambda: _sets(exporter, primary) >= 20, PATIENCE)
        assert _of(exporter, "cache_node_up", primary) == _of(exporter, "cache_node_up", replica) == 1
        assert _of(exporter, "cache_collect_success", primary, part="set") == 1
        assert value(shown(exporter), "cache_collect_success", instance=replica.instance, part="set") is None
        assert _of(exporter, "cache_probe_duration_seconds_bucket", primary, op="set", le="10.0") >= 20
        assert _sets(exporter, replica) == 0
        with primary.client() as client:
            assert client.keys() == [KEY]
            assert 0 < int(client.ttl(KEY)) <= LIFE
    assert "errorstat_READONLY" not in replica.info("errorstats"), "the replica was not even asked"


async def test_writing_moves_neither_hits_nor_misses(redis_node: RedisNode) -> None:
    """On a real server: what it counts itself, after SETs on the missing and on the present key."""
    async with watching(_policy(redis_node)) as exporter:
        await until(lambda: _sets(exporter, redis_node) >= 10, PATIENCE)
        with redis_node.client() as client:
            client.delete(KEY)
        await until(lambda: _sets(exporter, redis_node) >= 20, PATIENCE)
        assert (_of(exporter, "cache_hits_total", redis_node), _of(exporter, "cache_misses_total", redis_node)) == (
            0,
            0,
        )
    stats = redis_node.info("stats")
    assert _calls(redis_node, "set") >= 20
    assert (stats["keyspace_hits"], stats["keyspace_misses"]) == (0, 0)


async def test_nothing_is_written_unless_it_is_asked_for(redis_node: RedisNode) -> None:
    async with watching(_policy(redis_node, probe={"interval": "100ms", "timeout": "500ms"})) as exporter:
        await until(lambda: _of(exporter, "cache_health_checks_total", redis_node, result="success") >= 20, PATIENCE)
        assert value(shown(exporter), "cache_probe_duration_seconds_count", op="set") is None
    assert _calls(redis_node, "set") == 0


def _judged(exporter: Exporter) -> tuple[str, str]:
    told = exporter.judge.look(time.monotonic())
    return told.status, told.components[0].error if told.components else ""


async def test_a_primary_that_takes_no_writes_is_no_good_and_is_not_dead(redis_node: RedisNode) -> None:
    """CacheNodeDown would say that it is dead, and CacheWritesRefused speaks of primaries that are up."""
    async with watching(_policy(redis_node)) as exporter:
        await until(lambda: _sets(exporter, redis_node) >= 3, PATIENCE)
        with redis_node.client() as client:
            client.config_set("min-replicas-to-write", 1)
            await until(
                lambda: _of(exporter, "cache_health_checks_total", redis_node, result="readonly") >= 8, PATIENCE
            )
            assert _of(exporter, "cache_node_up", redis_node) == 1
            assert _of(exporter, "cache_collect_success", redis_node, part="set") == 0
            assert _judged(exporter) == ("DOWN", "readonly")
            client.config_set("min-replicas-to-write", 0)
        await until(lambda: _judged(exporter) == ("UP", ""), PATIENCE)


async def test_a_primary_that_cannot_save_refuses_even_ping_and_is_not_dead(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    with RedisNode(free_port(), tmp_path, config=("save 3600 1", f'dir "{gone}"')) as node:
        async with watching(_policy(node, probe={"interval": "100ms", "timeout": "500ms"})) as exporter:
            await until(lambda: _judged(exporter) == ("UP", ""), PATIENCE)
            with node.client() as client:
                gone.rmdir()
                client.bgsave()
                await until(lambda: _judged(exporter) == ("DOWN", "readonly"), PATIENCE)
                assert _of(exporter, "cache_node_up", node) == 1
                client.config_set("stop-writes-on-bgsave-error", "no")
            await until(lambda: _judged(exporter) == ("UP", ""), PATIENCE)


async def test_a_primary_that_is_made_a_replica_is_asked_who_it_is_at_once_and_is_never_down(
    pair: tuple[RedisNode, RedisNode], tmp_path: Path
) -> None:
    """In a planned failover the role that the exporter knows is up to an interval old."""
    other, _ = pair
    with RedisNode(free_port(), tmp_path) as primary:
        alerts = {
            name: {"within": "1h"}
            for name in ("evictions", "access_denied", "main_thread", "rejected_connections", "replica_flapping")
        }
        slow = {
            "collect": {"interval": "5m"},
            "health": {"window": "1h"},
            "rules": {"rate_window": "1h"},
            "alerts": alerts,
        }
        async with watching(_policy(primary, **slow, probe={**PROBE, "interval": "300ms"})) as exporter:
            await until(lambda: _sets(exporter, primary) >= 3, PATIENCE)
            with primary.client() as client:
                client.replicaof(*other.instance.split(":"))
            await until(lambda: _of(exporter, "cache_node_role", primary, role="replica") == 1, PATIENCE)
            before = _of(exporter, "cache_health_checks_total", primary, result="success")
            await until(
                lambda: _of(exporter, "cache_health_checks_total", primary, result="success") >= before + 5, PATIENCE
            )
            node = exporter.state.nodes[primary.instance]
            assert (node.verdict.up, node.recovered) == (True, None)
            errors = str(primary.info("errorstats").get("errorstat_READONLY"))
            await until(
                lambda: _of(exporter, "cache_health_checks_total", primary, result="success") >= before + 10, PATIENCE
            )
            assert str(primary.info("errorstats").get("errorstat_READONLY")) == errors, "nobody writes there any more"


async def test_a_user_without_the_right_is_named_once_and_takes_no_node_down(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with RedisNode(free_port(), tmp_path, config=("user watch on >right-word +ping +info",)) as node:
        fleet = {"nodes": [f"redis://{node.instance}"], "auth": {"username": "watch", "password_env": "WATCH"}}
        policy, environ = {**FAST, "fleet": fleet}, {"WATCH": "right-word"}

        async def missing() -> set[str]:
            (answer,), _ = await survey(Policy.model_validate(policy), environ)
            return {right for right in answer.missing if "set" in right or right.startswith("~")}

        async with watching(policy, environ) as exporter:
            await until(lambda: value(shown(exporter), "cache_collect_success", part="set") is not None, PATIENCE)
            before = _of(exporter, "cache_health_checks_total", node, result="success")
            await until(
                lambda: _of(exporter, "cache_health_checks_total", node, result="success") >= before + 10, PATIENCE
            )
            assert _of(exporter, "cache_node_up", node) == 1
            assert _of(exporter, "cache_collect_success", node, part="set") == 0
            assert caplog.text.count(f"may not SET {KEY}; grant the user +set ~{KEY}*") == 1
            assert await missing() == {"+set", f"~{KEY}*"}
            with node.client() as client:
                client.execute_command("ACL", "SETUSER", "watch", "+set")
                assert await missing() == {f"~{KEY}*"}
                client.execute_command("ACL", "SETUSER", "watch", f"~{KEY}*")
            assert await missing() == set()
            await until(lambda: _of(exporter, "cache_collect_success", node, part="set") == 1, PATIENCE)


async def test_the_survey_writes_as_the_prober_would_and_names_a_primary_that_takes_nothing(tmp_path: Path) -> None:
    with RedisNode(free_port(), tmp_path, config=("min-replicas-to-write 1",)) as node:
        (answer,), _ = await survey(Policy.model_validate(_policy(node)), {})
        assert answer.error.startswith(f"readonly: {KEY} cannot be SET: NOREPLICAS")
        with node.client() as client:
            client.execute_command("ACL", "SETUSER", "default", "-slowlog|len")
            (answer,), _ = await survey(Policy.model_validate(_policy(node)), {})
            assert (answer.error.partition(":")[0], answer.missing) == ("readonly", ("+slowlog|len",))
            client.execute_command("ACL", "SETUSER", "default", "+slowlog|len")
            client.config_set("min-replicas-to-write", 0)
        (answer,), _ = await survey(Policy.model_validate(_policy(node)), {})
        assert answer.error == ""


async def test_in_a_cluster_each_primary_takes_a_key_of_its_own_slots_and_a_lost_slot_takes_them_down(
    tmp_path: Path,
) -> None:
    with RedisCluster(tmp_path) as cluster:
        fleet = {"cluster": {"addresses": [cluster.nodes[0].instance], "refresh": "500ms"}}
        async with watching({**FAST, "fleet": fleet}) as exporter:
            primaries = cluster.primaries()
            await until(lambda: all(_sets(exporter, node) >= 5 for node in primaries), PATIENCE)
            assert not any("errorstat_MOVED" in node.info("errorstats") for node in primaries), (
                "the first key was right"
            )
            with primaries[0].client() as client:
                client.execute_command("CLUSTER", "DELSLOTS", str(_a_slot(cluster, primaries[0])))
            await until(lambda: _of(exporter, "cache_node_up", primaries[0]) == 0, PATIENCE)
            assert _of(exporter, "cache_health_checks_total", primaries[0], result="cluster_down") >= 3


def _a_slot(cluster: RedisCluster, node: RedisNode) -> int:
    """The first slot of a node."""
    line = next(line for line in cluster.lines(node) if "myself" in line[2])
    return int(line[8].partition("-")[0])


async def test_writing_is_turned_off_by_a_reload(redis_node: RedisNode) -> None:
    async with watching(_policy(redis_node)) as exporter:
        await until(lambda: _sets(exporter, redis_node) >= 3, PATIENCE)
        off = Policy.model_validate(_policy(redis_node, probe={"interval": "100ms", "timeout": "500ms"}))
        assert await exporter.reload(lambda: off) == ""
        checks = _of(exporter, "cache_health_checks_total", redis_node, result="success")
        await until(
            lambda: _of(exporter, "cache_health_checks_total", redis_node, result="success") >= checks + 3, PATIENCE
        )
        calls = _calls(redis_node, "set")
        await until(
            lambda: _of(exporter, "cache_health_checks_total", redis_node, result="success") >= checks + 10, PATIENCE
        )
        assert _calls(redis_node, "set") == calls
        assert value(shown(exporter), "cache_collect_success", part="set") is None
