"""Every way a node can be no good, all at once beside a healthy one: each costs only itself, and each comes back.

One exporter watches them all; what it said over some seconds is recorded once, and then every node is healed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sandbox.ports import free_port
from sandbox.process import wait_until
from sandbox.redis_node import RedisNode
from tests.integration.exporter_support import (
    Peer,
    Serving,
    closes_at_once,
    half_an_answer,
    never_ends,
    passes_on,
    says,
    too_many_clients,
)
from tests.unit.exporter.helpers import Series, value

pytestmark = pytest.mark.alone

INTERVAL = 1.0
# How each kind of bad node answers, and the class that its checks must end in.
TALKS = {
    "garbage": (says(b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n"), "protocol"),
    "countless": (says(b"*1000000000\r\n" * 4), "protocol"),
    "closes": (closes_at_once, "reset"),
    "half": (half_an_answer, "timeout"),
    "endless": (never_ends, "protocol"),
    "loading": (says(b"-LOADING Redis is loading the dataset in memory\r\n"), "loading"),
    "busy": (says(b"-BUSY Redis is busy running a script. You can only call SCRIPT KILL.\r\n"), "timeout"),
    "maxclients": (too_many_clients, "refused"),
    "no rights": (says(b"-NOPERM this user has no permissions to run the 'info' command\r\n"), "auth"),
}
RESULTS = {**{kind: result for kind, (_, result) in TALKS.items()}, "hung": "timeout", "refused": "refused"}


@dataclass
class Observed:
    """What was seen: instances by kind, pages and health of the bad time, the first page after all were healed."""

    instances: dict[str, str]
    healthy: str
    pages: list[Series] = field(default_factory=list)
    health: list[dict[str, Any]] = field(default_factory=list)
    sli_seconds: list[float] = field(default_factory=list)
    healed: Series = field(default_factory=dict)
    log: str = ""
    descriptors: list[int] = field(default_factory=list)

    def last(self, name: str, kind: str, **labels: str) -> float | None:
        """A value of a node on the last page of the bad time."""
        return value(self.pages[-1], name, instance=self.instances[kind], **labels)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    directory = tmp_path_factory.mktemp("bad-nodes")
    with ExitStack() as stack:
        healthy, hung = (stack.enter_context(RedisNode(free_port(), directory)) for _ in range(2))
        refused = RedisNode(free_port(), directory)
        stack.callback(refused.stop)
        peers = {kind: stack.enter_context(Peer(talk)) for kind, (talk, _) in TALKS.items()}
        instances = {kind: peer.instance for kind, peer in peers.items()}
        instances |= {"hung": hung.instance, "refused": refused.instance}
        hung.pause()
        exporter = stack.enter_context(Serving(directory, _policy(healthy.instance, *instances.values())))
        observed = Observed(instances, healthy.instance)
        _record(exporter, observed, 8.0)
        hung.resume()
        refused.start()
        for peer in peers.values():
            peer.talk = passes_on(healthy.port)
            peer.hang_up()
        wait_until(lambda: _all_up(exporter, observed), 60.0, "every node to be up again")
        observed.log = exporter.log.read_text()
        yield observed


def _policy(*nodes: str) -> dict[str, Any]:
    return {
        "fleet": {"nodes": [f"redis://{node}" for node in nodes]},
        "collect": {"interval": f"{INTERVAL:g}s", "timeout": "500ms"},
        "probe": {"interval": "200ms", "timeout": "500ms"},
        "timeouts": {"connection": {"timeout": "1s", "retries": 1, "backoff": "100ms"}},
        "breaker": {"half_open_after": "5m"},
    }


def _record(exporter: Serving, observed: Observed, duration: float) -> None:
    end = time.monotonic() + duration
    while time.monotonic() < end:
        observed.health.append(exporter.health())
        observed.pages.append(exporter.page())
        began = time.monotonic()
        exporter.page("/metrics/sli")
        observed.sli_seconds.append(time.monotonic() - began)
        observed.descriptors.append(sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in _processes(exporter)))
        time.sleep(0.25)


def _processes(exporter: Serving) -> list[int]:
    return [exporter.pid, *exporter.children()]


def _all_up(exporter: Serving, observed: Observed) -> bool:
    observed.healed = exporter.page()
    nodes = (*observed.instances.values(), observed.healthy)
    closed = {"state": "closed"}
    return all(
        value(observed.healed, name, instance=node, **more) == 1
        for node in nodes
        for name, more in (("cache_node_up", {}), ("redis_up", {}), ("cache_breaker_state", closed))
    )


@pytest.mark.parametrize("kind", RESULTS)
def test_each_kind_is_down_and_its_checks_have_a_class_of_their_own(seen: Observed, kind: str) -> None:
    assert seen.last("cache_node_up", kind) == 0
    counts = {result: seen.last("cache_health_checks_total", kind, result=result) for result in set(RESULTS.values())}
    assert {result for result, count in counts.items() if count} == {RESULTS[kind]}
    assert seen.last("cache_health_checks_total", kind, result="success") == 0


@pytest.mark.parametrize("kind", RESULTS)
def test_each_kind_is_collected_without_success_and_shows_no_facts(seen: Observed, kind: str) -> None:
    assert seen.last("redis_up", kind) == 0
    assert seen.last("cache_collect_success", kind, part="info") == 0
    assert seen.last("cache_hits_total", kind) is None
    assert seen.last("cache_breaker_state", kind, state="open") == 1


@pytest.mark.parametrize("kind", ["garbage", "closes", "refused", "loading", "maxclients", "no rights"])
def test_a_fast_error_is_no_fast_probe(seen: Observed, kind: str) -> None:
    assert seen.last("cache_probe_duration_seconds_count", kind) == 0


def test_a_probe_that_was_given_up_counts_with_the_time_it_waited(seen: Observed) -> None:
    count = seen.last("cache_probe_duration_seconds_count", "hung")
    total = seen.last("cache_probe_duration_seconds_sum", "hung")
    assert count is not None
    assert total is not None
    assert count > 5
    assert total / count >= 0.5


def test_the_healthy_node_beside_them_is_up_all_the_time(seen: Observed) -> None:
    verdicts = [value(page, "cache_node_up", instance=seen.healthy) for page in seen.pages]
    assert set(verdicts[verdicts.index(1.0) :]) == {1.0}
    assert verdicts.index(1.0) <= 4
    assert {value(page, "redis_up", instance=seen.healthy) for page in seen.pages} == {1.0}


def test_the_healthy_nodes_facts_are_never_older_than_two_intervals(seen: Observed) -> None:
    ages = [report["components"][seen.healthy]["details"]["facts_age_seconds"] for report in seen.health]
    assert max(ages) <= 2 * INTERVAL


def test_the_healthy_nodes_probe_is_as_quick_as_if_it_were_alone(seen: Observed) -> None:
    name, page = "cache_probe_duration_seconds", seen.pages[-1]
    quick = value(page, f"{name}_bucket", instance=seen.healthy, le="0.005")
    count = value(page, f"{name}_count", instance=seen.healthy)
    assert quick is not None
    assert count is not None
    assert count >= 30
    assert quick / count >= 0.5  # one that waited for the others would take 500 ms


def test_a_page_is_there_at_once_whatever_hangs(seen: Observed) -> None:
    assert sorted(seen.sli_seconds)[len(seen.sli_seconds) // 2] < 0.1
    assert max(seen.sli_seconds) < 1.0


def test_the_health_indicator_names_the_nodes_that_are_down(seen: Observed) -> None:
    report = seen.health[-1]
    assert report["status"] == "DOWN"
    named = sum(instance in report["details"]["error"] for instance in seen.instances.values())
    assert named == len(RESULTS) - 1
    assert " and 1 more" in report["details"]["error"]
    assert seen.healthy not in report["details"]["error"]
    assert {kind: report["components"][i]["details"]["error"] for kind, i in seen.instances.items()} == RESULTS


def test_no_descriptor_is_lost_on_nodes_that_fail_again_and_again(seen: Observed) -> None:
    half = len(seen.descriptors) // 2
    assert max(seen.descriptors[half:]) <= max(seen.descriptors[:half]) + 3


def test_a_failure_is_logged_when_it_begins_and_not_each_time(seen: Observed) -> None:
    for kind in ("garbage", "closes", "refused", "loading", "maxclients", "hung", "half", "no rights"):
        told = [line for line in seen.log.splitlines() if seen.instances[kind] in line and "WARNING" in line]
        assert 1 <= len(told) <= 2, told
    assert "Traceback" not in seen.log


@pytest.mark.parametrize("kind", RESULTS)
def test_each_kind_recovers_by_itself(seen: Observed, kind: str) -> None:
    instance = seen.instances[kind]
    assert value(seen.healed, "cache_node_up", instance=instance) == 1
    assert value(seen.healed, "redis_up", instance=instance) == 1
    assert value(seen.healed, "cache_breaker_state", instance=instance, state="closed") == 1
