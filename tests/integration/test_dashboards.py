"""Every panel of the dashboard shows what a real Prometheus scraped."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import redis
import yaml

from alerts.build import files
from policy import metrics as m
from policy.buckets import latency_bounds
from policy.loader import load
from policy.metrics import le
from sandbox.fleet import SentinelFleet
from sandbox.ports import LOOPBACK, free_port
from sandbox.process import Child, StartFailed, wait_until
from sandbox.prometheus import Prometheus, start_prometheus
from tests.unit.dashboards.board import Json, board, expressions, filled, panel, panels, policy_from

POLICY = policy_from(
    """
fleet: {name: prod}
collect: {interval: 1s, timeout: 500ms}
rules: {interval: 1s, liveness_interval: 1s, liveness_timeout: 500ms, rate_window: 10s, slo_interval: 1s}
slos: [{name: availability, objective: 90, window: 1h, burn: []}, {name: hit_rate, objective: 70, window: 1h, burn: []}]
"""
)
INTERVAL = "10s"  # what Grafana would put for $__rate_interval
PATIENCE = 60.0
ROOT = Path(__file__).parents[2]
PRIMARY, REPLICA, LONER = "10.0.0.1:6379", "10.0.0.2:6379", "10.0.0.3:6379"
SHARDS = {PRIMARY: 'shard="a",', REPLICA: 'shard="a",', LONER: ""}
# Gauges of each node: primary, replica, loner.
GAUGES = {
    "cache_node_up": (1, 0, 1),
    "cache_memory_used_bytes": (500, 900, 100),
    'cache_memory_limit_bytes|source="maxmemory"': (1000, 1000, 1000),
    'cache_collect_success|part="info"': (1, 0, 1),
    'cache_collect_success|part="config"': (1, 1, 0),
    'cache_collect_duration_seconds|part="info"': (0.01, 1, 0.01),
    'cache_collect_duration_seconds|part="config"': (0.02, 0.02, 0.02),
    'cache_breaker_state|state="closed"': (1, 0, 0),
    'cache_breaker_state|state="open"': (0, 1, 0),
    'cache_breaker_state|state="half_open"': (0, 0, 1),
    "redis_connected_clients": (10, 11, 12),
    "redis_blocked_clients": (0, 1, 2),
    "redis_connected_slaves": (1, 0, 0),
    "redis_master_repl_offset": (5000, 4000, 7),
    'redis_db_keys|db="db0"': (3, 3, 4),
}
# Counters of each node: events a second.
COUNTERS = {
    "cache_hits_total": (30, 0, 30),
    "cache_misses_total": (10, 0, 10),
    'cache_health_checks_total|result="success"': (2, 0, 2),
    'cache_health_checks_total|result="timeout"': (0, 2, 0),
    **{
        metric.name: (7, 7, 7)
        for metric in m.NODE_FACTS
        if metric.kind == "counter" and not metric.name.startswith("redis_keyspace")
    },
}
NOT_HAPPENED = {"Alerts", "Last failover, time without a primary", "Last failover, lost"}
RULES = {
    "groups": [
        {
            "name": "test",
            "interval": "1s",
            "rules": [{"alert": "CacheNodeDown", "expr": "cache_node_up == 0", "labels": {"severity": "critical"}}],
        }
    ]
}


def sample(name: str, instance: str, value: float) -> str:
    name, _, label = name.partition("|")
    return f'{name}{{fleet="prod",{SHARDS[instance]}instance="{instance}",{label}}} {value}\n'


def page(seconds: float) -> str:
    """What an exporter shows after that many seconds: 9 of 10 probes take 0.3 ms, the rest 1.5 ms."""
    text = 'cache_collect_success{fleet="prod",part="sentinel"} 1\n'
    text += 'cache_collect_duration_seconds{fleet="prod",part="sentinel"} 0.002\n'
    text += 'cache_probe_schedule_lag_seconds{fleet="prod"} 0.001\n'
    text += 'cache_failovers_total{fleet="prod",shard="a"} 2\n'
    text += 'cache_failover_duration_seconds{fleet="prod",shard="a"} 12.5\n'
    text += 'cache_failover_lost_bytes{fleet="prod",shard="a"} 4096\n'
    text += sample('cache_node_role|role="primary"', PRIMARY, 1) + sample('cache_node_role|role="replica"', REPLICA, 1)
    for index, instance in enumerate(SHARDS):
        text += "".join(sample(name, instance, values[index]) for name, values in GAUGES.items())
        text += "".join(sample(name, instance, values[index] * seconds) for name, values in COUNTERS.items())
        for bound in (*map(le, latency_bounds(POLICY)), "+Inf"):
            share = 0.0 if float(bound) < 0.0003 else 0.9 if float(bound) < 0.0015 else 1.0
            text += sample(
                f'cache_probe_duration_seconds_bucket|op="ping",le="{bound}"', instance, 20 * share * seconds
            )
    return text


@contextmanager
def served() -> Iterator[ThreadingHTTPServer]:
    """Serve the page on a free port of loopback; its counters grow with the clock."""
    began = time.monotonic() - 100

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = page(time.monotonic() - began).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class calls it so
            """Keep the test's output to the test."""

    server = ThreadingHTTPServer((LOOPBACK, free_port()), Page)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def watching(directory: Path, *jobs: tuple[str, str]) -> Iterator[Prometheus]:
    """Run a Prometheus that scrapes the jobs (address, path) each second, with one alert rule."""
    (directory / "rules.yml").write_text(yaml.safe_dump(RULES))
    for path, text in files(POLICY).items():
        if path.startswith("rules/slo_"):
            (directory / path.replace("/", "-")).write_text(text)
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml", "rules-slo_*.yml"],
        "scrape_configs": [
            {
                "job_name": f"job{index}",
                "honor_labels": True,
                "metrics_path": path,
                "static_configs": [{"targets": [address]}],
            }
            for index, (address, path) in enumerate(jobs)
        ],
    }
    (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
    server = start_prometheus(directory / "prometheus.yml", directory, free_port())
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., dict[str, float]]]:
    """Return what a panel's queries say: instance (or fleet, or shard) -> value."""
    data = board(POLICY)
    with (
        served() as page_server,
        watching(
            tmp_path_factory.mktemp("static"), (f"{LOOPBACK}:{page_server.server_port}", "/metrics")
        ) as prometheus,
    ):

        def ask(title: str, ref: int = 0, by: str = "instance", **chosen: str) -> dict[str, float]:
            expr = filled(data, panel(data, title)["targets"][ref]["expr"], INTERVAL, **chosen)
            return {row["metric"].get(by, ""): float(row["value"][1]) for row in prometheus.query(expr)}

        wait_until(lambda: len(prometheus.query("rate(cache_hits_total[10s])")) == 3, PATIENCE, "rates")
        wait_until(lambda: bool(ask("Alerts", by="alertname")), PATIENCE, "the alert")
        for promise in ("Availability 90% over 1h", "Hit rate 70% over 1h"):
            wait_until(lambda title=promise: bool(ask(title)), PATIENCE, promise)  # type: ignore[misc]
        yield ask


def silent(data: Json, prometheus: Prometheus) -> set[str]:
    """Titles of panels of which some query has no data, but for those that show only what fails."""
    asked = [(title, expr) for title, expr in expressions(data) if not expr.endswith(" == 0")]
    return {title for title, expr in asked if not prometheus.query(filled(data, expr, INTERVAL))}


def test_every_query_of_every_panel_has_data(scraped: Callable[..., dict[str, float]]) -> None:
    data = board(POLICY)
    empty = [p["title"] for p in panels(data) for ref in range(len(p["targets"])) if not scraped(p["title"], ref)]
    assert empty == []


def test_the_first_screen_shows_what_is_true(scraped: Callable[..., dict[str, float]]) -> None:
    assert scraped("Nodes down") == {"": 1}
    assert scraped("Nodes up") == {"": 2}
    assert scraped("Hit rate", by="fleet")["prod"] == pytest.approx(0.75)
    assert scraped("Firing: critical") == {"": 1}
    assert scraped("Firing: warning") == {"": 0}
    assert scraped("Memory by node") == {PRIMARY: 0.5, REPLICA: 0.9, LONER: 0.1}
    assert scraped("Alerts") == {REPLICA: 3}


def test_a_latency_lies_on_the_true_side_of_each_threshold(scraped: Callable[..., dict[str, float]]) -> None:
    assert 0.0002 < scraped("Latency p50, slowest node", by="fleet")["prod"] <= 0.0005
    assert 0.001 < scraped("Latency p95, slowest node", by="fleet")["prod"] <= 0.002
    assert scraped("Latency p99").keys() == {PRIMARY, REPLICA, LONER}


def test_an_objective_counts_events_and_its_budget_goes_below_zero(scraped: Callable[..., dict[str, float]]) -> None:
    assert scraped("Availability 90% over 1h", by="fleet")["prod"] == pytest.approx(2 / 3)
    assert scraped("Budget left: Availability 90% over 1h", by="fleet")["prod"] == pytest.approx(1 - (1 / 3) / 0.1)
    assert scraped("Hit rate 70% over 1h", by="fleet")["prod"] == pytest.approx(0.75)
    assert scraped("Budget left: Hit rate 70% over 1h", by="fleet")["prod"] == pytest.approx(1 - 0.25 / 0.3)


def test_states_and_roles_are_told_apart(scraped: Callable[..., dict[str, float]]) -> None:
    assert scraped("Breaker") == {PRIMARY: 0, REPLICA: 2, LONER: 1}
    assert scraped("Role") == {PRIMARY: 2, REPLICA: 1}
    assert scraped("Up and down") == {PRIMARY: 1, REPLICA: 0, LONER: 1}
    assert scraped("Collection") == {PRIMARY: 1, REPLICA: 0, LONER: 0}
    assert scraped("Collection", 1, by="part") == {"config": 0}
    assert scraped("Collection", 1, instance=PRIMARY) == {}
    assert scraped("Collection", 2, by="part", instance=LONER) == {"sentinel": 1}
    assert scraped("Collection time") == {PRIMARY: 0.02, REPLICA: 1, LONER: 0.02}
    assert scraped("Collection time", 1, by="part") == {"sentinel": 0.002}


def test_a_replica_is_measured_against_its_shard_even_when_it_alone_is_chosen(
    scraped: Callable[..., dict[str, float]],
) -> None:
    assert scraped("Behind in replication") == {PRIMARY: 0, REPLICA: 1000}
    assert scraped("Behind in replication", instance=REPLICA) == {REPLICA: 1000}


def test_choosing_a_node_or_shard_leaves_the_others_out(scraped: Callable[..., dict[str, float]]) -> None:
    assert scraped("Clients", instance=LONER) == {LONER: 12}
    assert scraped("Clients", shard="a").keys() == {PRIMARY, REPLICA}
    assert scraped("Nodes down", shard="a", instance=PRIMARY) == {"": 0}


def test_when_the_exporter_dies_the_first_screen_does_not_stay_green(tmp_path: Path) -> None:
    data = board(POLICY)
    titles = ("Nodes down", "Nodes up", "Hit rate", "Latency p95, slowest node")
    exprs = {t: filled(data, panel(data, t)["targets"][0]["expr"], "3s").replace("[10s]", "[3s]") for t in titles}
    with served() as first:
        address = f"{LOOPBACK}:{first.server_port}"
        with watching(tmp_path, (address, "/metrics")) as prometheus:
            for title in titles:
                wait_until(lambda t=title: bool(prometheus.query(exprs[t])), PATIENCE, title)  # type: ignore[misc]
            first.shutdown()
            first.server_close()
            for title in titles:
                wait_until(lambda t=title: not prometheus.query(exprs[t]), PATIENCE, f"{title} to be empty")  # type: ignore[misc]


def test_the_real_exporter_fills_every_panel_of_a_real_fleet(sentinel_fleet: SentinelFleet, tmp_path: Path) -> None:
    """Names and labels of the dashboard are those of the exporter; only what did not happen has nothing to show."""
    (tmp_path / "cachewatch.yaml").write_text(
        f"""
fleet: {{name: prod, sentinel: {{addresses: [{", ".join(sentinel_fleet.sentinels)}]}}}}
collect: {{interval: 1s, timeout: 500ms}}
rules: {{interval: 1s, liveness_interval: 1s, liveness_timeout: 500ms, rate_window: 10s, slo_interval: 1s}}
slos: [{{name: availability, objective: 90, window: 1h, burn: []}}]
"""
    )
    data = board(load(tmp_path / "cachewatch.yaml").policy)
    port = free_port()
    address = f"{LOOPBACK}:{port}"
    argv = (sys.executable, "-m", "cli", "-c", "cachewatch.yaml", "serve", "--listen", address)
    with (
        Child("exporter", argv, tmp_path, {"PYTHONPATH": str(ROOT)}) as exporter,
        watching(tmp_path, (address, "/metrics")) as prometheus,
    ):
        reads = [redis.Redis(port=sentinel_fleet.primary(shard).port) for shard in sentinel_fleet.shards]

        def all_that_happens() -> bool:
            assert exporter.alive, exporter.log_tail()
            for client in reads:
                client.set("key", "value")
                client.get("key")
            return silent(data, prometheus) <= NOT_HAPPENED

        try:
            wait_until(all_that_happens, PATIENCE, "every panel to have data", every=0.5)
        except StartFailed as late:
            raise AssertionError(f"no data: {silent(data, prometheus)}") from late
        finally:
            for client in reads:
                client.close()
