"""The traffic behaves as an application with a read-through cache does, and its own counts agree with the servers'."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.fleet import SentinelFleet
from sandbox.process import wait_until
from sandbox.redis_node import RedisNode
from sandbox.traffic import Traffic, start_traffic


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentinelFleet]:
    """Give a fleet that nobody else reads from, so that its counters are the traffic's alone."""
    with SentinelFleet(tmp_path_factory.mktemp("traffic"), shards=2) as running:
        yield running


@pytest.fixture(scope="module")
def traffic(fleet: SentinelFleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traffic]:
    with start_traffic(fleet, tmp_path_factory.mktemp("counts")) as running:
        yield running


def total(traffic: Traffic, what: str) -> int:
    return summed(traffic.counts(), what)


def summed(counts: dict[str, Any], what: str) -> int:
    return sum(shard[what] for shard in counts["shards"].values())


def served(fleet: SentinelFleet) -> tuple[int, int]:
    """Keyspace hits and misses of all primaries, as the servers count them."""
    stats: list[dict[str, Any]] = [fleet.primary(shard).info("stats") for shard in fleet.shards]
    return sum(stat["keyspace_hits"] for stat in stats), sum(stat["keyspace_misses"] for stat in stats)


def wait_for_requests(traffic: Traffic, more: int) -> None:
    target = total(traffic, "requests") + more
    wait_until(lambda: total(traffic, "requests") >= target, 120, f"{more} requests")


def hiccup(node: RedisNode) -> None:
    """Let the server answer too late for its clients, and too soon for the sentinels."""
    node.pause()
    time.sleep(0.1)
    node.resume()


def test_once_warm_between_80_and_95_percent_of_the_requests_hit(traffic: Traffic) -> None:
    wait_for_requests(traffic, 1500)
    first = traffic.counts()
    wait_for_requests(traffic, 1500)
    last = traffic.counts()
    hits, misses = (summed(last, what) - summed(first, what) for what in ("hits", "misses"))
    assert 0.80 <= hits / (hits + misses) <= 0.95


def test_its_own_counts_agree_with_the_servers(fleet: SentinelFleet, traffic: Traffic) -> None:
    wait_for_requests(traffic, 300)

    def retried() -> bool:
        hiccup(fleet.primary("shard-a"))
        return total(traffic, "retries") > 0

    wait_until(retried, 60, "a GET to be sent once more", every=0.5)
    traffic.stop(grace=60.0)
    (hits, misses), counts = served(fleet), traffic.counts()
    traffic.start()
    own = {what: summed(counts, what) for what in ("requests", "hits", "misses", "errors", "retries")}
    late = own["errors"] + own["retries"]  # GETs that the server may have counted and the client gave up
    assert own["hits"] <= hits <= own["hits"] + late
    assert own["misses"] <= misses <= own["misses"] + late
    assert own["hits"] + own["misses"] <= hits + misses <= own["hits"] + own["misses"] + late
    assert own["requests"] == own["hits"] + own["misses"] + own["errors"]


def test_the_rate_is_bounded(traffic: Traffic) -> None:
    wait_for_requests(traffic, 1)
    first = traffic.counts()
    wait_for_requests(traffic, 600)
    last = traffic.counts()
    made = summed(last, "requests") - summed(first, "requests")
    assert made / (last["at"] - first["at"]) < 250


def test_it_follows_a_failover_and_an_outage_does_not_end_it(fleet: SentinelFleet, traffic: Traffic) -> None:
    old = fleet.primary("shard-a")
    old.kill()
    wait_until(lambda: fleet.primary("shard-a") is not old, 60, "the failover")
    hits = traffic.counts()["shards"]["shard-a"]["hits"]
    wait_until(lambda: traffic.counts()["shards"]["shard-a"]["hits"] > hits + 50, 60, "hits on the new primary")
    assert traffic.counts()["shards"]["shard-a"]["errors"] > 0
    assert traffic.alive
    old.start(replica_of=fleet.primary("shard-a").port)
    wait_until(fleet.in_sync, 60, "the fleet to be whole")


def test_it_ends_itself_after_its_lifetime(fleet: SentinelFleet, tmp_path: Path) -> None:
    with start_traffic(fleet, tmp_path, rate=20, lifetime=2.0) as short:
        assert short.wait(60) == 0
        assert sum(shard["requests"] for shard in short.counts()["shards"].values()) < 60
