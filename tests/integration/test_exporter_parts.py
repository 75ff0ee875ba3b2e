"""Parts of a collection fail alone: what cannot be read is said, once, and everything else is there."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
import redis

from exporter.app import Exporter
from exporter.families.questions import RIGHTS
from exporter.state import NodeState
from exporter.survey import survey
from policy.model import Policy
from sandbox.fleet import SentinelFleet
from sandbox.ports import LOOPBACK, free_port
from sandbox.process import wait_until
from sandbox.redis_node import RedisNode, connect
from tests.integration.exporter_support import Peer, detailed, facts_text, says, shown, watching
from tests.integration.redis_exporter_support import Player, page, plays
from tests.integration.versions import DEBIAN, REDIS_6_2, VALKEY, use
from tests.unit.exporter.helpers import labels_of, until, value

FAST = {
    "collect": {"interval": "500ms", "timeout": "400ms", "detail_interval": "500ms"},
    "probe": {"interval": "10s"},
}
ACL = "user watcher on >secret resetchannels nocommands"


def _fleet(node: RedisNode, **more: object) -> dict[str, object]:
    return {**FAST, "fleet": {"nodes": [f"redis://{node.instance}"], **more}}


async def _parts(policy: dict[str, object], instance: str, environ: dict[str, str] | None = None) -> dict[str, float]:
    """Success of every part once three collections have ended."""
    async with watching(policy, environ) as exporter:
        await until(lambda: detailed(exporter, 3), 20.0)
        found = shown(exporter)
    names = {dict(labels)["part"] for name, labels in found if name == "cache_collect_success"}
    assert value(found, "redis_up", instance=instance) == 1
    return {part: value(found, "cache_collect_success", instance=instance, part=part) or 0.0 for part in names}


def _login() -> dict[str, object]:
    return {"auth": {"username": "watcher", "password_env": "CACHE_PASSWORD"}}


@pytest.mark.parametrize("version", [DEBIAN, REDIS_6_2, VALKEY])
async def test_the_rule_of_the_documentation_is_enough_for_every_part_and_allows_nothing_else(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(version, monkeypatch, tmp_path)
    with RedisNode(free_port(), tmp_path, config=[_rules()[0]]) as node:
        parts = await _parts(_fleet(node, **_login()), node.instance, {"CACHE_PASSWORD": "secret"})
        of_7 = set() if version == REDIS_6_2 else {"latency_histogram"}
        assert set(parts) == {"info", "connect", "commands", "latencystats", "config", "slowlog", "latency"} | of_7
        assert set(parts.values()) == {1.0}
        policy = Policy.model_validate(_fleet(node, **_login()))
        answers, _ = await survey(policy, {"CACHE_PASSWORD": "secret"})
        assert answers[0].error == ""
        assert version == DEBIAN or answers[0].version.startswith(f"{version.split()[1]}."), (
            "Valkey says what Redis it is like"
        )
        with connect(node.port, username="watcher", password="secret") as client:
            for more in ("GET key", "CONFIG SET maxmemory 1", "SLOWLOG RESET", "KEYS *"):
                with pytest.raises(redis.exceptions.NoPermissionError):
                    client.execute_command(*more.split())


async def test_a_slow_command_whose_text_looks_like_a_reply_is_a_text(tmp_path: Path) -> None:
    with RedisNode(free_port(), tmp_path) as node:
        with node.client() as client:
            client.config_set("slowlog-log-slower-than", 0)
            client.set("k", "a\r\n*1234567\r\n>999999")
            client.config_set("slowlog-log-slower-than", -1)
            assert b"*1234567" in client.slowlog_get(1)[0]["command"]
        assert (await _parts(_fleet(node), node.instance))["slowlog"] == 1.0


async def test_the_rule_for_a_sentinel_is_enough_for_it_as_a_node_and_as_a_source(
    sentinel_fleet: SentinelFleet,
) -> None:
    sentinel, other = sentinel_fleet.sentinels[:2]
    with connect(int(sentinel.rpartition(":")[2])) as client, connect(int(other.rpartition(":")[2])) as second:
        for each in (client, second):
            each.execute_command("ACL", "SETUSER", *_rules()[1].split()[1:])
        try:
            policy = {**FAST, "fleet": {"nodes": [f"redis://{sentinel}"], **_login()}}
            parts = await _parts(policy, sentinel, {"CACHE_PASSWORD": "secret"})
            source: dict[str, Any] = {"fleet": {"sentinel": {"addresses": [sentinel], **_login()}}}
            answers, lacking = await survey(Policy.model_validate(source), {"CACHE_PASSWORD": "secret"})
            assert (bool(answers), lacking) == (True, "")
            client.execute_command("ACL", "SETUSER", "watcher", "-sentinel|ckquorum")
            _, lacking = await survey(Policy.model_validate(source), {"CACHE_PASSWORD": "secret"})
            assert lacking.endswith(
                f"{sentinel}: may not be asked whether it could fail over; grant the user +sentinel|ckquorum"
            )
            # Where the policy names the masters the first answer is enough, but for what it does not tell.
            source["fleet"]["sentinel"] |= {"addresses": [sentinel, other], "masters": ["shard-a", "shard-b"]}
            _, lacking = await survey(Policy.model_validate(source), {"CACHE_PASSWORD": "secret"})
            assert lacking == "", "the other one tells it"
        finally:
            for each in (client, second):
                each.execute_command("ACL", "DELUSER", "watcher")
    assert parts == {"info": 1.0, "connect": 1.0, "masters": 1.0}


@pytest.mark.parametrize("source", ["sentinel", "cluster"])
async def test_the_right_that_a_source_of_nodes_lacks_is_named(source: str) -> None:
    rights = {"sentinel": "+sentinel|masters +sentinel|replicas +sentinel|ckquorum", "cluster": "+cluster|nodes"}
    said = f"-NOPERM this user has no permissions to run the '{source}' command or its subcommand\r\n".encode()
    with Peer(says(said)) as refusing:
        fleet = {source: {"addresses": [refusing.instance]}}
        _, lacking = await survey(Policy.model_validate({"fleet": fleet}), {})
    assert lacking.endswith(f"command or its subcommand; grant the user {rights[source]}")


async def test_a_cluster_that_may_not_be_asked_for_its_nodes_tells_all_that_its_user_lacks(tmp_path: Path) -> None:
    config = ["user watcher on >secret -@all +ping", "cluster-enabled yes"]
    with RedisNode(free_port(), tmp_path, config=config) as node, connect(node.port) as client:
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        wait_until(lambda: "cluster_state:ok" in str(client.execute_command("CLUSTER", "INFO")), 20.0, "the cluster")
        fleet = {"cluster": {"addresses": [node.instance]}, **_login()}
        policy = Policy.model_validate({"fleet": fleet, "probe": {"write": True}})
        (answer,), lacking = await survey(policy, {"CACHE_PASSWORD": "secret"})
        assert lacking.endswith("grant the user +cluster|nodes")
        assert {"+info", "+cluster|info", "+set"} < set(answer.missing)
        assert len(set(answer.missing)) == len(answer.missing)
        client.execute_command("ACL", "SETUSER", "watcher", "+cluster|nodes", *answer.missing)
        (answer,), lacking = await survey(policy, {"CACHE_PASSWORD": "secret"})
        assert (answer.error, answer.missing, lacking) == ("", (), "")


async def test_a_server_that_knows_no_users_is_told_as_such() -> None:
    with Peer(says(b"-ERR wrong number of arguments for 'auth' command\r\n")) as old:
        policy = Policy.model_validate({"fleet": {"nodes": [f"redis://{old.instance}"], **_login()}})
        (answer,), _ = await survey(policy, {"CACHE_PASSWORD": "secret"})
    assert answer.error == "auth: Redis before 6 knows passwords only, no users; leave out auth.username"


def _rules() -> list[str]:
    """The rules of the documentation: for a node, and for a Sentinel."""
    text = (Path(__file__).parents[2] / "docs" / "redis_exporter.md").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if line.startswith("user watcher "))
    return [line.replace(">PASSWORD", ">secret") for line in lines]


async def test_a_user_without_rights_loses_those_parts_only_and_the_log_names_the_right_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with RedisNode(free_port(), tmp_path, config=[f"{ACL} +info +ping +latency|latest"]) as node:
        parts = await _parts(_fleet(node, **_login()), node.instance, {"CACHE_PASSWORD": "secret"})
    assert {part for part, ok in parts.items() if not ok} == {"config", "slowlog", "latency_histogram"}
    for part in ("config", "slowlog", "latency_histogram"):
        assert caplog.text.count(RIGHTS[part]) == 1
        assert caplog.text.count(f"the part {part} cannot be collected") == 1


async def test_a_server_whose_config_command_is_renamed_is_collected_without_it(tmp_path: Path) -> None:
    with RedisNode(free_port(), tmp_path, config=['rename-command CONFIG ""']) as node:
        parts = await _parts(_fleet(node), node.instance)
    assert {part for part, ok in parts.items() if not ok} == {"config"}


async def test_where_config_is_refused_the_most_clients_are_those_that_info_tells(tmp_path: Path) -> None:
    """CacheClientsNearLimit reads them."""
    with RedisNode(free_port(), tmp_path, config=['rename-command CONFIG ""', "maxclients 123"]) as node:
        async with watching(_fleet(node)) as exporter:
            await until(lambda: detailed(exporter), 20.0)
            assert value(shown(exporter), "redis_config_maxclients", instance=node.instance) == 123
            assert value(shown(exporter), "redis_config_maxmemory", instance=node.instance) is None


async def test_a_server_that_hangs_over_a_dear_part_is_up_and_its_cheap_facts_are_there() -> None:
    class Hanging(Player):
        """Never answers CONFIG, nor what comes after it on the connection."""

        def __call__(self, connection: socket.socket) -> None:
            while data := connection.recv(65536):
                for command, reply in self.answers.items():
                    words = command.encode().split()
                    if command != "CONFIG GET" and all(word in data for word in words):
                        connection.sendall(reply)
                if b"CONFIG" in data:
                    continue
                if b"commandstats" in data:
                    connection.sendall(self.answers["INFO"])

    answers = {"INFO": plays("redis-7.2.6", "primary")["INFO"]}
    with Peer(Hanging(answers)) as server:
        policy = {**FAST, "fleet": {"nodes": [f"redis://{server.instance}"]}}
        async with watching(policy) as exporter:
            await until(lambda: detailed(exporter), 20.0)
            found = shown(exporter)
    assert value(found, "redis_up", instance=server.instance) == 1
    assert value(found, "redis_memory_used_bytes", instance=server.instance)
    assert value(found, "cache_collect_success", instance=server.instance, part="config") == 0


async def test_redis_6_2_is_collected_live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(REDIS_6_2, monkeypatch, tmp_path)
    with RedisNode(free_port(), tmp_path) as node:
        parts = await _parts(_fleet(node), node.instance)
        assert str(node.info("server")["redis_version"]).startswith("6.2.")
    assert "latency_histogram" not in parts
    assert set(parts.values()) == {1.0}


async def test_valkey_is_collected_live_and_called_by_its_own_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(VALKEY, monkeypatch, tmp_path)
    with RedisNode(free_port(), tmp_path) as node:
        async with watching(_fleet(node)) as exporter:
            await until(lambda: detailed(exporter, 3), 20.0)
            page = shown(exporter)
    (said,) = labels_of(page, "redis_instance_info")
    assert (said["valkey_version"].partition(".")[0], said["redis_mode"]) == ("9", "standalone")
    assert value(page, "redis_config_client_output_buffer_limit_bytes", **{"class": "pubsub", "limit": "hard"}) == 2**25
    assert {value(page, "cache_collect_success", **own) for own in labels_of(page, "cache_collect_success")} == {1.0}


async def test_the_latency_histogram_of_a_command_is_what_the_server_says(redis_node: RedisNode) -> None:
    with redis_node.client() as client:
        for turn in range(200):
            client.set("key", "x" * 1000 * turn)
        said = client.execute_command("LATENCY", "HISTOGRAM", "set")
        usec = cast("dict[str, Any]", redis_node.info("commandstats")["cmdstat_set"])["usec"]
    async with watching(_fleet(redis_node)) as exporter:
        await until(lambda: detailed(exporter), 20.0)
        found = page(facts_text(exporter), redis_node.instance)
    name, buckets = "redis_commands_latencies_usec", cast("dict[float, int]", said["set"]["histogram_usec"])
    expected: dict[tuple[str, str | None], tuple[str, float]] = {
        (f"{name}_bucket", "+Inf"): ("histogram", 200),
        (f"{name}_count", None): ("histogram", 200),
        (f"{name}_sum", None): ("histogram", usec),
    }
    expected |= {(f"{name}_bucket", str(bound)): ("histogram", count) for bound, count in buckets.items()}
    mine = ((n, dict(labels), seen) for (n, labels), seen in found.items() if n.startswith(name))
    assert {(n, own.get("le")): seen for n, own, seen in mine if own["cmd"] == "set"} == expected


async def test_what_is_denied_is_not_shown_and_what_it_was_asked_for_is_not_asked(redis_node: RedisNode) -> None:
    families = {"deny": ["redis_latency_*", "redis_slowlog_*", "redis_last_slow_*", "redis_commands_*"]}
    policy = {**_fleet(redis_node), "collect": {**FAST["collect"], "families": families}}
    async with watching(policy) as exporter:
        await until(lambda: detailed(exporter), 20.0)
        names = {name for name, _ in page(facts_text(exporter), redis_node.instance)}
    assert "redis_config_maxmemory" in names
    assert not [name for name in names if name.startswith(("redis_latency", "redis_slowlog", "redis_commands_"))]
    asked = {"cmdstat_slowlog|get", "cmdstat_latency|latest", "cmdstat_latency|histogram"}
    assert not asked & set(redis_node.info("commandstats"))


async def test_fields_that_nobody_mapped_are_shown_when_the_policy_wants_them(redis_node: RedisNode) -> None:
    policy = {**_fleet(redis_node), "collect": {**FAST["collect"], "unmapped_info": True}}
    async with watching(policy) as exporter:
        await until(lambda: detailed(exporter), 20.0)
        names = {name for name, _ in page(facts_text(exporter), redis_node.instance)}
    assert {"redis_info_stats_total_forks", "redis_info_server_lru_clock"} <= names
    assert "redis_info_memory_used_memory" not in names


async def test_a_node_that_runs_one_script_for_ever_times_out_before_and_after_it_says_that_it_is_busy(
    tmp_path: Path,
) -> None:
    """At its time limit Redis begins to answer: -BUSY. Nobody is served before or after."""
    policy = {"collect": FAST["collect"], "probe": {"interval": "50ms", "timeout": "500ms"}}
    with RedisNode(free_port(), tmp_path, config=["busy-reply-threshold 100"]) as node, node.client() as client:
        async with watching({**policy, "fleet": {"nodes": [f"redis://{node.instance}"]}}) as exporter:
            await until(lambda: exporter.state.nodes and _watched(exporter, node).verdict.up, 20.0)
            script = threading.Thread(target=_run_until_killed, args=(node.port,))
            script.start()
            await until(lambda: _busy(client), 20.0)
            before = _watched(exporter, node).checks["timeout"]
            await until(lambda: _watched(exporter, node).checks["timeout"] > before + 30, 20.0)
            client.execute_command("SCRIPT KILL")
            await asyncio.to_thread(script.join, 20)
            await until(lambda: _watched(exporter, node).verdict.up, 20.0)
            failed = {result for result, count in _watched(exporter, node).checks.items() if count}
    assert failed == {"success", "timeout"}


def _watched(exporter: Exporter, node: RedisNode) -> NodeState:
    return exporter.state.nodes[node.instance]


def _run_until_killed(port: int) -> None:
    with connect(port, timeout=60.0) as client, contextlib.suppress(redis.exceptions.ResponseError):
        client.eval("while true do end", 0)


def _busy(client: redis.Redis) -> bool:
    try:
        return not client.ping()
    except redis.exceptions.TimeoutError:
        return False
    except redis.exceptions.ResponseError as error:
        return "BUSY" in str(error)


async def test_the_details_of_a_process_that_is_gone_are_withdrawn_with_it(tmp_path: Path) -> None:
    """The next ones are due in an hour."""
    seldom = {**FAST, "collect": {**FAST["collect"], "detail_interval": "1h"}}
    port = free_port()
    async with watching({**seldom, "fleet": {"nodes": [f"redis://{LOOPBACK}:{port}"]}}) as exporter:
        for most in (123, 77):
            with RedisNode(port, tmp_path, config=[f"maxclients {most}"]):
                await until(partial(_has_at_most, exporter, most))


def _has_at_most(exporter: Exporter, clients: int) -> bool:
    return value(shown(exporter), "redis_config_maxclients") == clients
