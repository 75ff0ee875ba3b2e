"""A fleet behind a real Sentinel: found, followed through a failover, and not forgotten when Sentinel is silent."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from exporter.app import Exporter
from exporter.discovery import SentinelUnreachable, discover
from exporter.names import Names
from exporter.survey import survey
from policy.fleet import Sentinel as SentinelPolicy
from policy.model import Policy
from sandbox.ports import free_port
from sandbox.process import wait_until
from sandbox.redis_node import RedisNode, connect
from sandbox.sentinel import Sentinel, Watch
from tests.integration.exporter_support import Peer, Serving, half_an_answer, says, shown, watching
from tests.integration.redis_exporter_support import Player
from tests.integration.versions import DEBIAN, VALKEY, use
from tests.unit.exporter.helpers import Series, labels_of, until, value

FAST = {"collect": {"interval": "500ms", "timeout": "400ms"}, "probe": {"interval": "100ms", "timeout": "500ms"}}
PATIENCE = 60.0
HELLOS = 10_000  # bytes of the stream: a Sentinel writes 172 each 2 s, for the seconds until it tells the old primary


@dataclass
class World:
    """One shard under one sentinel."""

    directory: Path
    primary: RedisNode
    replica: RedisNode
    sentinel: Sentinel

    def ask(self, *words: str) -> None:
        """Give the sentinel a command."""
        with connect(self.sentinel.port) as client:
            client.execute_command(*words)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A shard of two, with a sentinel that knows both."""
    with a_world(tmp_path) as shard:
        yield shard


@contextmanager
def a_world(tmp_path: Path) -> Iterator[World]:
    """The same, for who chooses the servers first."""
    with ExitStack() as stack:
        primary = stack.enter_context(RedisNode(free_port(), tmp_path))
        replica = stack.enter_context(RedisNode(free_port(), tmp_path, replica_of=primary.port))
        watch = Watch({"shard-a": primary.port}, quorum=1, down_after_ms=1000, failover_timeout_ms=3000)
        sentinel = Sentinel(free_port(), tmp_path, watch)
        stack.callback(sentinel.stop)
        sentinel.start()
        wait_until(lambda: sentinel.sees("shard-a", 1, 0), PATIENCE, "the sentinel to see the replica")
        yield World(tmp_path, primary, replica, sentinel)


def _fleet(*addresses: str, **more: object) -> dict[str, object]:
    return {**FAST, "fleet": {"sentinel": {"addresses": list(addresses), "refresh": "500ms", **more}}}


def _instances(page: Series) -> set[str]:
    return {own["instance"] for own in labels_of(page, "cache_node_up")}


def _role(page: Series, node: RedisNode) -> str | None:
    return next((o["role"] for o in labels_of(page, "cache_node_role") if o["instance"] == node.instance), None)


@pytest.mark.parametrize("version", [DEBIAN, VALKEY])
def test_a_failover_is_followed_under_the_same_labels(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(version, monkeypatch, tmp_path)
    with a_world(tmp_path) as world:
        _followed(world)


def _followed(world: World) -> None:
    first, second = world.primary, world.replica
    both = {first.instance, second.instance}
    with Serving(world.directory / "exporter", _fleet("127.0.0.1:1", world.sentinel.instance)) as exporter:
        wait_until(lambda: _instances(exporter.page()) == both, PATIENCE, "both nodes")
        wait_until(lambda: _role(exporter.page(), second) == "replica", PATIENCE, "the replica's role")
        wait_until(lambda: _role(exporter.page(), first) == "primary", PATIENCE, "the primary's role")
        assert {own["shard"] for own in labels_of(exporter.page(), "cache_node_up")} == {"shard-a"}
        checks = value(exporter.page(), "cache_health_checks_total", instance=second.instance, result="success")
        first.kill()
        wait_until(lambda: _role(exporter.page(), second) == "primary", PATIENCE, "the failover")
        page = exporter.page()
        assert value(page, "cache_node_up", instance=first.instance) == 0
        wait_until(lambda: _failovers(exporter.page()) == 1, PATIENCE, "the failover to be counted")
        took = value(exporter.page(), "cache_failover_duration_seconds", shard="shard-a")
        assert took is not None
        assert 1.0 < took < PATIENCE, "Sentinel waits a second before it believes a death"
        assert _instances(page) == both, "the dead node is still watched"
        after = value(page, "cache_health_checks_total", instance=second.instance, result="success")
        assert after is not None
        assert checks is not None
        assert after > checks, "the counts of the promoted node go on"
        first.start(replica_of=second.port)
        wait_until(lambda: _role(exporter.page(), first) == "replica", PATIENCE, "the old primary to follow")
        assert _instances(exporter.page()) == both


def _failovers(page: Series) -> float | None:
    return value(page, "cache_failovers_total", shard="shard-a")


def _knows_who_follows_whom(exporter: Exporter, world: World) -> bool:
    """It looks once a second: of what changed before its first look it has seen nothing."""
    seen = {instance: word.role for instance, word in exporter.failovers._words.items()}
    return seen == {world.primary.instance: "primary", world.replica.instance: "replica"}


async def test_a_planned_failover_takes_no_time_and_loses_no_more_than_what_sentinel_says_of_itself(
    world: World,
) -> None:
    async with watching(_fleet(world.sentinel.instance)) as exporter:
        await until(lambda: _knows_who_follows_whom(exporter, world), PATIENCE)
        assert _failovers(shown(exporter)) == 0
        assert value(shown(exporter), "cache_failover_duration_seconds") is None
        world.ask("SENTINEL", "FAILOVER", "shard-a")
        await until(lambda: _failovers(shown(exporter)) == 1, PATIENCE)
        assert value(shown(exporter), "cache_failover_duration_seconds", shard="shard-a") == 0
        lost = value(shown(exporter), "cache_failover_lost_bytes", shard="shard-a")
        assert lost is not None
        assert lost < HELLOS


async def test_what_clients_write_to_a_primary_that_is_not_yet_told_of_its_end_is_lost(world: World) -> None:
    async with watching(_fleet(world.sentinel.instance)) as exporter:
        await until(lambda: _knows_who_follows_whom(exporter, world), PATIENCE)
        world.ask("SENTINEL", "FAILOVER", "shard-a")
        await until(lambda: world.replica.role() == "primary", PATIENCE)
        with world.primary.client() as client:
            client.set("written late", "x" * 100_000)
        await until(lambda: _failovers(shown(exporter)) == 1, PATIENCE)
        lost = value(shown(exporter), "cache_failover_lost_bytes", shard="shard-a")
        with world.replica.client() as client:
            assert client.dbsize() == 0
        assert lost is not None
        assert 100_000 < lost < 100_000 + HELLOS


async def test_what_a_primary_had_told_and_its_heir_had_not_got_is_lost(world: World) -> None:
    """More than the sockets between the two hold, so that some of it dies with the primary."""
    async with watching(_fleet(world.sentinel.instance)) as exporter:
        await until(lambda: _knows_who_follows_whom(exporter, world), PATIENCE)
        world.replica.pause()
        try:
            with world.primary.client(timeout=10.0) as client:
                for number in range(30):
                    client.set(f"written:{number}", "x" * 1_000_000)
                told = client.info("replication")["master_repl_offset"]
            await until(lambda: _offset(shown(exporter), world.primary) >= told, PATIENCE)
            world.primary.kill()
        finally:
            world.replica.resume()
        await until(lambda: _failovers(shown(exporter)) == 1, PATIENCE)
        lost = value(shown(exporter), "cache_failover_lost_bytes", shard="shard-a")
        with world.replica.client() as client:
            missing = 30 - client.dbsize()
        assert lost is not None
        assert missing > 0
        assert missing - 1 < lost / 1_000_000 < missing + 1


def _offset(page: Series, node: RedisNode) -> float:
    return value(page, "redis_master_repl_offset", instance=node.instance) or 0.0


async def test_a_node_that_joins_appears_and_one_that_is_removed_disappears_from_the_pages(world: World) -> None:
    async with watching(_fleet(world.sentinel.instance)) as exporter:
        await until(lambda: len(_instances(shown(exporter))) == 2, PATIENCE)
        with RedisNode(free_port(), world.directory, replica_of=world.primary.port) as third:
            await until(lambda: world.sentinel.sees("shard-a", 2, 0), PATIENCE)
            await until(lambda: third.instance in _instances(shown(exporter)), 60.0)
            await until(lambda: _role(shown(exporter), third) == "replica", 60.0)
        await until(lambda: value(shown(exporter), "cache_node_up", instance=third.instance) == 0, PATIENCE)
        world.ask("SENTINEL", "RESET", "shard-a")
        await until(lambda: third.instance not in str(shown(exporter)), PATIENCE)
        await until(lambda: len(_instances(shown(exporter))) == 2, PATIENCE)
        assert set(exporter.collector.connections) <= set(exporter.state.nodes)


async def test_a_silent_sentinel_takes_no_node_off_the_pages_and_an_emptied_one_neither(world: World) -> None:
    def sentinel_fine() -> float | None:
        return value(shown(exporter), "cache_collect_success", part="sentinel")

    async with watching(_fleet(world.sentinel.instance)) as exporter:
        await until(lambda: len(_instances(shown(exporter))) == 2 and sentinel_fine() == 1, PATIENCE)
        world.sentinel.kill()
        await until(lambda: sentinel_fine() == 0, PATIENCE)
        assert len(_instances(shown(exporter))) == 2
        world.sentinel.start()
        await until(lambda: sentinel_fine() == 1, PATIENCE)
        world.ask("SENTINEL", "REMOVE", "shard-a")
        await until(lambda: sentinel_fine() == 0, PATIENCE)
        assert len(_instances(shown(exporter))) == 2
        assert "knows none of the masters" in exporter.state.parts["sentinel"].error


async def test_of_a_master_that_is_gone_from_sentinel_the_last_answer_stays_and_the_rest_is_followed(
    world: World, redis_node: RedisNode
) -> None:
    world.ask("SENTINEL", "MONITOR", "shard-b", "127.0.0.1", str(redis_node.port), "1")
    async with watching(_fleet(world.sentinel.instance, masters=["shard-a", "shard-b"])) as exporter:
        await until(lambda: len(_instances(shown(exporter))) == 3, PATIENCE)
        world.ask("SENTINEL", "REMOVE", "shard-b")
        await until(lambda: exporter.state.parts["sentinel"].error == "no Sentinel knows shard-b", PATIENCE)
        assert redis_node.instance in _instances(shown(exporter))
        assert value(shown(exporter), "cache_node_up", instance=redis_node.instance, shard="shard-b") == 1


@pytest.fixture
def second(world: World) -> Iterator[Sentinel]:
    """Another Sentinel, whose configuration names shard-a alone, asked before the first."""
    sentinel = Sentinel(free_port(), world.directory, Watch({"shard-a": world.primary.port}, quorum=1))
    sentinel.start()
    try:
        wait_until(lambda: sentinel.sees("shard-a", 1, 1), PATIENCE, "the other sentinel")
        yield sentinel
    finally:
        sentinel.stop()


def _error(exporter: Exporter) -> str:
    part = exporter.state.parts.get("sentinel")
    return "not asked" if part is None else part.error


async def test_a_master_that_one_sentinel_has_forgotten_stays_while_another_knows_it(
    world: World, second: Sentinel, redis_node: RedisNode
) -> None:
    port = str(redis_node.port)
    async with watching(_fleet(second.instance, world.sentinel.instance)) as exporter:
        for sentinel in (second, world.sentinel):
            with connect(sentinel.port) as client:
                client.execute_command("SENTINEL", "MONITOR", "shard-b", "127.0.0.1", port, "1")
        await until(lambda: redis_node.instance in _instances(shown(exporter)) and _error(exporter) == "", PATIENCE)
        with connect(second.port) as client:
            client.execute_command("SENTINEL", "REMOVE", "shard-b")
        await until(lambda: _error(exporter) == "only some Sentinels know shard-b", PATIENCE)
        assert redis_node.instance in _instances(shown(exporter))
        world.ask("SENTINEL", "REMOVE", "shard-b")
        await until(lambda: redis_node.instance not in _instances(shown(exporter)), PATIENCE)
        await until(lambda: _error(exporter) == "", PATIENCE)


async def test_an_exporter_that_starts_asks_every_sentinel_for_masters_that_nobody_named(
    world: World, second: Sentinel, redis_node: RedisNode
) -> None:
    world.ask("SENTINEL", "MONITOR", "shard-b", "127.0.0.1", str(redis_node.port), "1")
    async with watching(_fleet(second.instance, world.sentinel.instance)) as exporter:
        await until(lambda: len(_instances(shown(exporter))) == 3, PATIENCE)
        await until(lambda: _error(exporter) == "only some Sentinels know shard-b", PATIENCE)
        await until(exporter.whole, PATIENCE)


async def test_a_dead_replica_that_a_sentinel_has_forgotten_stays_down_until_the_other_forgets_it_too(
    world: World, second: Sentinel
) -> None:
    sentinels = (second, world.sentinel)
    async with watching(_fleet(*(sentinel.instance for sentinel in sentinels), masters=["shard-a"])) as exporter:
        await until(lambda: len(_instances(shown(exporter))) == 2, PATIENCE)
        world.replica.kill()
        await until(lambda: value(shown(exporter), "cache_node_up", instance=world.replica.instance) == 0, PATIENCE)
        with connect(second.port) as client:
            client.execute_command("SENTINEL", "RESET", "shard-a")
        asked = exporter.state.parts["sentinel"]
        await until(lambda: exporter.state.parts["sentinel"] is not asked, PATIENCE)
        await until(lambda: not second.sees("shard-a", 1, 1), PATIENCE)
        assert value(shown(exporter), "cache_node_up", instance=world.replica.instance) == 0
        assert _error(exporter) == ""
        second.stop()
        world.ask("SENTINEL", "RESET", "shard-a")
        gone = f"too few Sentinels answer to believe that these are gone: {world.replica.instance}"
        await until(lambda: _error(exporter) == gone, PATIENCE)
        assert value(shown(exporter), "cache_node_up", instance=world.replica.instance) == 0
        second.start()
        await until(lambda: world.replica.instance not in _instances(shown(exporter)), PATIENCE)


async def test_only_the_masters_that_the_policy_names_are_watched(world: World, redis_node: RedisNode) -> None:
    world.ask("SENTINEL", "MONITOR", "other", "127.0.0.1", str(redis_node.port), "1")
    sentinel = SentinelPolicy.model_validate({"addresses": [world.sentinel.instance], "masters": ["other"]})
    found = await discover(sentinel, None, 5.0, Names())
    assert {(t.instance, t.shard) for t in found.targets.values()} == {(redis_node.instance, "other")}


async def test_the_next_sentinel_is_asked_when_one_hangs_talks_nonsense_or_knows_too_little(world: World) -> None:
    with Peer(half_an_answer) as hung, Peer(says(b"*0\r\n")) as empty, Peer(says(b"$5\r\nhello\r\n")) as nonsense:
        bad = ["127.0.0.1:1", hung.instance, empty.instance, nonsense.instance]
        names = {"masters": ["shard-a"]}
        good = SentinelPolicy.model_validate({"addresses": [*bad, world.sentinel.instance], **names})
        found = await discover(good, None, 0.5, Names())
        assert set(found.targets) == {world.primary.instance, world.replica.instance}
        with pytest.raises(SentinelUnreachable) as said:
            await discover(SentinelPolicy.model_validate({"addresses": bad, **names}), None, 0.5, Names())
    for address, why in zip(
        bad,
        ("Connection refused", "no answer in time", "knows none of the masters", "not the answer of a Sentinel"),
        strict=True,
    ):
        assert f"{address}: " in str(said.value)
        assert why in str(said.value)


async def test_a_listed_node_that_sentinel_names_too_is_one_node_with_its_own_limit_and_label(world: World) -> None:
    nodes = [{"url": f"redis://localhost:{world.primary.port}", "memory_limit": "1GiB"}]
    policy = _fleet(world.sentinel.instance, masters=["shard-a"])
    policy["fleet"] = {**policy["fleet"], "nodes": nodes}  # type: ignore[dict-item]
    named = f"localhost:{world.primary.port}"
    async with watching(policy) as exporter:
        await until(lambda: _instances(shown(exporter)) == {named, world.replica.instance}, PATIENCE)
        await until(lambda: exporter.judge.latest(time.monotonic()).status == "UP", PATIENCE)
        await until(lambda: value(shown(exporter), "cache_memory_limit_bytes", instance=named) == 1024**3, PATIENCE)
        assert value(shown(exporter), "cache_node_up", instance=named, shard="shard-a") == 1


async def test_listed_nodes_do_not_wait_for_a_sentinel_that_hangs(redis_node: RedisNode) -> None:
    with Peer(half_an_answer) as hung:
        sentinel = {"addresses": [hung.instance] * 3, "masters": ["shard-a"]}
        fleet = {"nodes": [f"redis://{redis_node.instance}"], "sentinel": sentinel}
        async with watching({"fleet": fleet, "collect": {"interval": "15s", "timeout": "14s"}}) as exporter:
            await until(lambda: value(shown(exporter), "cache_node_up", instance=redis_node.instance) == 1, 40.0)
            assert not exporter.ready(), "Sentinel has not been heard yet"
            health = exporter.judge.look(time.monotonic())
            assert (health.status, health.error) == ("UNKNOWN", "Never heard: sentinel")
            assert "sentinel" not in exporter.state.parts


async def test_the_survey_names_a_silent_sentinel_and_still_asks_the_listed_nodes(redis_node: RedisNode) -> None:
    fleet = {"nodes": [f"redis://{redis_node.instance}"], "sentinel": {"addresses": ["127.0.0.1:1"], "masters": ["a"]}}
    answers, failure = await survey(Policy.model_validate({"fleet": fleet}), {})
    assert [(a.instance, a.error) for a in answers] == [(redis_node.instance, "")]
    assert failure == "no Sentinel answers: 127.0.0.1:1: cannot connect: Connection refused"


async def test_a_failover_is_known_long_before_the_next_collection(world: World) -> None:
    """The living nodes of a shard without a primary are asked each second; INFO is due in a minute."""
    slow = {"collect": {"interval": "60s", "timeout": "400ms"}, "rules": {"rate_window": "4m"}}
    async with watching({**_fleet(world.sentinel.instance), **slow}) as exporter:
        await until(lambda: _primary(shown(exporter)) == world.primary.instance, PATIENCE)
        world.primary.kill()
        await until(lambda: world.replica.role() == "primary", PATIENCE)
        promoted = time.monotonic()
        await until(lambda: _primary(shown(exporter)) == world.replica.instance, PATIENCE)
        assert time.monotonic() - promoted < 30.0


def _primary(page: Series) -> str | None:
    """The living node that says that it is one."""
    up = {own["instance"] for own in labels_of(page, "cache_node_up") if value(page, "cache_node_up", **own) == 1}
    found = [own["instance"] for own in labels_of(page, "cache_node_role") if own["role"] == "primary"]
    return next((instance for instance in found if instance in up), None)


def _rows(*rows: Mapping[str, str]) -> bytes:
    """Sentinel's answer of these rows, as it comes off the wire."""
    flat = [[word for pair in row.items() for word in pair] for row in rows]
    texts = ["".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words) for words in flat]
    told = "".join(f"*{len(words)}\r\n{text}" for words, text in zip(flat, texts, strict=True))
    return f"*{len(rows)}\r\n{told}".encode()


async def test_a_node_without_an_address_is_left_out_and_told_though_all_else_is_well(redis_node: RedisNode) -> None:
    host, _, port = redis_node.instance.rpartition(":")
    master = {"name": "shard-a", "ip": host, "port": port}
    odd = ({"name": "r", "ip": "/run/x.sock", "port": "6379"}, {"name": "r", "ip": "10.0.0.9", "port": "99999"})
    said = {"MASTERS": _rows(master), "REPLICAS": _rows(*odd), "CKQUORUM": b"+OK 1 usable Sentinels\r\n"}
    with Peer(Player({f"SENTINEL {word}": reply for word, reply in said.items()})) as peer:
        found = await discover(SentinelPolicy(addresses=(peer.instance,)), None, 2.0, Names())
        assert set(found.targets) == {redis_node.instance}
        assert (found.quorum, found.is_whole) == ({"shard-a": True}, True)
        assert found.sentinels == {}, "it does not say how many it knows"
        told = "no address of a node: '/run/x.sock' port '6379', '10.0.0.9' port '99999'"
        assert found.problem == f"{peer.instance}: {told}"
        async with watching(_fleet(peer.instance)) as exporter:
            await until(lambda: value(shown(exporter), "cache_node_up", instance=redis_node.instance) == 1)
            assert value(shown(exporter), "cache_collect_success", part="sentinel") == 0
            assert exporter.link.restarts == 0
