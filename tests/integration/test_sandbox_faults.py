"""Each fault does to real nodes what it says, and healing undoes it."""

import socket
import time
from collections.abc import Iterator

import pytest
import redis

from sandbox import ports
from sandbox.errors import SandboxError
from sandbox.faults import Faults, UnknownFault
from sandbox.fleet import SentinelFleet
from sandbox.process import StartFailed, wait_until
from sandbox.redis_node import RedisNode
from sandbox.traffic import Traffic, start_traffic


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentinelFleet]:
    with SentinelFleet(tmp_path_factory.mktemp("faults"), shards=2, down_after_ms=1000) as running:
        yield running


@pytest.fixture(scope="module")
def traffic(fleet: SentinelFleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traffic]:
    with start_traffic(fleet, tmp_path_factory.mktemp("counts")) as running:
        yield running


@pytest.fixture(scope="module")
def faults(fleet: SentinelFleet, traffic: Traffic, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faults]:
    made = Faults(fleet, traffic, tmp_path_factory.mktemp("made"))
    yield made
    made.heal()


def hit_rate(fleet: SentinelFleet, requests: int) -> float:
    """Hits over all of at least that many requests from now on, as the servers count them."""

    def counted() -> tuple[int, int]:
        stats = [fleet.primary(shard).info("stats") for shard in fleet.shards]
        return sum(int(str(s["keyspace_hits"])) for s in stats), sum(int(str(s["keyspace_misses"])) for s in stats)

    hits, misses = counted()
    wait_until(lambda: sum(counted()) >= hits + misses + requests, 60, f"{requests} requests")
    new_hits, new_misses = counted()
    return (new_hits - hits) / (new_hits + new_misses - hits - misses)


def ping_times(node: RedisNode, count: int = 150, every: float = 0.02) -> list[float]:
    """Seconds from the moment a PING was due, each `every` seconds, on a blocking socket: waiting in line counts."""
    times = []
    with socket.create_connection((ports.LOOPBACK, node.port), timeout=5) as connection:
        begun = time.perf_counter()
        for number in range(count):
            due = begun + number * every
            time.sleep(max(0.0, due - time.perf_counter()))
            connection.sendall(b"PING\r\n")
            connection.recv(64)
            times.append(time.perf_counter() - max(due, begun))
    return times


def slow_share(node: RedisNode) -> float:
    times = ping_times(node)
    return sum(each > 0.005 for each in times) / len(times)


def memory_share(node: RedisNode) -> float:
    memory = node.info("memory")
    return int(str(memory["used_memory"])) / int(str(memory["maxmemory"]))


def test_hit_rate_falls_well_below_70_percent_and_recovers(fleet: SentinelFleet, faults: Faults) -> None:
    hit_rate(fleet, 1200)  # warm
    faults.break_it("hit-rate")
    hit_rate(fleet, 300)  # takes effect within a second
    assert hit_rate(fleet, 500) < 0.5
    faults.heal("hit-rate")
    hit_rate(fleet, 300)
    assert hit_rate(fleet, 800) > 0.75


@pytest.mark.alone
def test_latency_slows_well_over_5_percent_of_pings_and_none_fails(fleet: SentinelFleet, faults: Faults) -> None:
    primary = fleet.primary("shard-a")
    faults.break_it("latency")
    wait_until(lambda: slow_share(primary) > 0.1, 60, "more than 10 % of PINGs to take over 5 ms")
    assert max(ping_times(primary)) < 1.0
    assert fleet.replica("shard-a").answers()
    faults.heal("latency")
    wait_until(lambda: slow_share(primary) < 0.05, 60, "PINGs to be quick again")


def test_memory_is_over_90_percent_without_evictions_and_is_given_back(fleet: SentinelFleet, faults: Faults) -> None:
    primary = fleet.primary("shard-b")
    before = memory_share(primary)
    faults.break_it("memory")
    assert 0.90 < memory_share(primary) < 1.0
    assert primary.info("stats")["evicted_keys"] == 0
    faults.heal("memory")
    wait_until(lambda: memory_share(primary) < before + 0.1, 60, "the memory to be given back")


@pytest.mark.parametrize(("name", "shard"), [("node-down", "shard-a"), ("node-hang", "shard-b")])
def test_a_broken_primary_is_replaced_and_comes_back_as_replica(
    fleet: SentinelFleet, faults: Faults, name: str, shard: str
) -> None:
    old = fleet.primary(shard)
    faults.break_it(name)
    assert old.role(timeout=0.3) is None
    wait_until(lambda: fleet.primary(shard) is not old, 60, "the failover")
    faults.heal(name)
    wait_until(fleet.in_sync, 60, "the old primary to follow the new one")
    assert old.role() == "replica"
    assert faults.active == ()


def test_a_node_healed_before_the_failover_is_whole_again(fleet: SentinelFleet, faults: Faults) -> None:
    faults.break_it("node-down")
    faults.heal("node-down")
    wait_until(fleet.in_sync, 60, "the shard to be whole")


def evicted(node: RedisNode) -> int:
    return int(str(node.info("stats")["evicted_keys"]))


def test_a_flood_evicts_hundreds_of_keys_a_second_and_leaves_nothing(fleet: SentinelFleet, faults: Faults) -> None:
    primary = fleet.primary("shard-b")
    faults.break_it("evictions")
    wait_until(lambda: evicted(primary) > 0, 60, "the memory to be full")
    before, began = evicted(primary), time.monotonic()
    wait_until(lambda: evicted(primary) > before + 600, 60, "keys to be evicted")
    assert time.monotonic() - began < 10
    faults.heal("evictions")
    wait_until(lambda: memory_share(primary) < 0.5, 60, "the memory to be given back")
    assert faults.active == ()


def test_a_dead_replica_comes_back_and_follows(fleet: SentinelFleet, faults: Faults) -> None:
    replica, primary = fleet.replica("shard-a"), fleet.primary("shard-a")
    faults.break_it("replica-down")
    assert not replica.answers()
    assert fleet.primary("shard-a") is primary
    faults.heal("replica-down")
    wait_until(fleet.in_sync, 60, "the replica to be in sync")


def test_a_replica_that_is_dead_already_cannot_be_killed_again_and_all_is_healed(
    fleet: SentinelFleet, faults: Faults
) -> None:
    dead = fleet.primary("shard-a")
    faults.break_it("node-down")
    wait_until(lambda: fleet.primary("shard-a") is not dead, 60, "the failover")
    with pytest.raises(SandboxError, match="has no replica that answers"):
        faults.break_it("replica-down")
    assert faults.active == ("node-down",)
    faults.heal()
    wait_until(fleet.in_sync, 60, "the old primary to follow")


def test_one_that_cannot_be_healed_keeps_none_of_the_others_broken(
    fleet: SentinelFleet, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults.break_it("password")
    faults.break_it("read-only")
    with monkeypatch.context() as patch:
        patch.setattr(faults._faults["password"], "undo", lambda: (_ for _ in ()).throw(SandboxError("not now")))
        with pytest.raises(SandboxError, match="password: NOT healed: not now") as told:
            faults.heal()
    assert "read-only: " in str(told.value)
    assert list(faults.active) == ["password"]
    faults.heal()
    assert list(faults.active) == []
    wait_until(fleet.in_sync, 60, "the replica to be in sync")


def test_what_a_flood_wrote_is_deleted_though_the_flood_itself_has_ended(fleet: SentinelFleet, faults: Faults) -> None:
    primary = fleet.primary("shard-b")
    faults.break_it("evictions")
    wait_until(lambda: memory_share(primary) > 0.5, 60, "the flood")
    child = faults._faults["evictions"]._child  # type: ignore[attr-defined]
    child.kill()
    assert faults.active == ("evictions",)
    faults.heal("evictions")
    wait_until(lambda: memory_share(primary) < 0.5, 60, "the memory to be given back")


def test_snapshots_are_healed_while_another_node_is_dead(fleet: SentinelFleet, faults: Faults) -> None:
    faults.break_it("persistence")
    faults.break_it("replica-down")
    assert "written again" in faults.heal("persistence")
    faults.heal()
    assert faults.active == ()
    wait_until(fleet.in_sync, 60, "the replica to be in sync")


def test_a_node_can_be_started_while_another_cannot_write_snapshots_and_none_finds_one_later(
    fleet: SentinelFleet, faults: Faults
) -> None:
    faults.break_it("persistence")
    faults.break_it("replica-down")
    assert "is back" in faults.heal("replica-down")
    assert "written again" in faults.heal()
    wait_until(fleet.in_sync, 60, "the replica to be in sync")
    assert [node.name for _, node in fleet.members() if node.snapshot.exists()] == []


def test_a_replica_that_is_cut_off_answers_and_says_so(fleet: SentinelFleet, faults: Faults) -> None:
    replica = fleet.replica("shard-b")
    faults.break_it("replica-cut")
    wait_until(lambda: replica.info("replication")["master_link_status"] == "down", 20, "the link to be down")
    time.sleep(3.0)  # it tries each second
    assert replica.info("replication")["master_link_status"] == "down"
    assert fleet.primary("shard-b").answers()
    faults.heal("replica-cut")
    assert fleet.in_sync()


def test_a_password_that_nobody_knows_ends_what_was_connected_before(fleet: SentinelFleet, faults: Faults) -> None:
    replica = fleet.replica("shard-a")
    with replica.client() as client:
        client.ping()
        faults.break_it("password")
        with pytest.raises((redis.ConnectionError, redis.AuthenticationError)):
            client.ping()
        with pytest.raises(redis.AuthenticationError):
            client.ping()
    faults.heal("password")
    wait_until(fleet.in_sync, 60, "the replica to be in sync")


def test_a_snapshot_that_fails_is_told_by_the_server_and_succeeds_again(fleet: SentinelFleet, faults: Faults) -> None:
    primary = fleet.primary("shard-b")
    faults.break_it("persistence")
    assert primary.info("persistence")["rdb_last_bgsave_status"] == "err"
    faults.heal("persistence")
    assert primary.info("persistence")["rdb_last_bgsave_status"] == "ok"


def test_one_sentinel_alone_has_no_quorum_and_three_have(fleet: SentinelFleet, faults: Faults) -> None:
    first = fleet.sentinel_servers[0]
    faults.break_it("sentinels")
    wait_until(lambda: not first.sees("shard-a", replicas=1, sentinels=0), 30, "the quorum to be lost")
    faults.heal("sentinels")
    assert fleet.watched()


def healed_at_the_second_try(faults: Faults, patch: pytest.MonkeyPatch, reason: str) -> str:
    """What a heal does after one that fails as long as the patches are there."""
    with pytest.raises(SandboxError, match=reason):
        faults.heal()
    patch.undo()
    return faults.heal()


def test_sentinels_of_which_one_did_not_start_are_healed_at_the_next_try(
    fleet: SentinelFleet, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    *_, last = fleet.sentinel_servers
    faults.break_it("sentinels")
    monkeypatch.setattr(last, "start_again", lambda: (_ for _ in ()).throw(StartFailed("the disk is full")))
    said = healed_at_the_second_try(faults, monkeypatch, "the disk is full")
    assert said == "sentinels: the sentinels are back"
    assert fleet.watched()


def test_a_node_that_was_late_is_healed_at_the_next_try(
    fleet: SentinelFleet, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults.break_it("node-down")
    monkeypatch.setattr("sandbox.redis_node.START_TIMEOUT", 0.2)
    monkeypatch.setattr(RedisNode, "answers", lambda _node: False)
    assert "is back" in healed_at_the_second_try(faults, monkeypatch, r"Waited 0.2 s in vain")
    wait_until(fleet.in_sync, 60, "the shard to be whole")


def test_a_primary_without_enough_replicas_takes_no_writes(fleet: SentinelFleet, faults: Faults) -> None:
    with fleet.primary("shard-a").client() as client:
        faults.break_it("read-only")
        with pytest.raises(redis.ResponseError, match="NOREPLICAS"):
            client.set("key", "1")
        assert client.ping()
        faults.heal("read-only")
        assert client.set("key", "1")


def test_a_crowd_takes_all_connections_and_gives_them_back(fleet: SentinelFleet, faults: Faults) -> None:
    primary = fleet.primary("shard-b")
    with primary.client(timeout=5.0) as client:
        client.ping()
        faults.break_it("connections")
        wait_until(lambda: client.info("stats")["rejected_connections"] > 0, 30, "connections to be refused")
        assert client.info("clients")["connected_clients"] >= 0.9 * int(client.config_get("maxclients")["maxclients"])
        faults.heal("connections")
    wait_until(primary.answers, 10, "new connections to be taken")


def test_breaking_twice_and_healing_what_is_not_broken_say_so_and_change_nothing(
    fleet: SentinelFleet, faults: Faults
) -> None:
    assert faults.heal() == "nothing is broken"
    assert "not broken, nothing changed" in faults.heal("memory")
    faults.break_it("hit-rate")
    assert "broken already, nothing changed" in faults.break_it("hit-rate")
    assert faults.active == ("hit-rate",)
    assert "hit-rate" in faults.heal()
    assert not faults.active


def test_an_unknown_fault_is_refused_with_the_names_there_are(faults: Faults) -> None:
    with pytest.raises(
        UnknownFault, match="no fault 'fire'; there are node-down, node-hang, hit-rate, latency, memory"
    ):
        faults.break_it("fire")
