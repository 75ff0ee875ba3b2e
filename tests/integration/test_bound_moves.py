"""A latency bound is moved while its page is open, on real servers: who is told of the page hears of no end that is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
import yaml

from alerts.build import files
from policy import objectives as o
from policy.alerts import UNSEEN
from policy.model import Policy
from sandbox import web
from sandbox.ports import free_port
from sandbox.process import wait_until
from sandbox.prometheus import Prometheus, start_alertmanager, start_prometheus
from sandbox.redis_node import RedisNode
from tests.integration.exporter_support import Peer, Serving, passes_on
from tests.integration.routing_stage import Inbox
from tests.unit.alerts.policies import write

PATIENCE, WINDOW = 60.0, 4.0
PAGE = "CacheVeryHighLatency"
SLOW = 0.12  # far above the bounds, which are far above what a node takes on a busy machine


@dataclass
class Wire:
    """A way to a node, so many seconds long."""

    delay: float = SLOW


@dataclass
class Stage:
    """A fleet of a slow node and a quick one under one policy; `data` is that policy."""

    data: dict[str, Any]
    wire: Wire
    slow: str
    inbox: Inbox
    folder: Path
    exporter: Serving = field(init=False)
    prometheus: Prometheus = field(init=False)

    @property
    def nodes(self) -> list[str]:
        """Where they are reached."""
        return [url.removeprefix("redis://") for url in self.data["fleet"]["nodes"]]

    def told(self, status: str) -> list[dict[str, Any]]:
        """The notifications of that kind of the page on latency."""
        every = (alert for group in self.inbox.received for alert in group["alerts"])
        return [a for a in every if (a["labels"]["alertname"], a["status"]) == (PAGE, status)]

    def move(self, bound: str) -> None:
        """Write the policy with another bound; nobody has read it yet."""
        self.data["thresholds"]["latency_p95"]["critical"]["above"] = bound

    def since(self) -> str:
        """Since when the page is open at Prometheus, empty while it is not: just after a reload no end is told of."""
        found = [a for a in self.prometheus.alerts() if (a["labels"]["alertname"], a["state"]) == (PAGE, "firing")]
        return min((str(alert["activeAt"]) for alert in found), default="")

    def write_policy(self) -> None:
        (self.exporter.directory / "cachewatch.yaml").write_text(yaml.safe_dump(self.data))

    def reload_exporter(self) -> None:
        self.write_policy()
        web.request("POST", f"{self.exporter.url}/-/reload")

    def reload_rules(self) -> None:
        write(files(Policy.model_validate(self.data)), self.folder)
        web.request("POST", f"{self.prometheus.url}/-/reload")

    def share(self, bound: str, node: str) -> float | None:
        """What is recorded of a node's probes within a bound."""
        record = f'instance:cache_probes_within_ratio:rate{{le="{bound}",instance="{node}"}}'
        found = self.prometheus.query(record)
        return float(found[0]["value"][1]) if found else None

    def goes_on(self, seconds: float) -> None:
        """For so long the page on the slow node stays open, is told of no end, and no other node has one."""
        until, begun = monotonic() + seconds, self.since()
        while monotonic() < until:
            assert not self.told("resolved")
            assert {alert["labels"]["instance"] for alert in self.told("firing")} == {self.slow}
            assert self.since() == begun != ""
            sleep(0.1)


def policy_data(nodes: list[str]) -> dict[str, Any]:
    """Quick rules that page at once; the bound that moves is no bound of any other policy's."""
    at_once = {"for": "0s"}
    return {
        "fleet": {"nodes": [f"redis://{node}" for node in nodes]},
        "collect": {"interval": "500ms", "timeout": "300ms"},
        "probe": {"interval": "50ms"},
        "thresholds": {"latency_p95": {"warning": at_once, "critical": {"above": "55ms", **at_once}}},
        "rules": {
            "interval": "500ms",
            "liveness_interval": "500ms",
            "liveness_timeout": "500ms",
            "liveness_evaluation": "250ms",
            "slo_interval": "500ms",
            "rate_window": f"{WINDOW:g}s",
            "keep_firing_for": "1s",
            "rollout_grace": "40s",
        },
        "slos": [{"name": "latency", "objective": 99, "within": "20ms"}],
        "stack": {
            "prometheus": f"http://127.0.0.1:{free_port()}",
            "notifier": f"127.0.0.1:{free_port()}",
            "alertmanager": f"127.0.0.1:{free_port()}",
        },
        "notify": {"slack": {"channel": "#cache", "token_file": "/run/secrets/slack"}},
    }


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


@pytest.fixture
def stage(tmp_path: Path, redis_node: RedisNode) -> Iterator[Stage]:
    wire = Wire()
    with ExitStack() as stack:
        slow = stack.enter_context(Peer(passes_on(redis_node.port, delay=lambda: wire.delay)))
        data = policy_data([redis_node.instance, slow.instance])
        inbox = Inbox(port_of(data["stack"]["notifier"]))
        stack.callback(inbox.close)
        found = Stage(data, wire, slow.instance, inbox, tmp_path)
        found.exporter = stack.enter_context(Serving(tmp_path / "exporter", deepcopy(data)))
        data["stack"]["exporter"] = f"127.0.0.1:{found.exporter.port}"
        write(files(Policy.model_validate(data)), tmp_path)
        stack.enter_context(
            start_alertmanager(tmp_path / "alertmanager.yml", tmp_path, port_of(data["stack"]["alertmanager"]))
        )
        server = start_prometheus(tmp_path / "prometheus.yml", tmp_path, port_of(data["stack"]["prometheus"]))
        found.prometheus = stack.enter_context(server)
        wait_until(lambda: bool(found.told("firing")), PATIENCE, "the page", every=0.1)
        yield found


def heals(stage: Stage) -> str:
    """What the end of the page says of who saw it, once the node is quick."""
    stage.wire.delay = 0.0
    wait_until(lambda: bool(stage.told("resolved")), PATIENCE, "the end", every=0.1)
    return str(stage.told("resolved")[0]["annotations"].get(UNSEEN, ""))


def test_the_exporter_first_and_the_rules_when_a_window_has_passed(stage: Stage) -> None:
    stage.move("60ms")
    stage.reload_exporter()
    stage.goes_on(2 * WINDOW + 1)
    stage.reload_rules()
    stage.goes_on(2 * WINDOW)
    assert stage.share("0.06", stage.slow) == 0.0
    assert heals(stage) == ""


def test_the_exporter_first_and_the_rules_before_a_window_has_passed(stage: Stage) -> None:
    stage.move("60ms")
    stage.reload_exporter()
    bucket = 'count_over_time(cache_probe_duration_seconds_bucket{op="ping",le="0.06"}[10s])'
    wait_until(lambda: any(int(s["value"][1]) > 1 for s in stage.prometheus.query(bucket)), PATIENCE, "it", every=0.1)
    stage.reload_rules()
    stage.goes_on(2 * WINDOW)
    assert heals(stage) == ""


def test_rules_that_come_at_once_find_no_node_slow_that_is_not(stage: Stage) -> None:
    """Within a window the bound of the new rules is younger than what all probes are: their ratio would be too low."""
    (quick,) = (node for node in stage.nodes if node != stage.slow)
    stage.move("60ms")
    stage.reload_exporter()
    stage.reload_rules()
    wait_until(lambda: stage.share("0.06", quick) is not None, PATIENCE, "the new bound to be judged", every=0.1)
    record = f'min_over_time(instance:cache_probes_within_ratio:rate{{le="0.06",instance="{quick}"}}[30s])'
    sleep(WINDOW)
    (least,) = stage.prometheus.query(record)
    assert float(least["value"][1]) > 0.9
    assert {alert["labels"]["instance"] for alert in stage.told("firing")} == {stage.slow}


def test_rules_that_never_come_end_the_page_unseen_when_the_grace_is_over(stage: Stage) -> None:
    stage.data["rules"]["rollout_grace"] = "2s"
    stage.move("60ms")
    stage.reload_exporter()
    wait_until(lambda: bool(stage.told("resolved")), PATIENCE, "the end", every=0.1)
    told = f"the exporter {stage.data['stack']['exporter']} has no bucket of 55ms any more"
    assert stage.told("resolved")[0]["annotations"][UNSEEN] == told


def test_an_exporter_that_is_restarted_with_the_new_policy_ends_the_page_unseen(stage: Stage) -> None:
    stage.move("60ms")
    stage.exporter.stop()
    stage.write_policy()
    stage.exporter.start()
    wait_until(lambda: bool(stage.told("resolved")), PATIENCE, "the end", every=0.1)
    assert stage.told("resolved")[0]["annotations"][UNSEEN]


def test_the_rules_first_end_the_page_which_comes_again_with_the_exporter(stage: Stage) -> None:
    begun = stage.since()
    stage.move("60ms")
    stage.reload_rules()
    wait_until(lambda: not stage.since(), PATIENCE, "the end", every=0.1)
    stage.reload_exporter()
    wait_until(lambda: stage.since() > begun, PATIENCE, "it again", every=0.1)
    assert {alert["labels"]["instance"] for alert in stage.told("firing")} == {stage.slow}


@pytest.mark.parametrize("within", ["50ms", "50us"])
def test_the_bound_of_an_objective_moves_and_nothing_is_counted_again(stage: Stage, within: str) -> None:
    """Both are bounds of the histogram before and after. Of the counts of two bounds one is no growth of the other."""
    sleep(3)
    stage.data["slos"][0]["within"] = within
    stage.reload_exporter()
    stage.reload_rules()
    sleep(3)
    for record, least in ((o.STEP, 0), (o.BAD_STEP, -80)):
        (low,) = stage.prometheus.query(f"min_over_time({record}[10s])")
        (high,) = stage.prometheus.query(f"max_over_time({record}[10s])")
        assert least <= float(low["value"][1]) <= float(high["value"][1]) <= 80, f"of 20 in half a second: {record}"
