"""Pages that end because what measured them is gone: who is told of the end is told that too, through a real Alertmanager."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from alerts.build import files
from policy.alerts import UNSEEN
from policy.model import Policy
from sandbox import web
from sandbox.ports import free_port
from sandbox.process import wait_until
from sandbox.prometheus import start_alertmanager, start_prometheus
from tests.integration.routing_stage import Inbox
from tests.integration.test_alerts_prometheus import SLOW, Exporter, hostile_data, port_of, sample
from tests.unit.alerts.policies import write

PATIENCE = 60.0
LATENCY, HIT_RATE, MEMORY = "CacheVeryHighLatency", "CacheVeryLowHitRate", "CacheMemoryVeryHigh"


@dataclass
class Stage:
    """A slow and full node, of which pages are told."""

    policy: Policy
    exporter: Exporter
    inbox: Inbox

    def told(self, name: str, status: str) -> list[dict[str, Any]]:
        """The alerts of that name that were told so."""
        every = (alert for group in self.inbox.received for alert in group["alerts"])
        return [alert for alert in every if (alert["labels"]["alertname"], alert["status"]) == (name, status)]

    def last_words(self) -> list[str]:
        """What each alert that fires would say now of its end."""
        alerts = web.get_json(f"{self.policy.stack.prometheus}/api/v1/alerts")["data"]["alerts"]
        return [str(alert["annotations"].get(UNSEEN, "")) for alert in alerts]

    def end_of(self, name: str) -> str:
        """What the end of a page says of who saw it, once it has come."""
        wait_until(lambda: bool(self.told(name, "resolved")), PATIENCE, f"the end of {name}", every=0.1)
        return str(self.told(name, "resolved")[0]["annotations"].get(UNSEEN, ""))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    data = hostile_data(free_port(), free_port())
    data["thresholds"]["memory"]["critical"] = {"for": "0s"}
    data["rules"]["keep_firing_for"] = data["rules"]["interval"]
    data["stack"] |= {"notifier": f"127.0.0.1:{free_port()}", "alertmanager": f"127.0.0.1:{free_port()}"}
    data["notify"] = {"slack": {"channel": "#cache", "token_file": "/run/secrets/slack"}}
    policy = Policy.model_validate(data)
    write(files(policy), tmp_path)
    address = policy.stack
    with ExitStack() as stack:
        inbox = Inbox(port_of(address.notifier))
        stack.callback(inbox.close)
        exporter = Exporter(policy, port_of(address.exporter))
        exporter.start()
        stack.callback(exporter.stop)
        stack.enter_context(start_alertmanager(tmp_path / "alertmanager.yml", tmp_path, port_of(address.alertmanager)))
        stack.enter_context(start_prometheus(tmp_path / "prometheus.yml", tmp_path, port_of(address.prometheus)))
        found = Stage(policy, exporter, inbox)
        for name in (LATENCY, HIT_RATE, MEMORY):
            wait_until(lambda name=name: bool(found.told(name, "firing")), PATIENCE, name, every=0.1)  # type: ignore[misc]
        yield found


def test_pages_that_end_by_the_death_of_the_exporter_say_so_and_its_own_names_them(stage: Stage) -> None:
    stage.exporter.stop()
    gone = f"the exporter {stage.policy.stack.exporter} is gone"
    assert {name: stage.end_of(name) for name in (LATENCY, HIT_RATE, MEMORY)} == dict.fromkeys(
        (LATENCY, HIT_RATE, MEMORY), gone
    )
    (page,) = (a for a in stage.told("CacheNodeDown", "firing") if a["labels"]["cause"] == "unwatched")
    _, listed = page["annotations"]["description"].split(" Open when it went: ")
    opened = set(listed.split(". First: ")[0].split(", "))
    assert opened == {HIT_RATE, f"{LATENCY} of {SLOW}", f"{MEMORY} of {SLOW}"}


def without(*starts: str) -> Callable[[str], str]:
    return lambda text: "".join(f"{line}\n" for line in text.splitlines() if not line.startswith(starts))


def test_one_that_ends_by_the_death_of_the_prober_says_so(stage: Stage) -> None:
    stage.exporter.shown = without("cache_probe", "cache_health", "cache_node_up")
    told = f"the prober of the exporter {stage.policy.stack.exporter} is silent"
    assert stage.end_of(LATENCY) == told
    assert not stage.told(HIT_RATE, "resolved"), "which is INFO's, and goes on"


def test_one_of_a_node_that_does_not_answer_info_any_more_says_so(stage: Stage) -> None:
    labels = {"fleet": stage.policy.fleet.name, "instance": SLOW, "part": "info"}
    fails = sample("cache_collect_success", labels, 0)
    stage.exporter.shown = lambda text: text + fails  # what it said before is shown for three intervals
    told = "the node does not answer INFO"
    wait_until(lambda: told in stage.last_words(), PATIENCE, "its last words", every=0.1)
    quiet = without("cache_memory", "cache_hits", "cache_misses")
    stage.exporter.shown = lambda text: quiet(text) + fails
    assert stage.end_of(MEMORY) == told


def test_one_that_heals_says_nothing_of_it(stage: Stage) -> None:
    full, fine = (f"{float(mib * 2**20)}" for mib in (61, 6))
    stage.exporter.shown = lambda text: text.replace(f" {61 * 2**20}\n", f" {6 * 2**20}\n").replace(
        f" {full}\n", f" {fine}\n"
    )
    assert stage.end_of(MEMORY) == ""
