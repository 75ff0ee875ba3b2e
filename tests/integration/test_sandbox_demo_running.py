"""`cachewatch demo` while it runs: what it tells, and that each fault is seen through the whole chain."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import web
from sandbox.process import wait_until
from tests.integration.sandbox_demo import START_TIMEOUT, call, demo, endpoints, output, running, said


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("running") / "demo"
    with demo(directory) as process:
        wait_until(
            lambda: (directory / "endpoints.json").exists() or process.poll() is not None,
            START_TIMEOUT,
            "the demo to be up",
        )
        assert process.poll() is None, output(directory)
        said(directory, "faults made: ")  # the last line of its first look, which comes after endpoints.json
        yield directory
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert running(directory) == []
    assert not directory.exists()


def received(directory: Path, service: str) -> list[dict[str, Any]]:
    everything = web.get_json(endpoints(directory)["sink"] + "/received")
    return [entry["body"] for entry in everything if entry["service"] == service]


def firing(directory: Path) -> set[str]:
    alerts = web.get_json(endpoints(directory)["prometheus"] + "/api/v1/alerts")["data"]["alerts"]
    return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}


def test_the_endpoints_answer_and_the_nodes_are_the_ones_that_run(directory: Path) -> None:
    told = endpoints(directory)
    assert set(told) == {"exporter", "prometheus", "alertmanager", "notifier", "sink", "policy", "nodes"}
    assert web.answers(told["exporter"] + "/metrics/sli")
    assert web.answers(told["sink"] + "/received")
    for part in ("exporter", "prometheus", "alertmanager", "notifier"):
        assert web.answers(told[part] + "/-/ready")
    assert Path(told["policy"]).exists()
    assert sorted((node["shard"], node["role"]) for node in told["nodes"]) == [
        ("shard-a", "primary"),
        ("shard-a", "replica"),
        ("shard-b", "primary"),
        ("shard-b", "replica"),
    ]
    assert all("redis-server" in Path(f"/proc/{node['pid']}/cmdline").read_text() for node in told["nodes"])


def test_nothing_is_alarming_in_a_healthy_demo(directory: Path) -> None:
    assert firing(directory) == {"CacheWatchdog"}, "which always fires"
    told = next(line for line in output(directory).splitlines() if line.startswith("alerts: "))
    assert not [name for name in ("Alertmanager", "Notifier", "Metrics") if f"Cache{name}" in told]
    assert received(directory, "pagerduty") == []


def board(directory: Path) -> dict[str, Any]:
    told: dict[str, Any] = web.get_json(endpoints(directory)["exporter"] + "/api/v1/fleet")
    return told


def test_the_board_is_among_the_addresses_and_knows_budget_and_alerts_from_the_rest_of_the_stack(
    directory: Path,
) -> None:
    assert f"board: {endpoints(directory)['exporter']}/" in output(directory)
    wait_until(
        lambda: board(directory)["alerts"]["at_unix_seconds"] is not None, 30, "Alertmanager's answer", every=0.5
    )
    assert board(directory)["alerts"]["list"] == []
    web.request("GET", endpoints(directory)["exporter"] + "/")
    wait_until(lambda: board(directory)["objectives"][0]["source"] == "prometheus", 90, "Prometheus' answer", every=0.5)
    assert board(directory)["objectives"][0]["budget_left_ratio"] <= 1.0


def test_a_second_demo_in_the_same_directory_is_refused_with_status_2(directory: Path) -> None:
    done = call("--dir", directory)
    assert done.returncode == 2
    assert "already (pid" in done.stderr
    assert endpoints(directory)["nodes"]


def test_a_dead_node_pages_once_for_that_node_and_the_page_is_closed_when_it_is_back(directory: Path) -> None:
    before = endpoints(directory)["nodes"]
    done = call("break", "node-down", "--dir", directory)
    assert done.returncode == 0, done.stderr
    (dead,) = (node["instance"] for node in before if node["instance"] in done.stdout)

    def events(action: str) -> list[str]:
        return [json.dumps(e) for e in received(directory, "pagerduty") if e["event_action"] == action]

    wait_until(lambda: bool(events("trigger")), 60, "the page")
    wait_until(lambda: dead in json.dumps(board(directory)["alerts"]["list"]), 60, "the alert on the board", every=0.5)
    assert dead in board(directory)["verdict"]["text"]
    assert "broken already" in call("break", "node-down", "--dir", directory).stdout
    assert call("heal", "--dir", directory).returncode == 0
    wait_until(lambda: bool(events("resolve")), 60, "the page to be closed")
    assert len(events("trigger")) == 1
    assert dead in events("trigger")[0]
    wait_until(lambda: bool(received(directory, "slack")), 60, "the message in Slack")
    pids = {node["instance"]: node["pid"] for node in before}

    def started_again() -> list[str]:
        return [node["instance"] for node in endpoints(directory)["nodes"] if node["pid"] != pids[node["instance"]]]

    wait_until(lambda: bool(started_again()), 60, "the new process to be noted")
    assert started_again() == [dead]


def test_low_hit_rate_latency_and_memory_raise_their_alerts_and_healing_ends_them(directory: Path) -> None:
    for name in ("hit-rate", "latency", "memory"):
        assert call("break", name, "--dir", directory).returncode == 0
    expected = {"CacheVeryLowHitRate", "CacheVeryHighLatency", "CacheMemoryHigh"}
    wait_until(lambda: expected <= firing(directory), 90, "the three alerts")
    assert call("heal", "--dir", directory).returncode == 0
    wait_until(lambda: not expected & firing(directory), 90, "the alerts to end")


def test_a_part_that_was_ended_by_a_fault_is_not_said_to_have_ended_unasked(directory: Path) -> None:
    assert call("break", "notifier", "--dir", directory).returncode == 0
    wait_until(lambda: "faults made: notifier" in output(directory), 60, "a look at the stack")
    assert call("heal", "notifier", "--dir", directory).returncode == 0
    assert "ended unasked" not in output(directory)


def test_an_unknown_fault_is_refused_with_the_names_and_status_2(directory: Path) -> None:
    done = call("break", "fire", "--dir", directory)
    assert done.returncode == 2
    assert "node-down, node-hang, hit-rate, latency, memory" in done.stderr


def test_a_log_gets_plain_lines_with_what_was_shortened(directory: Path) -> None:
    shown = output(directory)
    assert "Durations are shortened" in shown
    assert "primary of shard-a: up, hit rate" in shown
    assert "\x1b" not in shown
