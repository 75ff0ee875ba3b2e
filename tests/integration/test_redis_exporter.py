"""Whoever replaces redis_exporter finds every family again: its page and ours, of the same servers, side by side."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sandbox.fleet import SentinelFleet
from sandbox.ports import free_port
from sandbox.process import wait_until
from sandbox.redis_node import RedisNode
from tests.integration.exporter_support import Peer, detailed, facts_text, watching
from tests.integration.redis_exporter_support import PAGE, Page, Player, RedisExporter, page, plays, shapes
from tests.unit.exporter.helpers import CAPTURES, NEWEST, VERSIONS, until

FAST = {
    "collect": {"interval": "500ms", "timeout": "400ms", "detail_interval": "500ms"},
    "probe": {"interval": "10s"},
}
# What redis_exporter says of itself and not of the server; docs/redis_exporter.md names each.
OF_THE_PEER = {
    "redis_exporter_build_info",
    "redis_exporter_last_scrape_connect_time_seconds",
    "redis_last_key_groups_scrape_duration_milliseconds",
    "redis_target_scrape_request_errors_total",
}
# From Redis 7.4 on it takes the fourth number of a database, hashes with expiring fields, for cached keys; 1.45 also takes
# Redis 8's keys by size for numbers.
MISREAD = re.compile("redis_db_keys_cached|redis_db[0-9]+_distrib_.*")
# 1.45 calls it a gauge, newer ones a counter, as we do.
RETYPED = "redis_expired_time_cap_reached_total", frozenset[tuple[str, str]]()
INFO = "redis_instance_info"
SUMMARY = "redis_latency_percentiles_usec"
# Two looks of two exporters at one server cannot agree on these: they move with time, or with being looked at.
MOVING = (
    "redis_allocator redis_client_recent redis_clients_in redis_commands_processed redis_connected_clients "
    "redis_connected_slave_lag redis_connected_slave_offset redis_connections_received redis_cpu redis_exporter "
    "redis_last_slow redis_latency redis_master_last_io redis_master_repl redis_mem_ redis_memory_used redis_net "
    "redis_pubsub redis_repl redis_second_repl redis_slave_repl redis_slowlog redis_start redis_total_ redis_uptime "
    "redis_cluster_messages redis_cluster_stats redis_cluster_connections redis_db_avg redis_tracking"
).split()
# What the exporters themselves call.
OURS_AND_THEIRS = {"info", "config|get", "client|setname", "slowlog|get", "slowlog|len", "latency|latest", "ping"}
OURS_AND_THEIRS |= {"cluster|info", "replconf", "publish", "auth", "hello"}


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisExporter]:
    """Give a running redis_exporter."""
    with RedisExporter(tmp_path_factory.mktemp("peer")) as running:
        yield running


async def ours(*instances: str) -> dict[str, Page]:
    """What Cachewatch shows of the servers once their details are read."""
    async with watching({**FAST, "fleet": {"nodes": [f"redis://{instance}" for instance in instances]}}) as exporter:
        await until(lambda: detailed(exporter), 60.0)
        text = facts_text(exporter)
    return {instance: page(text, instance) for instance in instances}


def same(mine: Page, theirs: Page) -> None:
    """Hold ours against the peer's: every name, type and label name, and every value that stands still."""
    theirs = {key: value for key, value in theirs.items() if not MISREAD.fullmatch(key[0])}
    if theirs[RETYPED][0] == "gauge":
        del theirs[RETYPED]
    told, said = (labels_of_info(found) for found in (mine, theirs))
    assert said.items() <= told.items()
    theirs = {key: value for key, value in theirs.items() if key[0] not in (*OF_THE_PEER, INFO)}
    assert shapes(theirs) - shapes(mine) == set()
    still = {
        key: value
        for key, value in theirs.items()
        if not key[0].startswith(tuple(MOVING)) and not OURS_AND_THEIRS & set(dict(key[1]).values())
    }
    assert {key: value for key, value in still.items() if mine.get(key) != value} == {}


def labels_of_info(found: Page) -> dict[str, str]:
    """What a node says of itself: newer redis_exporters have more labels for it, and one is filled in for Valkey."""
    (labels,) = (labels for name, labels in found if name == INFO)
    return dict(labels)


def loaded(node: RedisNode) -> None:
    """Give a server something to tell: data, errors, a slow log and a latency spike."""
    with node.client() as client:
        client.config_set("slowlog-log-slower-than", 0)
        client.config_set("latency-monitor-threshold", 1)
        client.set("a", 1)
        client.set("b", 1, ex=900)
        client.execute_command("SELECT", 3)
        client.set("c", 1)
        for wrong in (("LPUSH", "c", "x"), ("NOSUCH",)):
            with pytest.raises(Exception, match=r"wrong kind|unknown command"):
                client.execute_command(*wrong)
        client.execute_command("DEBUG", "SLEEP", "0.02")


async def test_a_primary_and_its_replica_show_every_family_of_redis_exporter(
    tmp_path: Path, peer: RedisExporter
) -> None:
    with ExitStack() as stack:
        config = ("enable-debug-command local",)
        primary = stack.enter_context(RedisNode(free_port(), tmp_path, maxmemory="64mb", config=config))
        replica = stack.enter_context(RedisNode(free_port(), tmp_path, replica_of=primary.port))
        wait_until(lambda: replica.info("replication")["master_link_status"] == "up", 60.0, "the replica")
        wait_until(lambda: "slave0" in primary.info("replication"), 60.0, "the primary to see it")
        loaded(primary)
        wait_until(lambda: primary.info("persistence")["rdb_bgsave_in_progress"] == 0, 60.0, "the copy to be sent")
        theirs = {node.instance: peer.scrape(node.instance) for node in (primary, replica)}
        mine = await ours(primary.instance, replica.instance)
    assert {"redis_errors_total", "redis_latency_spike_last", SUMMARY} <= {name for name, _ in theirs[primary.instance]}
    assert "redis_slave_info" in {name for name, _ in theirs[replica.instance]}
    for instance, shown in theirs.items():
        same(mine[instance], shown)


async def test_a_cluster_node_shows_every_family_of_redis_exporter(tmp_path: Path, peer: RedisExporter) -> None:
    port = free_port()
    config = ("cluster-enabled yes", f"cluster-config-file nodes-{port}.conf")
    with RedisNode(port, tmp_path, config=config) as node:
        with node.client() as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        wait_until(
            lambda: peer.scrape(node.instance).get(("redis_cluster_state", frozenset())) == ("gauge", 1), 20, "ok"
        )
        theirs = peer.scrape(node.instance)
        same((await ours(node.instance))[node.instance], theirs)
    assert ("redis_cluster_slots_ok", frozenset()) in theirs


async def test_a_sentinel_shows_every_family_of_redis_exporter(
    sentinel_fleet: SentinelFleet, peer: RedisExporter
) -> None:
    sentinel = sentinel_fleet.sentinels[0]
    theirs = peer.scrape(sentinel)
    same((await ours(sentinel))[sentinel], theirs)
    assert "redis_sentinel_master_ok_sentinels" in {name for name, _ in theirs}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("role", ["primary", "replica", "cluster"])
async def test_other_versions_show_every_family_that_redis_exporter_shows_of_them(
    version: str, role: str, peer: RedisExporter
) -> None:
    with Peer(Player(plays(version, role))) as server:
        theirs = peer.scrape(server.instance)
        same((await ours(server.instance))[server.instance], theirs)
    assert len(theirs) > 120


@pytest.mark.parametrize("version", NEWEST)
@pytest.mark.parametrize("role", ["primary", "replica", "cluster", "sentinel"])
async def test_every_family_of_a_newer_redis_exporter_is_shown_too(version: str, role: str) -> None:
    """Its page of the same answers was kept with them."""
    theirs = page((CAPTURES / version / PAGE.format(role)).read_text())
    with Peer(Player(plays(version, role))) as server:
        mine = (await ours(server.instance))[server.instance]
    same(mine, theirs)
    assert len(shapes(theirs)) > 100


async def test_a_quantile_is_the_share_that_prometheus_means_by_it(redis_node: RedisNode) -> None:
    """redis_exporter writes 50, 99 and 99.9, which no query for 0.99 finds."""
    with redis_node.client() as client:
        client.set("a", 1)
    shown = (await ours(redis_node.instance))[redis_node.instance]
    quantiles = {dict(labels)["quantile"] for name, labels in shown if name == SUMMARY}
    assert quantiles == {"0.5", "0.99", "0.999"}
