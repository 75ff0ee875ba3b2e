"""The backtest says what a real Prometheus says of the same rules over the same data, evaluation by evaluation."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from alerts.backtest.times import parse
from alerts.build import files
from policy.model import Policy
from sandbox.ports import free_port
from sandbox.prometheus import WebChild, prometheus_server, start_prometheus
from tests.integration.backtest_history import STEP, Scene, blocks, promtool_series, scene
from tests.integration.test_alerts_tools import run
from tests.unit.alerts.policies import write
from tests.unit.cli.command import CHECKOUT, Ended, cachewatch

SECONDS = 3600
POLICY: dict[str, Any] = {
    "fleet": {
        "name": 'shop "eu"',
        "nodes": [{"url": "redis://127.0.0.1:7001", "shard": "a"}, "redis://127.0.0.1:7002"],
    },
    "thresholds": {
        "hit_rate": {"warning": {"for": "60s"}, "critical": {"for": "30s"}},
        "latency_p95": {"warning": {"for": "60s"}, "critical": {"for": "30s"}},
        "memory": {"warning": {"for": "2m"}},
    },
    # No multiple of the samples': about one on the very edge of a window the engines differ.
    "alerts": {"node_down": {"keep_firing_for": "62s"}},
    "rules": {"interval": "5s", "liveness_interval": "5s", "liveness_evaluation": "5s"},
}


@dataclass
class Stage:
    folder: Path
    start: int
    scene: Scene
    server: WebChild

    def backtest(self, *options: str | Path, start: int = 0, end: int = SECONDS) -> Ended:
        window = ("--from", str(self.start + start), "--to", str(self.start + end))
        return cachewatch(self.folder, "alerts", "backtest", "--prometheus", self.server.url, *window, *options)

    def told(self, *options: str | Path, **window: int) -> dict[str, Any]:
        ended = self.backtest("--json", *options, **window)
        assert ended.status == 0, ended.err
        found: dict[str, Any] = json.loads(ended.out)
        return found


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Prometheus on the made-up history and without any rule: what was recorded is not there."""
    folder = tmp_path_factory.mktemp("backtest")
    start = (int(time.time()) - 2 * SECONDS) // 300 * 300
    made = scene(Policy.model_validate(POLICY), SECONDS)
    blocks(made, start, folder)
    (folder / "prometheus.yml").write_text("{}")
    (folder / "cachewatch.yaml").write_text(yaml.safe_dump(POLICY))
    with start_prometheus(folder / "prometheus.yml", folder, free_port()) as server:
        yield Stage(folder, start, made, server)


def firings(told: dict[str, Any], policy: str = "current") -> list[tuple[dict[str, str], int, int, bool]]:
    """Labels, the seconds from which and until which it fired, and whether it ended."""
    return [
        (firing["labels"], parse(firing["from"], 0) // 1000, parse(firing["to"], 0) // 1000, firing["ended"])
        for alert in told["policies"][policy]["alerts"].values()
        for firing in alert["firings"]
    ]


def notes_of(told: dict[str, Any], policy: str) -> dict[str, list[str]]:
    """What is to be known of each alert."""
    return {name: alert["notes"] for name, alert in told["policies"][policy]["alerts"].items()}


def promtool_says_the_same(stage: Stage, policy: Policy, told: dict[str, Any], which: str, folder: Path) -> None:
    """Replay the history through promtool's rule engine: at each evaluation exactly what the backtest says must fire."""
    found = firings(told, which)

    def at(second: int) -> dict[str, Any]:
        samples = [
            {"labels": promql({**labels, "alertstate": "firing"}), "value": 1}
            for labels, start, end, ended in found
            if start - stage.start <= second and (second < end - stage.start or not ended)
        ]
        return {"expr": 'ALERTS{alertstate="firing"}', "eval_time": f"{second}s", "exp_samples": samples}

    write(files(policy), folder)
    rules = [str(path) for path in sorted((folder / "rules").glob("*.yml"))]
    test = {
        "interval": f"{STEP}s",
        "input_series": promtool_series(stage.scene),
        "promql_expr_test": [at(second) for second in range(0, SECONDS, STEP)],
    }
    suite = {"rule_files": rules, "evaluation_interval": f"{STEP}s", "tests": [test]}
    (folder / "agreement.yml").write_text(yaml.safe_dump(suite, allow_unicode=True))
    result = run("promtool", "test", "rules", folder / "agreement.yml")
    assert result.returncode == 0, (result.stdout + result.stderr)[:3000]


def promql(labels: dict[str, str]) -> str:
    """The series `ALERTS` with these labels."""
    return "ALERTS{" + ",".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in labels.items()) + "}"


def test_at_every_evaluation_prometheus_own_rule_engine_fires_the_same(stage: Stage, tmp_path: Path) -> None:
    changes = {"thresholds.hit_rate.warning.below": "72%", "thresholds.latency_p95.critical.above": "2ms"}
    changes |= {"thresholds.latency_p95.warning.above": "1ms", "thresholds.memory.warning.for": "20m"}
    told = stage.told(*(word for key, value in changes.items() for word in ("--set", f"{key}={value}")))
    current = {labels["alertname"] for labels, *_ in firings(told)}
    assert current == {
        "CacheNodeDown",
        "CacheLowHitRate",
        "CacheVeryLowHitRate",
        "CacheHighLatency",
        "CacheMemoryHigh",
        "CacheWatchdog",
    }
    causes = {labels["cause"] for labels, *_ in firings(told) if "cause" in labels}
    assert causes == {"no_answer", "vanished", "unwatched"}
    candidate = {labels["alertname"] for labels, *_ in firings(told, "candidate")}
    assert candidate == current - {"CacheMemoryHigh"} | {"CacheVeryHighLatency"}
    policy = Policy.model_validate(POLICY)
    promtool_says_the_same(stage, policy, told, "current", tmp_path / "current")
    after = {
        "hit_rate": {"warning": {"for": "60s", "below": "72%"}, "critical": {"for": "30s"}},
        "latency_p95": {"warning": {"for": "60s", "above": "1ms"}, "critical": {"for": "30s", "above": "2ms"}},
        "memory": {"warning": {"for": "20m"}},
    }
    promtool_says_the_same(
        stage, Policy.model_validate({**POLICY, "thresholds": after}), told, "candidate", tmp_path / "candidate"
    )


def test_a_part_of_the_history_gives_the_same_as_the_whole(stage: Stage) -> None:
    """An alert that waits, or fires, when the part begins is seen to do so."""
    whole = firings(stage.told())
    for start, end in ((900, 2100), (620, 700), (1000, 1001)):
        first, last = stage.start + start, stage.start + end
        expected = [
            (labels, max(begins, first), min(ends, last), ended and ends <= last)
            for labels, begins, ends, ended in whole
            if begins <= last and ends > first
        ]
        assert firings(stage.told(start=start, end=end)) == expected


@pytest.mark.parametrize("before", [20, 85, 3000])
def test_before_the_history_begins_nothing_fires_and_a_week_is_counted_by_what_was_watched(
    stage: Stage, before: int
) -> None:
    whole, early = stage.told(), stage.told(start=-before)
    assert firings(early) == firings(whole)
    ((begins, ends),) = [(parse(hole["from"], 0), parse(hole["to"], 0)) for hole in early["blind"]]
    assert (begins, ends) == ((stage.start - before) * 1000, stage.start * 1000)
    assert (whole["blind"], early["weeks_watched"]) == ([], whole["weeks"])
    assert early["policies"]["current"]["pages_per_week"] == whole["policies"]["current"]["pages_per_week"]


def test_a_server_that_bears_only_small_queries_is_asked_in_parts(stage: Stage, tmp_path: Path) -> None:
    """`--query.max-samples` so small that the whole hour cannot be had at once, and not much of it."""
    data = tmp_path / "prometheus-data"
    shutil.copytree(
        stage.folder / "prometheus-data", data, ignore=shutil.ignore_patterns("lock", "wal", "queries.active")
    )
    server = prometheus_server(stage.folder / "prometheus.yml", tmp_path, free_port())
    server.argv += ("--query.max-samples=4000",)
    with server:
        small = Stage(stage.folder, stage.start, stage.scene, server)
        assert firings(small.told()) == firings(stage.told())
    server.argv = (*server.argv[:-1], "--query.max-samples=20")
    with server:
        ended = small.backtest()
    assert (ended.status, ended.out) == (2, "")
    assert "one evaluation is too much for the server" in ended.err
    assert "--query.max-samples" in ended.err


def test_a_bucket_that_the_history_lacks_is_refused_and_not_called_silence(stage: Stage) -> None:
    ended = stage.backtest("--set", "thresholds.latency_p95.critical.above=3ms")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("the history of cache_probe_duration_seconds_bucket")
    assert "has no bucket of 0.003 s, which CacheVeryHighLatency" in ended.err
    assert len(ended.err.splitlines()) == 1
    assert "among its bounds (seconds): 5e-05, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, " in ended.err


def test_what_the_history_does_not_have_is_said(stage: Stage) -> None:
    told = stage.told()
    notes = notes_of(told, "current")
    assert told["notes"] == []
    assert any(note.startswith("the history has no cache_collect_success{") for note in notes["CacheCollectionFailing"])
    assert not [note for said in notes.values() for note in said if "cache_node_up" in note or " only " in note]
    assert notes["CacheLowHitRate"] == []


def test_known_incidents_give_precision_recall_and_the_time_to_detection(stage: Stage, tmp_path: Path) -> None:
    known = [
        {"name": "first died", "from": stage.start + 290, "to": stage.start + 360, "alert": "CacheNodeDown"},
        {"name": "deploy", "from": stage.start + 590, "to": stage.start + 900},
        {"name": "nobody saw", "from": stage.start + 3500, "to": stage.start + 3590},
        {"name": "last week", "from": stage.start - 7 * 86400, "to": stage.start - 7 * 86000},
    ]
    (tmp_path / "known.json").write_text(json.dumps(known))
    told = stage.told("--incidents", tmp_path / "known.json")
    quality = told["policies"]["current"]["quality"]
    assert "last week lies outside of the time that was asked for: not counted" in told["notes"]
    assert (quality["precision"], round(quality["recall"], 3)) == (0.4, 0.667)
    died, deployed, unseen = (one["seconds"] for one in quality["detection_seconds"])
    # A window of Prometheus 3 is without the sample at its beginning: the rate falls one evaluation sooner.
    assert (died, unseen) == (10.0, None)
    assert deployed in (85.0, 80.0)
    assert len(quality["false_alarms"]) == 3


def test_the_tables_and_the_picture_show_both_policies(stage: Stage, tmp_path: Path) -> None:
    picture = tmp_path / "b.svg"
    picture.write_text("of before")
    ended = stage.backtest("--set", "thresholds.memory.warning.for=20m", "--picture", picture)
    assert "warning: --set" not in ended.err
    assert ended.status == 0
    row = next(line for line in ended.out.splitlines() if "CacheMemoryHigh" in line)
    assert row.split("│")[3:9] == [
        "              4 ",
        "   672.00 ",
        "  36m5s ",
        "                0 ",
        "     0.00 ",
        "        ",
    ]
    assert "current: 5 pages, 840.00 per week" in ended.out
    assert "gone with the candidate" in ended.out
    assert picture.read_text().startswith("<svg ")
    assert [path.name for path in tmp_path.iterdir()] == ["b.svg"]


@pytest.mark.parametrize("change", ["health.failures=50", "probe.timeout=3s", "notify.page.group_wait=1m"])
def test_a_change_that_no_history_shows_is_warned_of(change: str, tmp_path: Path) -> None:
    ended = cachewatch(tmp_path, "alerts", "backtest", "--prometheus", "http://127.0.0.1:1", "--set", change)
    assert f"warning: --set {change.partition('=')[0]}: the exporter or Alertmanager decides by this" in ended.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--from", "now", "--to", "-1h"), "--from now is not before --to -1h"),
        (("--from", "yesterday"), "'yesterday' is no time"),
        (("--to", "2999-01-01T00:00:00Z"), "is in the future"),
        (("--set", "rules.interval"), "--set: rules.interval is not KEY=VALUE"),
        (("--set", "thresholds.memory.warning.above=99"), "--set: thresholds.memory.warning.above: 99 is not a share"),
        (("--prometheus", "http://127.0.0.1:1", "--picture", "/dev/null"), "is a device or a pipe"),
        (("--incidents", "nowhere.yaml"), "nowhere.yaml: cannot be read"),
        (("--prometheus", "http://127.0.0.1:1"), "http://127.0.0.1:1 cannot be asked: Connection refused; is"),
        (("--prometheus", "prometheus:9090"), "is not the URL of a Prometheus"),
        (("--picture", "nowhere/b.svg/x/"), "nowhere"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_cure(
    stage: Stage, options: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    (tmp_path / "nowhere").write_text("a file")
    ended = cachewatch(tmp_path, "alerts", "backtest", "--prometheus", stage.server.url, "--from", "-1h", *options)
    assert (ended.status, ended.out) == (2, "")
    assert said in ended.err
    assert "Traceback" not in ended.err


@dataclass
class Answer:
    """What a server answers to everything."""

    status: int
    body: str

    def __enter__(self) -> str:
        answer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(answer.status)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body.encode())

            do_GET = do_POST  # noqa: N815  # the base class calls it so

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class calls it so
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *_error: object) -> None:
        self.server.shutdown()
        self.server.server_close()


EMPTY = '{"status": "success", "data": {"resultType": "matrix", "result": []}'


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, EMPTY + ', "warnings": ["store a did not answer"]}', "from a part of its data (store a did not answer)"),
        (200, EMPTY + ', "isPartial": true}', "from a part of its data (isPartial)"),
        (200, "<html>", "without Prometheus' JSON to api/v1/"),
        (404, "404 page not found", "is --prometheus the base URL of a Prometheus?"),
        (401, "no", "it wants a login; write http://USER:PASSWORD@HOST:PORT"),
        (500, '{"status": "error", "error": "disk on fire"}', "answers 500: disk on fire"),
        (429, '{"status": "error", "error": "slow down"}', "answers 429: slow down"),
    ],
)
def test_a_server_that_gives_no_good_answer_is_told_in_its_words(
    status: int, body: str, said: str, tmp_path: Path
) -> None:
    with Answer(status, body) as url:
        ended = cachewatch(tmp_path, "alerts", "backtest", "--prometheus", url)
    assert (ended.status, ended.out) == (2, "")
    assert said in ended.err


def test_ctrl_c_ends_it_at_once_and_leaves_nothing(tmp_path: Path) -> None:
    """While the server hangs, and so while it would wait for three minutes."""
    with socket.create_server(("127.0.0.1", 0)) as hung:
        url = f"http://127.0.0.1:{hung.getsockname()[1]}"
        argv = [sys.executable, "-m", "cli", "alerts", "backtest", "--prometheus", url, "--picture", "b.svg"]
        running = subprocess.Popen(
            argv, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, stderr=subprocess.PIPE, text=True
        )
        hung.settimeout(30)
        asked, _ = hung.accept()
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=20)
        asked.close()
    assert running.returncode == 130
    assert "interrupted: nothing was written" in said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []
