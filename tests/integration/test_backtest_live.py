"""Against what a running Prometheus did itself: its own firing series, sample by sample, with its own clock and restarts."""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.backtest.simulate import Clock, runs, spans
from alerts.backtest.times import parse
from alerts.build import files
from alerts.node_down import SLI_JOB
from alerts.targets import ALL_JOB
from policy.model import Policy
from sandbox.binaries import find
from sandbox.ports import free_port
from sandbox.process import wait_until
from sandbox.prometheus import Prometheus, start_prometheus
from tests.integration.test_alerts_prometheus import Exporter, hostile_data, port_of
from tests.unit.alerts.policies import write
from tests.unit.cli.command import cachewatch

Firing = tuple[tuple[tuple[str, str], ...], int]
ALERTS = 9
WRITING = 50  # milliseconds that a busy disk may take to write what was scraped


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Prometheus, Path, tuple[int, int]]]:
    """Prometheus on the real rules and a made-up exporter that dies and comes back; the span in which all of that was."""
    folder = tmp_path_factory.mktemp("live")
    data = hostile_data(free_port(), free_port())
    policy = Policy.model_validate(data)
    write(files(policy), folder)
    (folder / "cachewatch.yaml").write_text(yaml.safe_dump(data, allow_unicode=True))
    with (
        Exporter(policy, port_of(policy.stack.exporter)) as exporter,
        start_prometheus(folder / "prometheus.yml", folder, port_of(policy.stack.prometheus)) as server,
    ):

        def firing() -> list[dict[str, Any]]:
            return [alert for alert in server.alerts() if alert["state"] == "firing"]

        wait_until(lambda: len(firing()) == ALERTS, 60, "the alerts to fire")
        began = time.time_ns() // 1_000_000
        exporter.stop()
        wait_until(lambda: len(firing()) == 3, 60, "one page for all, that of the dead node, and the Watchdog")
        exporter.start()
        wait_until(lambda: len(firing()) == ALERTS, 60, "the alerts to fire again")
        ended = time.time_ns() // 1_000_000
        wait_until(lambda: time.time_ns() // 1_000_000 > ended + 3000, 10, "what a busy machine writes late")
        yield server, folder, (began, ended)


def own(server: Prometheus, window: tuple[int, int]) -> set[Firing]:
    """At which milliseconds which alert fired, by the samples that Prometheus wrote."""
    found = server.query('ALERTS{alertstate="firing"}[10m]')
    return {
        (tuple(sorted((k, v) for k, v in series["metric"].items() if k not in ("__name__", "alertstate"))), at)
        for series in found
        for at in (round(float(at) * 1000) for at, _ in series["values"])
        if window[0] <= at <= window[1]
    }


def backtested(server: Prometheus, folder: Path, window: tuple[int, int], phases: dict[str, int]) -> set[Firing]:
    """The same, by the spans of the backtest. One that is cut off by the window begins with the next evaluation."""
    start, end = (f"{at / 1000:.3f}" for at in window)
    ended = cachewatch(folder, "alerts", "backtest", "--prometheus", server.url, "--from", start, "--to", end, "--json")
    assert ended.status == 0, ended.err
    found = set()
    for name, alert in json.loads(ended.out)["policies"]["current"]["alerts"].items():
        for firing in alert["firings"]:
            first, last = (parse(firing[key], 0) for key in ("from", "to"))
            if first == window[0]:
                first += (phases[name] - first) % step(name)
            labels = tuple(sorted(firing["labels"].items()))
            found |= {(labels, at) for at in range(first, last + (0 if firing["ended"] else 1), step(name))}
    return found


def name_of(firing: Firing) -> str:
    """The alert's name."""
    return dict(firing[0])["alertname"]


def step(name: str) -> int:
    """Milliseconds between two evaluations of an alert."""
    return 250 if name == "CacheNodeDown" else 500


def raced(server: Prometheus, firings: set[Firing]) -> set[str]:
    """The alerts that were evaluated while a scrape of the exporter was being written.

    A sample stands in the history under the time at which its scrape began: such an evaluation may not have had it yet. Which
    alerts it is hangs on the hashes by which Prometheus spreads scrapes and groups over the interval; it is the same each time.
    """
    scrapes = [
        (round(float(at) * 1000), float(took) * 1000 + WRITING)
        for series in server.query(f'scrape_duration_seconds{{job=~"{ALL_JOB}|{SLI_JOB}"}}[10m]')
        for at, took in series["values"]
    ]
    return {name_of(one) for one in firings if any(began <= one[1] <= began + took for began, took in scrapes)}


def test_every_firing_sample_of_prometheus_is_found_and_none_beside(
    lived: tuple[Prometheus, Path, tuple[int, int]],
) -> None:
    """The exporter died and came back meanwhile: every alert but the pages about them ended and began again."""
    server, folder, window = lived
    its = own(server, window)
    phases = {name_of(one): one[1] % 500 for one in its}
    mine = backtested(server, folder, window, phases)
    assert len(phases) == 8
    assert len(its) > 50
    late = {(one[0], one[1] + step(name_of(one))) for one in mine}
    racing = raced(server, mine | its)
    assert {one for one in mine if name_of(one) not in racing} == {one for one in its if name_of(one) not in racing}
    assert mine & late <= its <= mine | late, "what raced with a scrape begins and ends one evaluation later at most"


SAMPLES = 60


@pytest.mark.parametrize("seed", range(3))
def test_waiting_and_ending_are_promtools(seed: int, tmp_path: Path) -> None:
    """Random histories of eight series under rules with every kind of wait, in Prometheus' own rule engine."""
    chance = random.Random(seed)  # noqa: S311  # a repeatable history, no secret
    present = {
        str(index): [index and chance.random() < chance.choice([0.5, 0.8, 0.95]) for _ in range(SAMPLES)]
        for index in range(8)
    }
    waits = (0, 1, 15, 30, 45, 75, 100)
    rules = [{"alert": f"A{hold}", "expr": "x == 1", **({"for": f"{hold}s"} if hold else {})} for hold in waits]
    clock = Clock(0, (SAMPLES - 1) * 15_000, 15_000)
    fired: dict[int, list[str]] = {}
    for hold in waits:
        for series, there in present.items():
            times = [index * 15_000 for index, yes in enumerate(there) if yes]
            for span in spans(runs(times, clock), hold * 1000, clock):
                for at in range(span.start, span.end + (not span.ended), 15_000):
                    fired.setdefault(at, []).append(f'ALERTS{{alertname="A{hold}",alertstate="firing",n="{series}"}}')
    test = {
        "interval": "15s",
        "input_series": [
            {"series": f'x{{n="{name}"}}', "values": " ".join(str(int(yes)) for yes in there)}
            for name, there in present.items()
        ],
        "promql_expr_test": [
            {
                "expr": 'ALERTS{alertstate="firing"}',
                "eval_time": f"{at // 1000}s",
                "exp_samples": [{"labels": labels, "value": 1} for labels in fired.get(at, [])],
            }
            for at in range(0, clock.end, 15_000)
        ],
    }
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]}))
    suite = {"rule_files": ["rules.yml"], "evaluation_interval": "15s", "tests": [test]}
    (tmp_path / "test.yml").write_text(yaml.safe_dump(suite))
    argv = [str(find("promtool")), "test", "rules", str(tmp_path / "test.yml")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert sum(map(len, fired.values())) > 500
    assert done.returncode == 0, (done.stdout + done.stderr)[:3000]
