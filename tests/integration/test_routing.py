"""The generated routes in a real Alertmanager: who is told, how often, and of what not."""

import json
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote

import pytest

from alerts.build import files
from policy.alerts import BY_NAME
from policy.model import Policy
from sandbox import web
from sandbox.ports import free_port
from sandbox.process import wait_until
from sandbox.prometheus import Alertmanager, start_alertmanager
from sandbox.sink import Sink, start_sink
from tests.unit.alerts.policies import HOSTILE, write

NODE, OTHER = "10.0.0.1:6379", "10.0.0.2:6379"


class Inbox:
    """Stands where the notifier does and remembers each notification."""

    def __init__(self, port: int) -> None:
        received: list[dict[str, Any]] = []
        self.received = received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                received.append({"path": self.path, **body})
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class calls it so
                """What arrived is looked at by the tests."""

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@dataclass
class Stage:
    """A running Alertmanager; each test speaks of a fleet of its own, so that they do not hear each other."""

    folder: Path
    alertmanager: Alertmanager
    sink: Sink
    inbox: Inbox
    policy: Policy
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def tell(self, *alerts: dict[str, str], over: bool = False) -> None:
        """Send alerts, given by their labels, as Prometheus does; `over` ends them."""
        now = datetime.now(UTC)
        times = {"startsAt": self.started, "endsAt": now if over else now + timedelta(minutes=5)}
        stamps = {name: time.isoformat() for name, time in times.items()}
        body = [{"labels": labels, "annotations": annotations(labels), **stamps} for labels in alerts]
        sent = json.dumps(body).encode()
        web.request("POST", f"{self.alertmanager.url}/api/v2/alerts", sent, {"Content-Type": "application/json"})

    def pages(self, fleet: str) -> list[tuple[str, str, str]]:
        """(action, alert, instance) of each event that PagerDuty got for the fleet."""
        bodies = [entry["body"] for entry in self.sink.received("pagerduty")]
        keys = {body["dedup_key"]: body["payload"] for body in bodies if body["event_action"] == "trigger"}
        payloads = [(body["event_action"], keys[body["dedup_key"]]) for body in bodies]
        return [(action, p["class"], p.get("component", "")) for action, p in payloads if p["group"] == fleet]

    def notices(self, fleet: str) -> list[tuple[str, str, str]]:
        """(status, alert, instance) of each notification that the notifier got for the fleet."""
        groups = [(group["status"], group["groupLabels"]) for group in self.inbox.received]
        return [
            (status, labels["alertname"], labels.get("instance", ""))
            for status, labels in groups
            if labels["fleet"] == fleet
        ]


def alert(name: str, fleet: str, instance: str = "") -> dict[str, str]:
    spec = BY_NAME[name]
    node = {"instance": instance, "shard": "shard-a"} if instance else {}
    return {"alertname": name, "severity": spec.severity, "action": spec.action, "fleet": fleet, **node}


def annotations(labels: dict[str, str]) -> dict[str, str]:
    name = labels["alertname"]
    return {
        "summary": f"{name} of {labels['fleet']}",
        "description": f"What {labels.get('cause', name)} means",
        "runbook_url": f"http://wiki.example.com/{name}",
        "dashboard_url": "http://grafana.example.com/d/cachewatch-fleet?var-fleet=x&var-instance=y",
    }


def policy_of(folder: Path, sink: int, notifier: int, alertmanager: int) -> Policy:
    (folder / "key").write_text("a-routing-key\n", encoding="utf-8")
    wait = {"group_interval": "1s", "repeat_interval": "1h"}
    return Policy.model_validate(
        {
            "fleet": {"name": HOSTILE, "nodes": [f"redis://{NODE}"]},
            "notify": {
                "pagerduty": {"routing_key_file": str(folder / "key"), "url": f"http://127.0.0.1:{sink}/v2/enqueue"},
                "slack": {"channel": "#cache-alerts", "token_file": str(folder / "token")},
                "page": {"group_wait": "0s", **wait},
                "ticket": {"group_wait": "15s", **wait},
            },
            "stack": {"notifier": f"127.0.0.1:{notifier}", "alertmanager": f"127.0.0.1:{alertmanager}"},
        }
    )


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Alertmanager as generated, with the stand-in for PagerDuty and a listener in the notifier's place."""
    folder = tmp_path_factory.mktemp("routing")
    sink_port, notifier_port, port = free_port(), free_port(), free_port()
    policy = policy_of(folder, sink_port, notifier_port, port)
    write(files(policy), folder)
    inbox = Inbox(notifier_port)
    try:
        with (
            start_sink(folder, sink_port) as sink,
            start_alertmanager(folder / "alertmanager.yml", folder, port) as server,
        ):
            yield Stage(folder, server, sink, inbox, policy)
    finally:
        inbox.close()


def test_a_critical_alert_pages_and_is_told_to_the_notifier_at_once(stage: Stage) -> None:
    sent = datetime.now(UTC)
    stage.tell(alert("CacheNodeDown", "critical", NODE))
    wait_until(lambda: bool(stage.pages("critical") and stage.notices("critical")), 60, "page and notice")
    assert stage.pages("critical") == [("trigger", "CacheNodeDown", NODE)]
    assert stage.notices("critical") == [("firing", "CacheNodeDown", NODE)]
    (event,) = (e for e in stage.sink.received("pagerduty") if e["body"]["payload"]["group"] == "critical")
    assert event["at"] - sent.timestamp() < 12, "waited as a ticket does"


def test_a_page_names_the_node_and_links_to_runbook_and_dashboard(stage: Stage) -> None:
    """Names with quotes, braces and line breaks come through as they are."""
    stage.tell({**alert("CacheNodeDown", HOSTILE, NODE), "shard": HOSTILE})
    wait_until(lambda: bool(stage.pages(HOSTILE)), 60, "the page")
    (body,) = (e["body"] for e in stage.sink.received("pagerduty") if e["body"]["payload"]["group"] == HOSTILE)
    payload, told = body["payload"], annotations(alert("CacheNodeDown", HOSTILE, NODE))
    assert body["routing_key"] == "a-routing-key"
    assert (payload["severity"], payload["component"], payload["summary"]) == ("critical", NODE, told["summary"])
    details = payload["custom_details"]
    assert (details["fleet"], details["shard"], details["instance"]) == (HOSTILE, HOSTILE, NODE)
    assert details["description"] == told["description"]
    assert (details["runbook"], details["dashboard"]) == (told["runbook_url"], told["dashboard_url"])
    assert [link["href"] for link in body["links"]] == [told["runbook_url"], told["dashboard_url"]]
    assert (body["client"], body["client_url"]) == ("Cachewatch", told["dashboard_url"])


def test_each_node_has_a_page_of_its_own(stage: Stage) -> None:
    stage.tell(alert("CacheNodeDown", "two", NODE), alert("CacheNodeDown", "two", OTHER))
    wait_until(lambda: len(stage.pages("two")) == 2, 60, "two pages")
    assert sorted(stage.pages("two")) == [("trigger", "CacheNodeDown", NODE), ("trigger", "CacheNodeDown", OTHER)]


def test_two_causes_on_one_node_are_one_page_that_speaks_of_what_still_fires(stage: Stage) -> None:
    down = alert("CacheNodeDown", "causes", NODE)

    def said() -> list[str]:
        bodies = [entry["body"] for entry in stage.sink.received("pagerduty")]
        mine = [body for body in bodies if body["payload"]["group"] == "causes"]
        assert len({body["dedup_key"] for body in mine}) <= 1
        return [f"{body['event_action']} {body['payload']['custom_details']['description']}" for body in mine]

    stage.tell({**down, "cause": "no_answer"}, {**down, "cause": "vanished"})
    wait_until(lambda: said() == ["trigger What no_answer means"], 60, "the page")
    stage.tell({**down, "cause": "no_answer"}, over=True)
    wait_until(lambda: said()[-1] == "trigger What vanished means", 60, "news of the page")
    stage.tell({**down, "cause": "vanished"}, over=True)
    wait_until(lambda: said()[-1].startswith("resolve"), 60, "the end of the page")


def test_the_end_of_an_alert_is_told_to_all_who_heard_of_it(stage: Stage) -> None:
    down = alert("CacheNodeDown", "over", NODE)
    stage.tell(down)
    wait_until(lambda: bool(stage.pages("over") and stage.notices("over")), 60, "page and notice")
    stage.tell(down, over=True)
    wait_until(lambda: len(stage.pages("over")) == 2 and len(stage.notices("over")) == 2, 60, "the end of both")
    assert stage.pages("over")[1] == ("resolve", "CacheNodeDown", NODE)
    assert stage.notices("over")[1] == ("resolved", "CacheNodeDown", NODE)


def test_a_warning_pages_nobody_and_a_page_silences_the_warning_about_the_same(stage: Stage) -> None:
    """The pages inhibit warnings that come at the same time; another fleet's and another node's are told."""
    stage.tell(
        alert("CacheLowHitRate", "low"),
        alert("CacheVeryLowHitRate", "low"),
        alert("CacheLowHitRate", "alone"),
        alert("CacheNodeDown", "nodes", NODE),
        alert("CacheHighLatency", "nodes", NODE),
        alert("CacheMemoryHigh", "nodes", NODE),
        alert("CacheHighLatency", "nodes", OTHER),
        alert("CacheVeryHighLatency", "slow", NODE),
        alert("CacheHighLatency", "slow", NODE),
        alert("CacheMemoryHigh", "slow", NODE),
    )
    # Tickets of one moment leave at one moment: once these two have come, the silenced ones would have.
    told = [("alone", "CacheLowHitRate", ""), ("nodes", "CacheHighLatency", OTHER), ("slow", "CacheMemoryHigh", NODE)]
    for fleet, name, instance in told:
        wait_until(lambda f=fleet, n=name, i=instance: ("firing", n, i) in stage.notices(f), 60, f"{name} of {fleet}")  # type: ignore[misc]
    assert stage.notices("low") == [("firing", "CacheVeryLowHitRate", "")]
    assert sorted(stage.notices("nodes")) == [("firing", "CacheHighLatency", OTHER), ("firing", "CacheNodeDown", NODE)]
    assert sorted(stage.notices("slow")) == [
        ("firing", "CacheMemoryHigh", NODE),
        ("firing", "CacheVeryHighLatency", NODE),
    ]
    assert stage.pages("alone") == []
    assert stage.pages("low") == [("trigger", "CacheVeryLowHitRate", "")]


def test_a_dead_node_is_not_paged_as_slow_too(stage: Stage) -> None:
    stage.tell(alert("CacheNodeDown", "dead", NODE))
    wait_until(lambda: bool(stage.pages("dead")), 60, "the page")
    stage.tell(alert("CacheVeryHighLatency", "dead", NODE), alert("CacheVeryHighLatency", "dead", OTHER))
    wait_until(lambda: ("trigger", "CacheVeryHighLatency", OTHER) in stage.pages("dead"), 60, "the other node's page")
    assert ("trigger", "CacheVeryHighLatency", NODE) not in stage.pages("dead")


def test_pagerduty_out_of_breath_costs_no_page(stage: Stage) -> None:
    stage.sink.fail("pagerduty", 429, times=2)
    stage.tell(alert("CacheNodeDown", "busy", NODE))
    wait_until(lambda: bool(stage.pages("busy")), 60, "the page")
    assert stage.pages("busy") == [("trigger", "CacheNodeDown", NODE)]


def test_the_silence_of_a_runbook_silences_this_fleet_and_node(stage: Stage) -> None:
    """The command is run as it stands on the page; the fleet's name holds what shells and matchers trip over."""
    page = files(stage.policy)["runbooks/CacheMemoryHigh.md"]
    (command,) = (line for line in page.splitlines() if line.startswith("amtool "))
    command = f"{command.replace('HOST:PORT', OTHER)} --author=tests"
    result = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 0, f"{shlex.quote(command)}\n{result.stderr}"
    (silence,) = web.get_json(f"{stage.alertmanager.url}/api/v2/silences?filter={quote('alertname=CacheMemoryHigh')}")
    matchers = {matcher["name"]: matcher["value"] for matcher in silence["matchers"]}
    assert matchers == {"alertname": "CacheMemoryHigh", "fleet": HOSTILE, "instance": OTHER}
