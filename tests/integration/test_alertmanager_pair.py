"""Two Alertmanagers in a cluster, on what is generated: one page, also of what ends soon, and a ticket when one is gone."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from alerts.build import files
from alerts.running.survey import survey
from bench.alert_quality.heard import told
from policy.model import Policy
from sandbox import web
from sandbox.ports import LOOPBACK, free_ports
from sandbox.process import wait_until
from sandbox.prometheus import PEER_TIMEOUT, Alertmanager, Prometheus, alertmanager_server, paired, start_prometheus
from sandbox.sink import Sink, start_sink
from tests.unit.alerts.policies import write

OPERATE = Path(__file__).parents[2] / "docs" / "operate.md"
_PATIENCE = 60.0
# What Alertmanager waits by default before it tells what another one may have told.
_LONG = 15.0


def _policy(folder: Path, ports: list[int]) -> Policy:
    sink, one, other, prometheus, nobody = ports
    (folder / "key").write_text("a-routing-key\n", encoding="utf-8")
    return Policy.model_validate(
        {
            "rules": {"interval": "1s", "stack_grace": "4s", "exporter_grace": "10s"},
            "notify": {
                "pagerduty": {"routing_key_file": str(folder / "key"), "url": f"http://{LOOPBACK}:{sink}/v2/enqueue"}
            },
            "stack": {
                "exporter": f"{LOOPBACK}:{nobody}",
                "alertmanager": f"{LOOPBACK}:{one}",
                "alertmanager_peers": [f"{LOOPBACK}:{other}"],
                "prometheus": f"http://{LOOPBACK}:{prometheus}",
            },
        }
    )


@contextmanager
def _both(tmp_path: Path, nobody: int, prometheus_port: int) -> Iterator[tuple[list[Alertmanager], Sink]]:
    """Both Alertmanagers on what is built, each knowing the other, and who gets the pages."""
    sink_port, *web_ports, one, other = free_ports(5)
    policy = _policy(tmp_path, [sink_port, *web_ports, prometheus_port, nobody])
    write(files(policy), tmp_path)
    with ExitStack() as stack:
        sink = stack.enter_context(start_sink(tmp_path, sink_port))
        both = []
        for port, mine, peer in zip(web_ports, (one, other), (other, one), strict=True):
            folder = tmp_path / f"alertmanager-{port}"
            folder.mkdir()
            both.append(alertmanager_server(tmp_path / "alertmanager.yml", folder, port, paired(mine, peer)))
            both[-1].start()
            stack.callback(both[-1].stop)
        for each in both:
            wait_until(lambda url=each.url: _joined(url), _PATIENCE, "both to know of each other")  # type: ignore[misc]
        assert [part for part in asyncio.run(survey(policy)) if part.part == "alertmanager" and not part.well] == []
        yield both, sink


@contextmanager
def _pair(tmp_path: Path) -> Iterator[tuple[Prometheus, list[Alertmanager], Sink]]:
    """Prometheus beside them; there is no exporter, which is a page after some seconds."""
    prometheus_port, nobody = free_ports(2)
    with (
        _both(tmp_path, nobody, prometheus_port) as (both, sink),
        start_prometheus(tmp_path / "prometheus.yml", tmp_path, prometheus_port) as prometheus,
    ):
        yield prometheus, both, sink


def _joined(url: str) -> bool:
    cluster = web.get_json(f"{url}/api/v2/status")["cluster"]
    return cluster["status"] == "ready" and len(cluster["peers"]) == 2


def _heard(alertmanager: Alertmanager) -> bool:
    """Whether it heard of the other one what that has told."""
    page = web.request("GET", f"{alertmanager.url}/metrics").decode()
    return re.search(r"^alertmanager_nflog_gossip_messages_propagated_total [1-9]", page, re.MULTILINE) is not None


def _firing(prometheus: Prometheus) -> set[str]:
    return {alert["labels"]["alertname"] for alert in prometheus.alerts() if alert["state"] == "firing"}


def _said(sink: Sink) -> list[str]:
    """What somebody was told of the page: both may send the same, for which PagerDuty wakes nobody a second time."""
    pages = (page for page in told(sink.received("pagerduty")) if page.alert == "CacheNodeDown")
    return ["began" if page.firing else "ended" for page in pages]


def test_a_page_comes_once_and_of_two_alertmanagers_one_may_go(tmp_path: Path) -> None:
    with _pair(tmp_path) as (prometheus, (one, other), sink):
        wait_until(lambda: bool(_said(sink)), _PATIENCE, "the page")
        assert "CacheAlertmanagerPeerDown" not in _firing(prometheus)
        wait_until(lambda: any(map(_heard, (one, other))), _PATIENCE, "the other one to hear what was told")
        wait_until(lambda: len(one.alerts()) == len(other.alerts()) > 0, _PATIENCE, "both to hear of all")
        one.kill()
        wait_until(lambda: "CacheAlertmanagerPeerDown" in _firing(prometheus), _PATIENCE, "the ticket")
        (ticket,) = (each for each in prometheus.alerts() if each["labels"]["alertname"] == "CacheAlertmanagerPeerDown")
        assert (
            ticket["annotations"]["summary"] == f"No answer from Alertmanager 127.0.0.1:{one.port}, of the 2 of cache"
        )
        assert f"no answer from 127.0.0.1:{one.port} (" in ticket["annotations"]["description"]
        assert not {"CacheAlertmanagerDown", "CacheNotificationsFailing"} & _firing(prometheus)
        assert _said(sink) == ["began"]
        other.kill()
        wait_until(lambda: "CacheAlertmanagerDown" in _firing(prometheus), _PATIENCE, "that all are gone")
        wait_until(lambda: "CacheAlertmanagerPeerDown" not in _firing(prometheus), _PATIENCE, "one alert of it")


def _tell(alertmanagers: list[Alertmanager], began: float, ended: float | None) -> None:
    """As Prometheus does: to each."""
    labels = {"alertname": "CacheNodeDown", "severity": "critical", "fleet": "cache", "instance": "127.0.0.1:6379"}
    alert = {"labels": labels, "annotations": {"summary": "x"}, "startsAt": _moment(began)}
    body = [alert if ended is None else {**alert, "endsAt": _moment(ended)}]
    for each in alertmanagers:
        web.request(
            "POST", f"{each.url}/api/v2/alerts", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def test_a_page_that_ends_soon_is_told_no_more_when_it_is_over(tmp_path: Path) -> None:
    """The second one waits for what the first tells: for so long that it would tell of what is over, it must not."""
    assert f"`{PEER_TIMEOUT}`" in OPERATE.read_text(encoding="utf-8")
    with _both(tmp_path, *free_ports(2)) as (both, sink):
        began = time.time()
        _tell(both, began, None)
        wait_until(lambda: _said(sink) == ["began"], _PATIENCE, "the page")
        time.sleep(3.0)
        _tell(both, began, time.time())
        wait_until(lambda: len(_said(sink)) > 1, _PATIENCE, "its end")
        time.sleep(_LONG + 5.0)
        assert _said(sink) == ["began", "ended"]
