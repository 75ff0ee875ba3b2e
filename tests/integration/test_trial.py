"""`cachewatch alerts test-page` through a real Alertmanager and notifier, to the stand-in for PagerDuty and Slack."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from alerts.build import files
from alerts.trial import model
from cli.main import cachewatch
from policy.loader import load
from sandbox import web
from sandbox.module_child import module_argv, module_env
from sandbox.ports import LOOPBACK, free_port
from sandbox.process import wait_until
from sandbox.prometheus import Alertmanager, WebChild, start_alertmanager
from sandbox.sink import Sink, start_sink
from tests.integration.routing_stage import Inbox, silence
from tests.unit.alerts.policies import write

SHORT, LONGER = timedelta(seconds=2), timedelta(seconds=6)  # the notifier itself tries for some seconds


@dataclass
class Stage:
    """All that is on the way of a page, but Prometheus; and the policy that it was built from."""

    policy: Path
    alertmanager: Alertmanager
    sink: Sink
    inbox: Inbox

    def send(self, *options: str, policy: Path | None = None) -> Result:
        """What the command says."""
        return CliRunner().invoke(cachewatch, ["-c", str(policy or self.policy), "alerts", "test-page", *options])

    def told(self) -> list[tuple[str, str]]:
        """What PagerDuty and Slack were told: the event, or the first word of the message."""
        bodies = [(entry["service"], entry["body"]) for entry in self.sink.received()]
        return sorted((service, body.get("event_action") or body["text"].split()[0]) for service, body in bodies)


def notify(sink: str, folder: Path, inbox: int) -> dict[str, Any]:
    for name in ("key", "token"):
        (folder / name).write_text("xoxb-or-a-key\n")
    return {
        "pagerduty": {"routing_key_file": str(folder / "key"), "url": f"{sink}/v2/enqueue"},
        "slack": {"channel": "#cache-alerts", "token_file": str(folder / "token"), "url": f"{sink}/api"},
        "webhooks": [{"url": f"http://{LOOPBACK}:{inbox}/pages", "told": "pages"}],
        "ticket": {"group_wait": "5s", "group_interval": "1s"},
    }


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    folder = tmp_path
    with ExitStack() as stack:
        sink = stack.enter_context(start_sink(folder, free_port()))
        inbox = Inbox(free_port())
        stack.callback(inbox.close)
        ports = [free_port(), free_port()]
        own = dict(zip(("alertmanager", "notifier"), (f"{LOOPBACK}:{port}" for port in ports), strict=True))
        data = {
            "fleet": {"name": 'shop "eu"'},
            "notify": notify(sink.url, folder, inbox.server.server_port),
            "stack": own,
        }
        policy = folder / "cachewatch.yaml"
        policy.write_text(yaml.safe_dump(data))
        write(files(load(policy).policy), folder)
        argv = module_argv("cli", "-c", policy, "notify", "--listen", own["notifier"], "--storage", folder / "told")
        stack.enter_context(WebChild("notifier", argv, folder, ports[1], env=module_env()))
        alertmanager = stack.enter_context(start_alertmanager(folder / "alertmanager.yml", folder, ports[0]))
        yield Stage(policy, alertmanager, sink, inbox)


def test_a_page_and_its_end_reach_everybody(stage: Stage) -> None:
    sent = stage.send("--yes", "--json")
    report = json.loads(sent.stdout)
    assert (sent.exit_code, report["well"], report["kept_back"]) == (0, True, "")
    assert [channel["channel"] for channel in report["channels"]] == ["pagerduty", "slack", "webhook"]
    assert all(0 < channel[leg]["after_seconds"] < 60 for channel in report["channels"] for leg in ("page", "end"))
    assert stage.told() == [
        ("pagerduty", "resolve"),
        ("pagerduty", "trigger"),
        ("slack", "FIRING"),
        ("slack", "RESOLVED"),
    ]
    assert [group["status"] for group in stage.inbox.received] == ["firing", "resolved"]
    assert "Nothing is wrong" in str(stage.sink.received("slack")[0]["body"])


def test_a_ticket_pages_nobody(stage: Stage) -> None:
    sent = stage.send("--yes", "--ticket")
    assert sent.exit_code == 0, sent.output
    assert stage.told() == [("slack", "FIRING"), ("slack", "RESOLVED")]
    assert stage.inbox.received == []


def test_who_does_not_take_it_is_named_with_the_reason_and_status_1(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "_ATTEMPT", LONGER)
    for way in ("pagerduty", "slack"):
        stage.sink.fail(way, 500, times=100)
    try:
        sent = stage.send("--yes", "--json")
    finally:
        for way in ("pagerduty", "slack"):
            stage.sink.fail(way, 500, times=0)
    pagerduty, slack, webhook = json.loads(sent.stdout)["channels"]
    assert sent.exit_code == 1
    assert pagerduty["page"]["failure"] == "refused or not reached: the log of Alertmanager says why"
    assert slack["page"]["failure"] == "refused or not reached (server_error): the notifier's log says why"
    assert (pagerduty["end"], slack["end"]) == (None, None)
    assert webhook["page"]["after_seconds"]


def test_a_silence_is_named(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "_ATTEMPT", SHORT)
    kept = silence(stage.alertmanager, "alertname", "CacheTestPage")
    try:
        sent = stage.send("--yes")
    finally:
        web.request("DELETE", f"{stage.alertmanager.url}/api/v2/silence/{kept}")
    assert sent.exit_code == 1
    assert f"Alertmanager keeps it back: silenced by {kept}" in sent.stdout
    assert "nothing within 4s" in sent.stdout
    assert stage.told() == []


def test_an_end_that_nobody_could_be_told_is_not_called_unsent(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "_ATTEMPT", SHORT)
    stage.sink.fail("slack", 500, times=100)
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(stage.send, "--yes", "--json")
        wait_until(lambda: ("pagerduty", "trigger") in stage.told(), 60, "the page")
        stage.alertmanager.kill()
        sent = sending.result()
    report = json.loads(sent.stdout)
    assert (sent.exit_code, report["well"]) == (1, False)
    assert report["kept_back"].startswith("No Alertmanager could be told of its end (cannot connect: ")
    assert report["kept_back"].endswith("): it ends by itself within 1m4s")
    assert all(channel["end"] is None for channel in report["channels"])


def test_ctrl_c_ends_the_page_too(stage: Stage) -> None:
    stage.sink.fail("slack", 500, times=100)
    try:
        argv = [sys.executable, "-m", "cli", "-c", str(stage.policy), "alerts", "test-page", "--yes"]
        with subprocess.Popen(argv, env=module_env(), stderr=subprocess.PIPE, text=True) as process:
            wait_until(lambda: ("pagerduty", "trigger") in stage.told(), 60, "the page")
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        assert (process.returncode, said.splitlines()[-1]) == (130, "Aborted!")
        wait_until(lambda: ("pagerduty", "resolve") in stage.told(), 60, "its end")
    finally:
        stage.sink.fail("slack", 500, times=0)


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        ({}, (), "say --yes where nobody can be asked"),
        ({"notify": {}}, ("--yes",), "notify names nobody who hears of pages"),
        ({"stack": {"alertmanager": f"{LOOPBACK}:1"}}, ("--yes",), f"Alertmanager {LOOPBACK}:1: cannot connect: "),
    ],
)
def test_what_cannot_be_sent_is_status_2(
    tmp_path: Path, change: dict[str, Any], options: tuple[str, ...], said: str
) -> None:
    policy = tmp_path / "cachewatch.yaml"
    policy.write_text(yaml.safe_dump({"notify": notify("http://127.0.0.1:1", tmp_path, 1), **change}))
    sent = CliRunner().invoke(cachewatch, ["-c", str(policy), "alerts", "test-page", *options])
    assert sent.exit_code == 2
    assert said in sent.output
