"""Two Prometheus on one build, beside each other: each page once and its end once, and a ticket when one of them is gone."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox import web
from sandbox.demo_policy import SHORTENED
from sandbox.ports import LOOPBACK, free_ports
from sandbox.process import wait_until
from sandbox.prometheus import Prometheus, prometheus_server
from sandbox.redis_node import RedisNode
from sandbox.stack import Stack

_PATIENCE = 120.0
_DOWN, _GONE = "CacheNodeDown", "CachePrometheusPeerDown"
# An alert that Prometheus does not send again ends at Alertmanager after four times as long.
_RESENT = "--rules.alert.resend-delay=20s"
# Some group_intervals of pages, in seconds: nothing that Alertmanager shows tells when all that it knows is told.
_QUIET = 5.0


@dataclass
class Pair:
    """A fleet's watching, and the two that do it; `stack.prometheus` is the first of them."""

    stack: Stack
    both: tuple[Prometheus, Prometheus]

    def pages(self, name: str) -> list[str]:
        """What PagerDuty was told of an alert: `trigger`, `resolve`."""
        bodies = [entry["body"] for entry in self.stack.sink.received("pagerduty")]
        ours = {body["dedup_key"] for body in bodies if body.get("payload", {}).get("class") == name}
        return [body["event_action"] for body in bodies if body["dedup_key"] in ours]

    def messages(self, name: str) -> list[str]:
        """How each message to Slack about an alert begins: `FIRING`, `RESOLVED`."""
        texts = (entry["body"]["text"] for entry in self.stack.sink.received("slack") if "text" in entry["body"])
        return [text.split(" ")[0] for text in texts if f" {name} " in text]

    def held(self, name: str) -> list[dict[str, Any]]:
        """What Alertmanager holds of an alert."""
        return [alert for alert in self.stack.alertmanager.alerts() if alert["labels"]["alertname"] == name]

    def beats_since(self, moment: float) -> bool:
        """Whether the heartbeat was posted after that Unix time."""
        return any(entry["at"] > moment for entry in self.stack.sink.received("heartbeat"))


@contextmanager
def _pair(nodes: list[str], folder: Path) -> Iterator[Pair]:
    fleet = {"nodes": [{"url": f"redis://{node}", "shard": "one"} for node in nodes]}
    (port,) = free_ports(1)
    short = {**SHORTENED, "stack.prometheus_peers": [f"http://{LOOPBACK}:{port}"]}
    del short["fleet.sentinel.refresh"]
    (folder / "stack").mkdir()
    stack = Stack(folder / "stack", fleet, short)
    other = prometheus_server(folder / "stack" / "build" / "prometheus.yml", folder / "other", port)
    for each in (stack.prometheus, other):
        each.argv += (_RESENT,)
    with stack, other:
        yield Pair(stack, (stack.prometheus, other))


def _sees(prometheus: Prometheus, name: str, **labels: str) -> bool:
    """Whether such an alert fires there."""
    wanted = {"alertname": name, **labels}
    return any(a["state"] == "firing" and wanted.items() <= a["labels"].items() for a in prometheus.alerts())


def _sent(prometheus: Prometheus) -> int:
    """How many alerts, the Watchdog among them, Alertmanager has taken from it since its start."""
    page = web.request("GET", f"{prometheus.url}/metrics").decode()
    return sum(int(count) for count in re.findall(r"(?m)^prometheus_notifications_sent_total\{.*\} (\d+)$", page))


def _told_later(held: list[dict[str, Any]], before: dict[str, Any]) -> bool:
    """Whether Alertmanager was told again of what it held before, so that it lasts longer there."""
    ends = [datetime.fromisoformat(alert["endsAt"]) for alert in held]
    return max(ends) > datetime.fromisoformat(before["endsAt"])


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
    wait_until(lambda: bool(pair.pages(_DOWN) and pair.messages(_DOWN)), _PATIENCE, "the page")


def _end(pair: Pair, replica: RedisNode, *who: Prometheus) -> None:
    """The replica is back, those see it, and it is told."""
    replica.start()
    for each in who:
        wait_until(lambda each=each: not _sees(each, _DOWN), _PATIENCE, "its end to be seen")  # type: ignore[misc]
    wait_until(lambda: len(pair.pages(_DOWN)) > 1 and len(pair.messages(_DOWN)) > 1, _PATIENCE, "its end to be told")


def test_a_page_comes_once_and_of_two_prometheus_one_may_go_and_come_back(pair: Pair, replica: RedisNode) -> None:
    one, other = pair.both
    _page(pair, replica)

    one.kill()
    gone = time.time()
    (before,) = pair.held(_DOWN)
    wait_until(lambda: _told_later(pair.held(_DOWN), before), _PATIENCE, "the other one to go on telling")
    wait_until(lambda: pair.beats_since(gone + 10), _PATIENCE, "the heartbeat to go on")
    address = f"{LOOPBACK}:{one.port}"
    wait_until(lambda: _sees(other, _GONE, cause="gone", instance=address), _PATIENCE, "the ticket")
    wait_until(lambda: pair.messages(_GONE) == ["FIRING"], _PATIENCE, "the ticket to be told")
    assert (pair.pages(_DOWN), pair.messages(_DOWN)) == (["trigger"], ["FIRING"])

    one.start()
    wait_until(lambda: _sees(one, _DOWN), _PATIENCE, "the first one to see it again")
    (before,) = pair.held(_DOWN)
    wait_until(lambda: _told_later(pair.held(_DOWN), before), _PATIENCE, "it to be told again")
    wait_until(lambda: pair.messages(_GONE) == ["FIRING", "RESOLVED"], _PATIENCE, "the ticket's end")
    assert (pair.pages(_DOWN), pair.messages(_DOWN)) == (["trigger"], ["FIRING"])

    _end(pair, replica, *pair.both)
    time.sleep(_QUIET)
    assert (pair.pages(_DOWN), pair.messages(_DOWN)) == (["trigger", "resolve"], ["FIRING", "RESOLVED"])
    assert pair.pages(_GONE) == []


def test_one_that_was_away_when_a_page_ended_does_not_bring_it_back(pair: Pair, replica: RedisNode) -> None:
    one, other = pair.both
    _page(pair, replica)
    one.kill()
    _end(pair, replica, other)
    one.start()
    for _ in range(2):  # what fires at its start is told at the first time, and again at the second
        before = _sent(one)
        wait_until(lambda before=before: _sent(one) > before, _PATIENCE, "it to tell Alertmanager")  # type: ignore[misc]
    time.sleep(_QUIET)
    assert (pair.pages(_DOWN), pair.messages(_DOWN)) == (["trigger", "resolve"], ["FIRING", "RESOLVED"])
