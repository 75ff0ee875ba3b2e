"""An Alertmanager on generated routes, who it tells, and alerts to tell it of; for the tests of routing."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from alerts.build import files
from policy.alerts import BY_NAME
from policy.model import Policy
from sandbox import web
from sandbox.ports import free_port
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

    def tell(self, *alerts: dict[str, str], over: bool = False, notes: dict[str, str] | None = None) -> None:
        """Send alerts, given by their labels, as Prometheus does; `over` ends them; `notes` in place of our annotations."""
        now = datetime.now(UTC)
        times = {"startsAt": self.started, "endsAt": now if over else now + timedelta(minutes=5)}
        stamps = {name: time.isoformat() for name, time in times.items()}
        body = [
            {"labels": labels, "annotations": annotations(labels) if notes is None else notes, **stamps}
            for labels in alerts
        ]
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


def silence(alertmanager: Alertmanager, label: str, value: str) -> str:
    """Silence what has this label for an hour; the ID of the silence."""
    now = datetime.now(UTC)
    body = {
        "matchers": [{"name": label, "value": value, "isRegex": False}],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "tests",
        "comment": "known",
    }
    return str(web.post_json(f"{alertmanager.url}/api/v2/silences", body)["silenceID"])


def swallow(alertmanager: Alertmanager, name: str, end: Callable[[], None]) -> None:
    """End an alert under a silence that goes on until Alertmanager has forgotten that end."""
    kept = silence(alertmanager, "alertname", name)
    end()
    time.sleep(4)  # some group_intervals; nothing that Alertmanager shows tells when it has
    web.request("DELETE", f"{alertmanager.url}/api/v2/silence/{kept}")


def annotations(labels: dict[str, str]) -> dict[str, str]:
    name = labels["alertname"]
    return {
        "summary": f"{name} of {labels['fleet']}",
        "description": f"What {labels.get('cause', name)} means",
        "runbook_url": f"http://wiki.example.com/{name}",
        "dashboard_url": "http://grafana.example.com/d/cachewatch-fleet?var-fleet=x&var-instance=y",
    }


def policy_of(
    folder: Path, sink: int, notifier: int, alertmanager: int, notify: dict[str, Any], peers: list[str]
) -> Policy:
    """The policy of a stage with further Prometheus `peers`.

    `notify` goes over what it says itself, and its `pagerduty` over that, None for none of it.
    """
    (folder / "key").write_text("a-routing-key\n", encoding="utf-8")
    pagerduty = notify.get("pagerduty", {})
    events = {"routing_key_file": str(folder / "key"), "url": f"http://127.0.0.1:{sink}/v2/enqueue"}
    wait = {"group_interval": "1s", "repeat_interval": "1h"}
    return Policy.model_validate(
        {
            "fleet": {"name": HOSTILE, "nodes": [f"redis://{NODE}"]},
            "notify": {
                "slack": {"channel": "#cache-alerts", "token_file": str(folder / "token")},
                "page": {"group_wait": "0s", **wait},
                "ticket": {"group_wait": "15s", **wait},
                "heartbeat": {"url": f"http://127.0.0.1:{sink}/heartbeat", "interval": "1s"},
                **notify,
                "pagerduty": None if pagerduty is None else {**events, **pagerduty},
            },
            "stack": {
                "notifier": f"127.0.0.1:{notifier}",
                "alertmanager": f"127.0.0.1:{alertmanager}",
                "prometheus_peers": peers,
            },
        }
    )


@contextmanager
def staged(folder: Path, peers: tuple[str, ...] = (), **notify: Any) -> Iterator[Stage]:
    """Alertmanager as generated, with the stand-in for PagerDuty and a listener in the notifier's place."""
    sink_port, notifier_port, port = free_port(), free_port(), free_port()
    policy = policy_of(folder, sink_port, notifier_port, port, notify, [*peers])
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
