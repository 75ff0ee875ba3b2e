"""The fleet is a real one: it replicates, it fails over, it comes back."""

from pathlib import Path

import pytest
import redis
from redis.exceptions import NoPermissionError

from sandbox import ports
from sandbox.fleet import SentinelFleet
from sandbox.process import StartFailed, wait_until
from sandbox.redis_node import RedisNode, connect


def test_a_node_answers_and_takes_its_memory_limit(tmp_path: Path) -> None:
    with RedisNode(ports.free_port(), tmp_path, maxmemory="8mb") as node, node.client() as client:
        assert client.ping()
        assert client.config_get("maxmemory") == {"maxmemory": str(8 * 2**20)}
        assert node.role() == "primary"


def test_a_node_with_a_password_and_acl_users_refuses_strangers(tmp_path: Path) -> None:
    acl = ("user watcher on >pw +ping +info",)
    with RedisNode(ports.free_port(), tmp_path, password="secret", config=acl) as node:
        with connect(node.port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        with connect(node.port, username="watcher", password="pw") as watcher:
            assert watcher.ping()
            with pytest.raises(NoPermissionError):
                watcher.get("key")


def test_a_paused_node_hangs_and_answers_again(redis_node: RedisNode) -> None:
    redis_node.pause()
    assert redis_node.role(timeout=0.2) is None
    redis_node.resume()
    wait_until(redis_node.answers, 60, "the node to answer")


def test_a_killed_node_refuses_and_starts_again_on_its_port(redis_node: RedisNode) -> None:
    before = redis_node.pid
    redis_node.kill()
    assert not redis_node.alive
    assert ports.is_free(redis_node.port)
    redis_node.restart()
    assert redis_node.answers()
    assert redis_node.pid != before


def test_a_port_that_somebody_else_has_is_told_before_anything_starts(redis_node: RedisNode, tmp_path: Path) -> None:
    second = RedisNode(redis_node.port, tmp_path / "second")
    with pytest.raises(ports.PortInUse, match=str(redis_node.port)):
        second.start()
    assert not second.alive


def test_a_bad_configuration_is_told_in_the_servers_own_words(tmp_path: Path) -> None:
    node = RedisNode(ports.free_port(), tmp_path, config=("maxmemory-policy sometimes",))
    with pytest.raises(StartFailed, match="maxmemory-policy"):
        node.start()


def test_a_started_fleet_is_in_sync_and_every_node_is_known(sentinel_fleet: SentinelFleet) -> None:
    assert sentinel_fleet.in_sync()
    assert [(node.shard, node.role) for node in sentinel_fleet.nodes] == [
        ("shard-a", "primary"),
        ("shard-a", "replica"),
        ("shard-b", "primary"),
        ("shard-b", "replica"),
    ]
    assert len(sentinel_fleet.sentinels) == 3


def test_the_replica_takes_over_when_the_primary_dies_and_the_dead_one_comes_back_as_replica(tmp_path: Path) -> None:
    with SentinelFleet(tmp_path, down_after_ms=1000) as fleet:
        old, new = fleet.primary("shard-a"), fleet.replica("shard-a")
        old.kill()
        wait_until(lambda: fleet.primary("shard-a") is new and new.role() == "primary", 60, "the failover")
        old.start(replica_of=new.port)
        wait_until(fleet.in_sync, 60, "the old primary to follow the new one")
        assert {node.instance: node.role for node in fleet.nodes} == {old.instance: "replica", new.instance: "primary"}


def test_nothing_runs_after_a_fleet(tmp_path: Path) -> None:
    with SentinelFleet(tmp_path, password="secret") as fleet:
        nodes = fleet.nodes
        addresses = [*fleet.sentinels, *(node.instance for node in nodes)]
        assert [node.role for node in nodes] == ["primary", "replica"]
    assert all(ports.is_free(int(address.rpartition(":")[2])) for address in addresses)
    assert not any(Path(f"/proc/{node.pid}").exists() for node in nodes)
