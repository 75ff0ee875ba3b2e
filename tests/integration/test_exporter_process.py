"""`cachewatch serve` as a process: how soon it tells, how it ends, what it leaves behind, and what its prober's death costs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from exporter import probe_link
from exporter.http import PATHS
from exporter.schedule import Schedule
from policy.metrics import CATALOGUE
from sandbox import web
from sandbox.ports import LOOPBACK, free_port
from sandbox.process import Child, wait_until
from sandbox.redis_node import RedisNode
from tests.integration.exporter_support import Peer, Serving, half_an_answer, shown, silent, watching
from tests.unit.exporter.helpers import until, value

# Whoever waits for the breaker to be half open by itself waits in vain: a node that is up again is to be asked at once.
QUICK = {"collect": {"interval": "1s", "timeout": "500ms"}, "breaker": {"half_open_after": "5m"}}


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RedisNode, RedisNode]]:
    """Two servers; a test that breaks one heals it."""
    with ExitStack() as stack:
        directory = tmp_path_factory.mktemp("nodes")
        first, second = (stack.enter_context(RedisNode(free_port(), directory)) for _ in range(2))
        yield first, second


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory, nodes: tuple[RedisNode, RedisNode]) -> Iterator[Serving]:
    """The exporter on those servers, with the policy's defaults but for a quicker collection."""
    with _started(tmp_path_factory.mktemp("exporter"), nodes) as serving:
        yield serving


@pytest.fixture
def own_exporter(tmp_path: Path, nodes: tuple[RedisNode, RedisNode]) -> Iterator[Serving]:
    """Another one, for tests that end it."""
    with _started(tmp_path, nodes) as serving:
        yield serving


def _started(directory: Path, nodes: tuple[RedisNode, RedisNode]) -> Serving:
    serving = Serving(directory, {"fleet": {"nodes": [f"redis://{n.instance}" for n in nodes]}, **QUICK})
    serving.start()
    for node in nodes:
        _wait_up(serving, node.instance, 1)
    return serving


def _wait_up(serving: Serving, instance: str, up: int, patience: float = 60.0) -> float:
    """Wait for a verdict; how long it took in seconds."""
    began = time.monotonic()
    wait_until(lambda: _up(serving, instance) == up, patience, f"{instance} to be {up}", every=0.02)
    return time.monotonic() - began


def _up(serving: Serving, instance: str) -> float | None:
    return value(serving.page("/metrics/sli"), "cache_node_up", instance=instance)


def _gone(pids: list[int]) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def _status(serving: Serving, path: str) -> tuple[int, str]:
    try:
        return 200, serving.text(path)
    except web.WebError as error:
        return error.status, error.content.decode()


@pytest.mark.alone
def test_a_killed_node_is_down_within_two_seconds_a_hung_one_within_three_and_both_come_back(
    exporter: Serving, nodes: tuple[RedisNode, RedisNode]
) -> None:
    killed, hung = nodes
    killed.kill()
    assert _wait_up(exporter, killed.instance, 0) < 2.0
    hung.pause()
    assert _wait_up(exporter, hung.instance, 0) < 3.0
    killed.start()
    hung.resume()
    for node in nodes:
        _wait_up(exporter, node.instance, 1)
        wait_until(lambda n=node: _redis_up(exporter, n) == 1, 60.0, "INFO again")  # type: ignore[misc]


def _redis_up(serving: Serving, node: RedisNode) -> float | None:
    return value(serving.page(), "redis_up", instance=node.instance)


@pytest.mark.alone
def test_a_hung_node_loses_redis_up_at_once_and_its_facts_after_three_intervals(
    exporter: Serving, nodes: tuple[RedisNode, RedisNode]
) -> None:
    hung = nodes[0]
    hung.pause()
    began = time.monotonic()
    wait_until(lambda: _redis_up(exporter, hung) == 0, 60.0, "redis_up 0")
    assert value(exporter.page(), "cache_hits_total", instance=hung.instance) is not None
    wait_until(lambda: _hits(exporter, hung) is None, 60.0, "the facts to be withdrawn")
    assert 2.0 <= time.monotonic() - began < 6.0
    hung.resume()
    wait_until(lambda: _hits(exporter, hung) is not None, 60.0, "the facts to come back")


def _hits(serving: Serving, node: RedisNode) -> float | None:
    return value(serving.page(), "cache_hits_total", instance=node.instance)


def test_a_killed_prober_comes_back_and_its_counts_go_on(exporter: Serving, nodes: tuple[RedisNode, RedisNode]) -> None:
    def checks() -> float:
        labels = {"instance": nodes[0].instance, "result": "success"}
        return value(exporter.page("/metrics/sli"), "cache_health_checks_total", **labels) or 0.0

    wait_until(lambda: checks() >= 5, 60.0, "some checks")
    (prober,), before = exporter.children(), checks()
    os.kill(prober, signal.SIGKILL)
    wait_until(lambda: exporter.children() not in ([], [prober]), 60.0, "another prober")
    wait_until(lambda: checks() >= before + 3, 60.0, "the counts to go on")
    assert value(exporter.page(), "cachewatch_prober_restarts_total") == 1
    assert "the prober ended; starting it again" in exporter.log.read_text()


@pytest.mark.alone
def test_sigterm_ends_it_within_two_seconds_with_status_0_and_no_child(own_exporter: Serving) -> None:
    children = own_exporter.children()
    assert len(children) == 1
    own_exporter.ask_to_stop()
    assert own_exporter.wait(2.0) == 0
    assert _gone(children)
    assert "Traceback" not in own_exporter.log.read_text()


@pytest.mark.alone
def test_sigterm_ends_it_within_two_seconds_while_scrapes_wait_for_a_node_that_hangs(tmp_path: Path) -> None:
    with Peer(silent) as hung:
        policy = {"fleet": {"nodes": [f"redis://{hung.instance}"]}, "collect": {"interval": "10s", "timeout": "9s"}}
        with Serving(tmp_path, policy) as serving:
            asked = f"GET /scrape?target={hung.instance} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
            with ExitStack() as clients:
                for _ in range(5):
                    client = clients.enter_context(socket.create_connection((LOOPBACK, serving.port)))
                    client.sendall(asked)
                time.sleep(0.5)
                serving.ask_to_stop()
                assert serving.wait(2.0) == 0
            assert "Traceback" not in serving.log.read_text()


@pytest.mark.alone
def test_ctrl_c_on_the_whole_group_ends_it_as_quietly(own_exporter: Serving) -> None:
    children = own_exporter.children()
    os.kill(children[0], signal.SIGINT)  # were it to end before the exporter does, that would be told as an error
    before = _checks(own_exporter)
    wait_until(lambda: _checks(own_exporter) >= before + 6, 60.0, "checks to go on")
    assert own_exporter.children() == children
    os.killpg(own_exporter.pid, signal.SIGINT)
    assert own_exporter.wait(2.0) == 0
    assert _gone(children)
    log = own_exporter.log.read_text()
    assert "Traceback" not in log
    assert "ERROR" not in log


def _checks(serving: Serving) -> float:
    page = serving.page("/metrics/sli")
    return sum(
        v for (name, own), v in page.items() if name == "cache_health_checks_total" and ("result", "success") in own
    )


def test_a_prober_whose_exporter_is_killed_ends_too(own_exporter: Serving) -> None:
    children = own_exporter.children()
    own_exporter.kill()
    wait_until(lambda: _gone(children), 60.0, "the prober to end")


@pytest.mark.alone
def test_sigterm_is_heard_while_every_sentinel_and_every_node_hangs(tmp_path: Path) -> None:
    with Peer(half_an_answer) as first, Peer(half_an_answer) as second:
        policy = {
            "fleet": {
                "nodes": [f"redis://{first.instance}"],
                "sentinel": {"addresses": [first.instance, second.instance], "masters": ["shard-a"]},
            },
            "collect": {"timeout": "5s"},
        }
        serving = Serving(tmp_path, policy)
        Child.start(serving)
        try:
            wait_until(lambda: first.accepted >= 2, 60.0, "it to ask")
            serving.ask_to_stop()
            assert serving.wait(2.0) == 0
        finally:
            serving.stop()
        assert "Traceback" not in serving.log.read_text()


def test_it_is_not_ready_before_the_first_round_and_says_so(tmp_path: Path) -> None:
    with Peer(half_an_answer) as peer, ExitStack() as stack:
        fleet = {"nodes": [f"redis://{peer.instance}"]}
        serving = Serving(tmp_path, {"fleet": fleet, "collect": {"timeout": "2s"}})
        stack.callback(serving.stop)
        Child.start(serving)
        wait_until(lambda: _answers(serving), 60.0, "the page")
        assert _status(serving, "/-/ready") == (503, "Cachewatch has not asked every node yet.\n")
        assert _status(serving, "/-/healthy")[0] == 200
        assert serving.health()["status"] == "UNKNOWN"
        assert _status(serving, "/health/liveness")[0] == 200
        status, told = _status(serving, "/health/readiness")
        assert (status, json.loads(told)["status"]) == (503, "OUT_OF_SERVICE")
        assert json.loads(told)["details"]["error"] == "not every node was asked yet"
        wait_until(lambda: _status(serving, "/-/ready")[0] == 200, 60.0, "it to be ready")


def _answers(serving: Serving) -> bool:
    return web.answers(f"{serving.url}/-/healthy")


def test_a_port_in_use_is_status_2_and_a_message_and_no_child(tmp_path: Path, redis_node: RedisNode) -> None:
    serving = Serving(tmp_path, {"fleet": {"nodes": [f"redis://{redis_node.instance}"]}})
    argv = [*serving.argv[:-1], redis_node.instance]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 2
    assert ended.stderr.strip().splitlines()[-1] == (
        f"cannot listen on {redis_node.instance}: address already in use; "
        "end the program that listens there, or name another address with --listen"
    )
    assert "Traceback" not in ended.stderr
    assert int(str(redis_node.info("stats")["total_connections_received"])) <= 3, "nothing was asked"


def test_every_path_answers_and_an_unknown_one_names_them(exporter: Serving) -> None:
    assert {path: _status(exporter, path)[0] for path in PATHS} == dict.fromkeys(PATHS, 200)
    status, text = _status(exporter, "/metric")
    assert status == 404
    assert all(path in text for path in PATHS)


def test_the_page_has_nothing_that_the_catalogue_does_not_declare(exporter: Serving) -> None:
    families = {line.split()[2] for line in exporter.text().splitlines() if line.startswith("# TYPE ")}
    own = {name for name in families if name.startswith(("process_", "python_", "cachewatch_"))}
    assert families - own <= set(CATALOGUE)
    assert own
    light = {line.split()[2] for line in exporter.text("/metrics/sli").splitlines() if line.startswith("# TYPE ")}
    assert all(name.startswith("cache_") for name in light)
    assert {name for name in families if name.startswith("cache_")} == light


async def test_a_prober_that_hangs_is_ended_and_started_again(
    redis_node: RedisNode, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(probe_link, "_SILENCE", 3.5)
    async with watching({"fleet": {"nodes": [f"redis://{redis_node.instance}"]}}) as exporter:
        await until(lambda: value(shown(exporter), "cache_node_up") == 1)
        process = exporter.link._process
        assert process is not None
        os.kill(process.pid, signal.SIGSTOP)
        await until(lambda: value(shown(exporter), "cache_node_up") is None)
        await until(lambda: value(shown(exporter), "cache_node_up") == 1)
        assert process.returncode == -signal.SIGKILL
    assert "the prober has said nothing for 3.5 s" in caplog.text


@pytest.mark.parametrize(
    ("name", "method"), [("prober", (probe_link.ProbeLink, "run")), ("clock", (Schedule, "_follow_clock"))]
)
async def test_a_part_that_falls_over_says_so(
    name: str,
    method: tuple[type, str],
    redis_node: RedisNode,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def falls_over(_: object) -> None:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(*method, falls_over)
    async with watching({"fleet": {"nodes": [f"redis://{redis_node.instance}"]}}) as exporter:
        await until(lambda: value(shown(exporter), "redis_up") == 1)
        assert exporter.fallen == {name}
    assert f"{name} stopped working; start the exporter again" in caplog.text
    assert "broken on purpose" in caplog.text


async def test_a_folder_of_the_same_name_in_the_users_directory_is_not_taken_for_the_prober(
    redis_node: RedisNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "exporter").mkdir()
    (tmp_path / "exporter" / "__init__.py").write_text("raise SystemExit('the wrong one')\n")
    monkeypatch.chdir(tmp_path)
    async with watching({"fleet": {"nodes": [f"redis://{redis_node.instance}"]}}) as exporter:
        await until(lambda: value(shown(exporter), "cache_node_up") == 1)


async def test_names_that_hang_do_not_hold_up_the_nodes_that_do_not(
    redis_node: RedisNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def slow_name_server(_: str) -> list[str]:
        over.wait(120)
        return [LOOPBACK]

    fleet = {"nodes": ["redis://slow.invalid:6379", f"redis://{redis_node.instance}"]}
    async with watching({"fleet": fleet, **QUICK}) as exporter:
        monkeypatch.setattr(exporter.names, "_look", slow_name_server)
        try:
            await until(lambda: value(shown(exporter), "cache_node_up", instance=redis_node.instance) == 1)
            await until(lambda: value(shown(exporter), "redis_up", instance=redis_node.instance) == 1)
            assert value(shown(exporter), "cache_node_up", instance="slow.invalid:6379") is None
        finally:
            over.set()


def test_the_address_to_listen_on_may_be_ipv6(tmp_path: Path, redis_node: RedisNode) -> None:
    serving = Serving(tmp_path, {"fleet": {"nodes": [f"redis://{redis_node.instance}"]}})
    serving.argv = (*serving.argv[:-1], f"[::1]:{serving.port}")
    serving.url = serving.url.replace(LOOPBACK, "[::1]")
    Child.start(serving)
    try:
        wait_until(lambda: _answers(serving), 60.0, "the page on ::1")
    finally:
        serving.stop()
