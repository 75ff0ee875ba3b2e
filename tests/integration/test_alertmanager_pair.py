"""Two Alertmanagers in a cluster, on what is generated: one page, and a ticket when one is gone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from alerts.build import files
from policy.model import Policy
from sandbox import web
from sandbox.ports import LOOPBACK, free_ports
from sandbox.process import wait_until
from sandbox.prometheus import Alertmanager, Prometheus, alertmanager_server, start_prometheus
from sandbox.sink import Sink, start_sink
from tests.unit.alerts.policies import write

_PATIENCE = 60.0
# The defaults wait for most of a minute at the start, and the second one for 15 s before it tells what the first may have.
_HURRY = ("--cluster.settle-timeout=10s", "--cluster.peer-timeout=5s", "--cluster.gossip-interval=50ms")


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
def _pair(tmp_path: Path) -> Iterator[tuple[Prometheus, list[Alertmanager], Sink]]:
    """Prometheus, both Alertmanagers, and who gets the pages; there is no exporter, which is a page after some seconds."""
    sink_port, *web_ports, prometheus_port, nobody, one, other = free_ports(7)
    write(files(_policy(tmp_path, [sink_port, *web_ports, prometheus_port, nobody])), tmp_path)
    gossip = [f"{LOOPBACK}:{port}" for port in (one, other)]
    with ExitStack() as stack:
        sink = stack.enter_context(start_sink(tmp_path, sink_port))
        both = []
        for port, mine, peer in zip(web_ports, gossip, reversed(gossip), strict=True):
            cluster = (f"--cluster.listen-address={mine}", f"--cluster.peer={peer}", *_HURRY)
            folder = tmp_path / f"alertmanager-{port}"
            folder.mkdir()
            both.append(alertmanager_server(tmp_path / "alertmanager.yml", folder, port, cluster))
            both[-1].start()
            stack.callback(both[-1].stop)
        for each in both:
            wait_until(lambda url=each.url: _joined(url), _PATIENCE, "both to know of each other")  # type: ignore[misc]
        prometheus = stack.enter_context(start_prometheus(tmp_path / "prometheus.yml", tmp_path, prometheus_port))
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
    return [
        entry["body"]["event_action"]
        for entry in sink.received("pagerduty")
        if entry["body"].get("payload", {}).get("class") == "CacheNodeDown"
    ]


def test_a_page_comes_once_and_of_two_alertmanagers_one_may_go(tmp_path: Path) -> None:
    with _pair(tmp_path) as (prometheus, (one, other), sink):
        wait_until(lambda: bool(_said(sink)), _PATIENCE, "the page")
        assert "CacheAlertmanagerPeerDown" not in _firing(prometheus)
        wait_until(lambda: any(map(_heard, (one, other))), _PATIENCE, "the other one to hear what was told")
        wait_until(lambda: len(one.alerts()) == len(other.alerts()) > 0, _PATIENCE, "both to hear of all")
        one.kill()
        wait_until(lambda: "CacheAlertmanagerPeerDown" in _firing(prometheus), _PATIENCE, "the ticket")
        assert not {"CacheAlertmanagerDown", "CacheNotificationsFailing"} & _firing(prometheus)
        assert _said(sink) == ["trigger"]
        other.kill()
        wait_until(lambda: "CacheAlertmanagerDown" in _firing(prometheus), _PATIENCE, "that all are gone")
        wait_until(lambda: "CacheAlertmanagerPeerDown" not in _firing(prometheus), _PATIENCE, "one alert of it")
