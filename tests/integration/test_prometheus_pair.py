"""Two Prometheus on one build, beside each other: each page once and its end once, whatever one of them sees or does not."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.node_down import UNWATCHED
from sandbox import web
from sandbox.demo_policy import SHORTENED
from sandbox.ports import LOOPBACK, free_ports
from sandbox.process import wait_until
from sandbox.prometheus import Prometheus, prometheus_server
from sandbox.redis_node import RedisNode
from sandbox.slow_path import SlowPath
from sandbox.stack import Stack

_PATIENCE = 120.0
_DOWN, _GONE = "CacheNodeDown", "CachePrometheusPeerDown"
# An alert that Prometheus does not send again ends at Alertmanager after four times as long.
_RESENT = "--rules.alert.resend-delay=20s"
# Some group_intervals of pages, in seconds: nothing that Alertmanager shows tells when all that it knows is told.
_QUIET = 5.0


@dataclass
class Pair:
    """A fleet's watching, and the two that do it; `stack.prometheus` is the first, the other has its `way` to the exporter."""

    stack: Stack
    both: tuple[Prometheus, Prometheus]
    way: SlowPath

    def pages(self, name: str, instance: str) -> list[str]:
        """How an incident of PagerDuty came and went: `trigger`, `resolve`. What fires on is said again, and opens no other."""
        bodies = [entry["body"] for entry in self.stack.sink.received("pagerduty")]
        of = {"class": name, "component": instance}
        ours = {body["dedup_key"] for body in bodies if of.items() <= body.get("payload", {}).items()}
        actions = (body["event_action"] for body in bodies if body["dedup_key"] in ours)
        return [action for action, _ in groupby(actions)]

    def messages(self, name: str, instance: str) -> list[str]:
        """How each message to Slack about an alert begins: `FIRING`, `RESOLVED`."""
        texts = (entry["body"]["text"] for entry in self.stack.sink.received("slack") if "text" in entry["body"])
        return [text.split(" ")[0] for text in texts if f" {name} on " in text and f" {instance} " in text]

    def told(self, node: RedisNode) -> tuple[list[str], list[str]]:
        """Both of a node that is down."""
        return self.pages(_DOWN, node.instance), self.messages(_DOWN, node.instance)

    def held(self, name: str, of: Prometheus) -> list[dict[str, Any]]:
        """What Alertmanager holds of an alert of one of them."""
        labels = {"alertname": name, "prometheus_replica": f"{LOOPBACK}:{of.port}"}
        return [alert for alert in self.stack.alertmanager.alerts() if labels.items() <= alert["labels"].items()]

    def beats_since(self, moment: float) -> bool:
        """Whether the heartbeat was posted after that Unix time."""
        return any(entry["at"] > moment for entry in self.stack.sink.received("heartbeat"))


@contextmanager
def _pair(nodes: list[str], folder: Path) -> Iterator[Pair]:
    fleet = {"nodes": [{"url": f"redis://{node}", "shard": "one"} for node in nodes]}
    port, way_port = free_ports(2)
    short = {**SHORTENED, "stack.prometheus_peers": [f"http://{LOOPBACK}:{port}"]}
    del short["fleet.sentinel.refresh"]
    (folder / "stack").mkdir()
    stack = Stack(folder / "stack", fleet, short)
    way = SlowPath(folder / "way", {way_port: stack.exporter.port})
    # In the same folder: where the rules lie decides when they are evaluated.
    config = folder / "stack" / "build" / "prometheus-by-another-way.yml"
    other = prometheus_server(config, folder / "other", port)
    for each in (stack.prometheus, other):
        each.argv += (_RESENT,)
    with stack, way:
        built = yaml.safe_load(config.with_name("prometheus-2.yml").read_text())
        exporter = f"{LOOPBACK}:{stack.exporter.port}"
        for job in built["scrape_configs"]:
            if job["static_configs"] == [{"targets": [exporter]}]:
                job["static_configs"] = [{"targets": [f"{LOOPBACK}:{way_port}"], "labels": {"instance": exporter}}]
        config.write_text(yaml.safe_dump(built))
        with other:
            yield Pair(stack, (stack.prometheus, other), way)


def _sees(prometheus: Prometheus, name: str, **labels: str) -> bool:
    """Whether such an alert fires there."""
    wanted = {"alertname": name, **labels}
    return any(a["state"] == "firing" and wanted.items() <= a["labels"].items() for a in prometheus.alerts())


def _sent(prometheus: Prometheus) -> int:
    """How many alerts, the Watchdog among them, Alertmanager has taken from it since its start."""
    page = web.request("GET", f"{prometheus.url}/metrics").decode()
    return sum(int(count) for count in re.findall(r"(?m)^prometheus_notifications_sent_total\{.*\} (\d+)$", page))


def _tells(prometheus: Prometheus, times: int) -> None:
    """Wait until it has told Alertmanager so often what it sees."""
    for _ in range(times):
        before = _sent(prometheus)
        wait_until(lambda before=before: _sent(prometheus) > before, _PATIENCE, "it to tell Alertmanager")  # type: ignore[misc]


def _told_later(held: list[dict[str, Any]], before: list[dict[str, Any]]) -> bool:
    """Whether Alertmanager was told again of what it held before, so that it lasts longer there."""
    ends, ended = ([datetime.fromisoformat(alert["endsAt"]) for alert in alerts] for alerts in (held, before))
    return bool(ends and ended) and max(ends) > max(ended)


@pytest.fixture
def replica(tmp_path: Path) -> Iterator[RedisNode]:
    """A replica of a primary."""
    ports = free_ports(2)
    with RedisNode(ports[0], tmp_path), RedisNode(ports[1], tmp_path, replica_of=ports[0]) as node:
        yield node


@pytest.fixture
def pair(replica: RedisNode, tmp_path: Path) -> Iterator[Pair]:
    """All is well, and both see it."""
    with _pair([f"{LOOPBACK}:{replica.replica_of}", replica.instance], tmp_path) as running:
        for each in running.both:
            wait_until(lambda each=each: len(each.query("cache_node_up == 1")) == 2, _PATIENCE, "all to be well")  # type: ignore[misc]
        yield running


def _page(pair: Pair, replica: RedisNode) -> None:
    """The replica dies, both see it, and it is told."""
    replica.kill()
    for each in pair.both:
        wait_until(lambda each=each: _sees(each, _DOWN), _PATIENCE, "both to see it")  # type: ignore[misc]
    wait_until(lambda: all(pair.told(replica)), _PATIENCE, "the page")


def _end(pair: Pair, replica: RedisNode, *who: Prometheus) -> None:
    """The replica is back, those see it, and it is told."""
    replica.start()
    for each in who:
        wait_until(lambda each=each: not _sees(each, _DOWN), _PATIENCE, "its end to be seen")  # type: ignore[misc]
    wait_until(lambda: min(map(len, pair.told(replica))) > 1, _PATIENCE, "its end to be told")


def test_a_page_comes_once_and_of_two_prometheus_one_may_go_and_come_back(pair: Pair, replica: RedisNode) -> None:
    one, other = pair.both
    _page(pair, replica)

    one.kill()
    gone = time.time()
    before = pair.held(_DOWN, other)
    wait_until(lambda: _told_later(pair.held(_DOWN, other), before), _PATIENCE, "the other one to go on telling")
    wait_until(lambda: pair.beats_since(gone + 10), _PATIENCE, "the heartbeat to go on")
    address = f"{LOOPBACK}:{one.port}"
    wait_until(lambda: _sees(other, _GONE, cause="gone", instance=address), _PATIENCE, "the ticket")
    wait_until(lambda: pair.messages(_GONE, address) == ["FIRING"], _PATIENCE, "the ticket to be told")
    assert pair.told(replica) == (["trigger"], ["FIRING"])
    details = [entry["body"]["payload"]["custom_details"] for entry in pair.stack.sink.received("pagerduty")]
    who = {f"{LOOPBACK}:{each.port}" for each in pair.both}
    assert any(all(f"(told by {each}). " in told["firing"] for each in who) for told in details)

    one.start()
    wait_until(lambda: _sees(one, _DOWN), _PATIENCE, "the first one to see it again")
    before = pair.held(_DOWN, one)
    wait_until(lambda: _told_later(pair.held(_DOWN, one), before), _PATIENCE, "it to be told again")
    wait_until(lambda: pair.messages(_GONE, address) == ["FIRING", "RESOLVED"], _PATIENCE, "the ticket's end")
    assert pair.told(replica) == (["trigger"], ["FIRING"])

    _end(pair, replica, *pair.both)
    time.sleep(_QUIET)
    assert pair.told(replica) == (["trigger", "resolve"], ["FIRING", "RESOLVED"])
    assert pair.pages(_GONE, address) == []


def test_one_that_was_away_when_a_page_ended_does_not_bring_it_back(pair: Pair, replica: RedisNode) -> None:
    one, other = pair.both
    _page(pair, replica)
    one.kill()
    _end(pair, replica, other)
    one.start()
    _tells(one, 2)  # what fires at its start is told at the first time, and again at the second
    time.sleep(_QUIET)
    assert pair.told(replica) == (["trigger", "resolve"], ["FIRING", "RESOLVED"])


def test_one_that_does_not_see_the_end_keeps_the_page_open_and_it_comes_and_goes_once(
    pair: Pair, replica: RedisNode
) -> None:
    """Each repeats what it sees: in one alert the end that the one saw and what the other still tells came in turn."""
    one, other = pair.both
    _page(pair, replica)
    pair.way.stop()
    wait_until(lambda: _sees(other, _DOWN, cause=UNWATCHED), _PATIENCE, "the other one to see nothing any more")
    replica.start()
    wait_until(lambda: not _sees(one, _DOWN), _PATIENCE, "the end to be seen")
    for each in (one, other, one, other):
        _tells(each, 1)
    time.sleep(_QUIET)
    assert pair.told(replica) == (["trigger"], ["FIRING"])
    assert _sees(other, _DOWN, instance=replica.instance)

    pair.way.start()
    wait_until(lambda: not _sees(other, _DOWN), _PATIENCE, "the end to be seen by both")
    wait_until(lambda: min(map(len, pair.told(replica))) > 1, _PATIENCE, "its end to be told")
    for each in (one, other):
        _tells(each, 1)
    time.sleep(_QUIET)
    assert pair.told(replica) == (["trigger", "resolve"], ["FIRING", "RESOLVED"])
