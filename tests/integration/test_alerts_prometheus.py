"""The generated rules in a real Prometheus: labels and texts come out as the policy has them, whatever they hold."""

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import monotonic, time
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import pytest

from alerts.build import files
from alerts.node_down import down_memory
from policy.buckets import latency_bounds
from policy.metrics import le
from policy.model import Policy
from sandbox.ports import free_port
from sandbox.process import wait_until
from sandbox.prometheus import Prometheus, start_alertmanager, start_prometheus
from tests.unit.alerts.policies import HOSTILE, write

DEAD, SLOW, UNSEEN = "127.0.0.1:7001", "127.0.0.1:7002", "127.0.0.1:7003"
Pairs = dict[str, str]


def sample(name: str, labels: Pairs, value: float) -> str:
    escaped = (
        f'{key}="' + text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") + '"'
        for key, text in labels.items()
    )
    return f"{name}{{{','.join(escaped)}}} {value}\n"


def page(policy: Policy, age: float) -> str:
    """What an exporter would show after `age` seconds: a dead primary, a slow replica, and nothing of the third node."""
    slow = {"fleet": policy.fleet.name, "shard": HOSTILE, "instance": SLOW}
    dead = {**slow, "instance": DEAD}
    ping = {**slow, "op": "ping"}
    lines = [
        sample("cache_node_up", dead, 0),
        sample("cache_node_role", {**dead, "role": "primary"}, 1),
        sample("cache_collect_success", {"fleet": policy.fleet.name, "part": "dns"}, 0),
        sample("cache_probe_schedule_lag_seconds", {"fleet": policy.fleet.name}, 0.001),
        sample("cache_health_checks_total", {**dead, "result": "timeout"}, age * 10),
        sample("cache_node_up", slow, 1),
        sample("cache_node_role", {**slow, "role": "primary"}, 1),
        sample("redis_start_time_seconds", slow, time() - 125),
        sample("redis_start_time_seconds", dead, time() - 3700),
        sample("cache_hits_total", slow, age * 100),
        sample("cache_misses_total", slow, age * 300),
        sample("cache_memory_used_bytes", slow, 61 * 2**20),
        sample("cache_memory_limit_bytes", {**slow, "source": "maxmemory"}, 64 * 2**20),
        *(
            sample("cache_probe_duration_seconds_bucket", {**ping, "le": le(b)}, age * 5)
            for b in latency_bounds(policy)
        ),
        sample("cache_probe_duration_seconds_bucket", {**ping, "le": "+Inf"}, age * 10),
        sample("cache_probe_duration_seconds_count", ping, age * 10),
    ]
    return "".join(lines)


@dataclass
class Exporter:
    """A page for Prometheus to scrape, made up: no Redis has names such as these. `shown` is what is made of it last."""

    policy: Policy
    port: int
    shown: Callable[[str], str] = str
    server: ThreadingHTTPServer = field(init=False)

    def start(self) -> None:
        began, policy, exporter = monotonic(), self.policy, self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = exporter.shown(page(policy, monotonic() - began)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class calls it so
                """Prometheus looks often."""

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()


@dataclass
class Stage:
    policy: Policy
    prometheus: Prometheus
    exporter: Exporter
    built: dict[str, str]
    folder: Path

    def firing(self) -> list[dict[str, Any]]:
        return [alert for alert in self.prometheus.alerts() if alert["state"] == "firing"]

    def one(self, **labels: str) -> dict[str, Any]:
        (found,) = [alert for alert in self.firing() if labels.items() <= alert["labels"].items()]
        return found


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def hostile(exporter: int, prometheus: int) -> Policy:
    return Policy.model_validate(hostile_data(exporter, prometheus))


def hostile_data(exporter: int, prometheus: int) -> dict[str, Any]:
    """A policy with hostile names and quick rules, as its file says it."""
    at_once = {"for": "0s"}
    return {
        "fleet": {
            "name": HOSTILE,
            "nodes": [{"url": f"redis://{name}", "shard": HOSTILE} for name in (DEAD, SLOW, UNSEEN)],
        },
        "collect": {"interval": "500ms", "timeout": "100ms"},
        "thresholds": {
            "hit_rate": {"warning": at_once, "critical": at_once},
            "latency_p95": {"warning": at_once, "critical": at_once},
            "memory": {"warning": at_once},
        },
        "alerts": {"node_down": {"keep_firing_for": "0s"}},
        "rules": {
            "interval": "500ms",
            "liveness_interval": "500ms",
            "liveness_timeout": "500ms",
            "liveness_evaluation": "250ms",
            "rate_window": "4s",
            "exporter_grace": "2s",
            "discovery_grace": "0s",
            "stack_grace": "1h",
        },
        "stack": {
            "exporter": f"127.0.0.1:{exporter}",
            "prometheus": f"http://127.0.0.1:{prometheus}",
            "alertmanager": f"127.0.0.1:{prometheus}",  # whoever answers there is up
            "grafana": "http://127.0.0.1:3000",
        },
    }


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Prometheus on the rules of a policy with hostile names, and every alert firing."""
    folder = tmp_path_factory.mktemp("prometheus")
    policy = hostile(free_port(), free_port())
    exporter = Exporter(policy, port_of(policy.stack.exporter))
    built = files(policy)
    write(built, folder)
    with exporter, start_prometheus(folder / "prometheus.yml", folder, port_of(policy.stack.prometheus)) as server:
        found = Stage(policy, server, exporter, built, folder)
        wait_until(lambda: len(found.firing()) == 9, 60, "the alerts to fire")
        # The rates need their window full to say what the texts below say.
        wait_until(lambda: "(timeout)" in down(found)["annotations"]["description"], 60, "the result in the text")
        yield found


def down(stage: Stage) -> dict[str, Any]:
    return stage.one(alertname="CacheNodeDown", instance=DEAD)


def test_names_come_out_of_prometheus_as_they_stand_in_the_policy(stage: Stage) -> None:
    labels = [alert["labels"] for alert in stage.firing()]
    assert {label["fleet"] for label in labels} == {HOSTILE}
    assert {label["shard"] for label in labels if "shard" in label} == {HOSTILE}
    found = sorted((label["alertname"], label.get("instance", "")) for label in labels)
    assert found == [
        ("CacheDiscoveryFailing", ""),
        ("CacheHighLatency", SLOW),
        ("CacheLowHitRate", ""),
        ("CacheMemoryHigh", SLOW),
        ("CacheNodeDown", DEAD),
        ("CacheNodeDown", UNSEEN),
        ("CacheVeryHighLatency", SLOW),
        ("CacheVeryLowHitRate", ""),
        ("CacheWatchdog", ""),
    ]


def test_an_alert_has_only_the_labels_that_say_something(stage: Stage) -> None:
    """No `job` and no `le`: they would be part of the alert's identity."""
    names = {alert["labels"]["alertname"]: set(alert["labels"]) for alert in stage.firing()}
    common = {"alertname", "severity", "action", "fleet"}
    assert names["CacheLowHitRate"] == common
    assert names["CacheDiscoveryFailing"] == common | {"part"}
    assert names["CacheHighLatency"] == common | {"shard", "instance"}
    assert names["CacheNodeDown"] == common | {"shard", "instance", "cause"}


def test_a_name_with_a_template_in_it_is_printed_and_not_run(stage: Stage) -> None:
    texts = [text for alert in stage.firing() for text in alert["annotations"].values()]
    assert not [text for text in texts if "error expanding" in text or "<no value>" in text]
    low = stage.one(alertname="CacheLowHitRate")["annotations"]
    assert low["summary"] == f"Hit rate of {HOSTILE} is 25%, below 75%"
    unseen = stage.one(alertname="CacheNodeDown", instance=UNSEEN)["annotations"]
    assert unseen["summary"] == f"Cache node {UNSEEN} of shard {HOSTILE} is not watched"


def test_the_texts_say_what_is_known_now(stage: Stage) -> None:
    text = down(stage)["annotations"]["description"]
    start = f"3 health checks in a row of {DEAD} failed (timeout). It belongs to shard {HOSTILE}"
    assert text.startswith(f"{start}. It was last seen as primary: writes to its keys fail until ")
    assert "a primary that comes back empty empties them. First: " in text
    low = stage.one(alertname="CacheLowHitRate")["annotations"]["description"]
    assert f"Lowest: {SLOW} at 25%. Primaries started within 1h: {SLOW} (2m " in low
    assert "s ago); without persistence one begins empty" in low
    assert f"{DEAD} (" not in low, "it was started long ago"
    blind = stage.one(alertname="CacheDiscoveryFailing")["annotations"]
    assert blind["summary"] == f"The nodes of {HOSTILE} are not, or not all, learned from dns"
    memory = stage.one(alertname="CacheMemoryHigh")["annotations"]["description"]
    assert "uses 95.31% of its memory limit of 64MiB (maxmemory), more than the 85%" in memory
    slow = stage.one(alertname="CacheHighLatency")["annotations"]["description"]
    assert slow.startswith(f"Only 50% of the PINGs to {SLOW} of shard {HOSTILE} in the last 4s")


def test_the_dashboard_link_carries_fleet_and_node(stage: Stage) -> None:
    link = urlsplit(down(stage)["annotations"]["dashboard_url"])
    assert link.path == "/d/cachewatch-fleet"
    assert parse_qs(link.query) == {"var-fleet": [HOSTILE], "var-instance": [DEAD]}
    unseen = stage.one(alertname="CacheNodeDown", instance=UNSEEN)["annotations"]["dashboard_url"]
    assert parse_qs(urlsplit(unseen).query) == {"var-fleet": [HOSTILE], "var-instance": [UNSEEN]}


def test_nothing_is_counted_twice_though_two_jobs_scrape_the_exporter(stage: Stage) -> None:
    jobs = {series["metric"]["job"] for series in stage.prometheus.query('{__name__=~"cache_.*"}')}
    assert jobs == {"cachewatch-sli"}
    assert len(stage.prometheus.query('up{job=~"cachewatch.*"} == 1')) == 4, (
        "the exporter's two, Prometheus and Alertmanager"
    )


def test_every_promtool_command_of_the_runbooks_runs_as_it_stands(stage: Stage) -> None:
    pages = [text for path, text in stage.built.items() if path.startswith("runbooks/")]
    commands = {line for text in pages for line in text.splitlines() if line.startswith("promtool ")}
    assert len(commands) == 54
    commands.remove("promtool test rules rule-tests/*.yml")  # test_alerts_proofs runs it, of every policy
    for command in commands:
        argv = ["/bin/sh", "-c", command]
        result = subprocess.run(argv, cwd=stage.folder, capture_output=True, text=True, timeout=30, check=False)
        assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
    (worst,) = (command for command in commands if "bottomk(5, instance:cache_hit_ratio" in command)
    result = subprocess.run(shlex.split(worst), capture_output=True, text=True, timeout=30, check=True)
    found = re.search(rf"{SLOW}.* => (\S+) ", result.stdout)
    assert found is not None, result.stdout
    assert float(found[1]) == pytest.approx(0.25), "25 %, up to the rounding of a division of rates"


def test_the_exporters_death_is_one_page_and_ends_none_of_a_dead_node(stage: Stage) -> None:
    """Nobody has seen it up; of the node that was not watched the exporter's own page tells."""
    stage.exporter.stop()

    def causes() -> set[tuple[str, str]]:
        return {
            (alert["labels"]["cause"], alert["labels"]["instance"])
            for alert in stage.firing()
            if alert["labels"]["alertname"] == "CacheNodeDown"
        }

    seen: list[set[tuple[str, str]]] = []

    def unwatched() -> bool:
        seen.append(causes())
        return ("unwatched", stage.policy.stack.exporter) in seen[-1]

    wait_until(unwatched, 60, "the exporter's page")
    both = {("unwatched", stage.policy.stack.exporter), ("no_answer", DEAD)}
    wait_until(lambda: causes() == both, 60, "one page for all nodes beside that of the dead one")
    forgotten = monotonic() + 2 * down_memory(stage.policy).total_seconds()
    wait_until(lambda: not unwatched() or monotonic() > forgotten, 60, "the last verdict to count no more")
    stage.exporter.start()
    wait_until(lambda: not unwatched(), 60, "the exporter's page to end")
    assert all(("no_answer", DEAD) in moment for moment in seen)


def test_a_configuration_that_alertmanager_refuses_is_told_until_it_takes_one(tmp_path: Path) -> None:
    data = hostile_data(free_port(), free_port())
    data["rules"]["stack_grace"] = "2s"
    data["stack"]["alertmanager"] = f"127.0.0.1:{free_port()}"
    policy = Policy.model_validate(data)
    write(files(policy), tmp_path)
    routes, good = tmp_path / "alertmanager.yml", (tmp_path / "alertmanager.yml").read_text()
    told = start_alertmanager(routes, tmp_path, port_of(policy.stack.alertmanager))
    with told, start_prometheus(tmp_path / "prometheus.yml", tmp_path, port_of(policy.stack.prometheus)) as server:

        def fires() -> bool:
            alerts = [alert for alert in server.alerts() if alert["state"] == "firing"]
            return any(alert["labels"].get("part") == "routes" for alert in alerts)

        def reload(text: str) -> None:
            routes.write_text(text)
            os.kill(told.pid, signal.SIGHUP)

        series = "alertmanager_config_last_reload_successful"
        wait_until(lambda: bool(server.query(f"{series} == 1")), 60, "Alertmanager's word of its configuration")
        reload(f"{good}nonsense: 1\n")
        wait_until(fires, 60, "the alert", every=0.2)
        reload(good)
        wait_until(lambda: not fires(), 60, "its end", every=0.2)
