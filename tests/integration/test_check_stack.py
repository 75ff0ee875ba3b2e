"""`cachewatch check --stack` against a stack that runs: all is well, and each thing that was forgotten is named.

The policy that is checked lies beside the one that runs: what is changed in it is what nobody was told of.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from cli.main import cachewatch
from policy.base import merge
from sandbox import web
from sandbox.demo_policy import SHORTENED
from sandbox.ports import LOOPBACK, free_port
from sandbox.process import wait_until
from sandbox.prometheus import WebChild
from sandbox.redis_node import RedisNode
from sandbox.stack import Stack

PATIENCE = 60.0
SHORT = {key: value for key, value in SHORTENED.items() if not key.startswith("fleet.")}
Found = dict[str, list[str]]


@dataclass
class Stage:
    """What runs, and the policy that it runs by."""

    stack: Stack
    folder: Path

    def check(self, change: dict[str, Any] | None = None) -> tuple[int, Found]:
        """The exit status for the policy with a change, and what is told of each part: its problems, or the error."""
        said = CliRunner().invoke(cachewatch, ["-c", str(self.written(change or {})), "check", "--stack", "--json"])
        parts: list[dict[str, Any]] = json.loads(said.stdout)["stack"]
        return said.exit_code, {part["part"]: [part["error"]] if part["error"] else part["problems"] for part in parts}

    def written(self, change: dict[str, Any]) -> Path:
        """The file of the policy with a change."""
        file = self.folder / "checked.yaml"
        file.write_text(yaml.safe_dump(merge(yaml.safe_load(self.stack.policy.read_text()), change)))
        return file

    @property
    def build(self) -> Path:
        """The folder of what was built."""
        return self.stack.policy.parent / "build"

    @contextmanager
    def file(self, name: str, text: str, *, then: Callable[[], None]) -> Iterator[None]:
        """Another text in a built file, or a file more, for the length of the block; `then` has it read."""
        path = self.build / name
        before = path.read_text() if path.exists() else None
        path.write_text(text)
        try:
            then()
            yield
        finally:
            path.unlink() if before is None else path.write_text(before)
            then()

    def reload(self) -> None:
        """Prometheus reads its files, whatever it thinks of them."""
        try:
            web.request("POST", f"{self.stack.prometheus.url}/-/reload")
        except web.WebError as error:
            if error.status != 500:
                raise

    def well(self) -> bool:
        """Whether nothing is told."""
        return self.check()[0] == 0


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stack")
    with ExitStack() as stack:
        node = stack.enter_context(RedisNode(free_port(), folder))
        running = stack.enter_context(Stack(folder, {"nodes": [f"redis://{node.instance}"]}, SHORT))
        found = Stage(running, folder)
        wait_until(found.well, PATIENCE, "all to be well", every=0.2)
        yield found


@pytest.fixture
def well(stage: Stage) -> Stage:
    """The same, after what a test before has broken was healed; a Prometheus that was reloaded needs 5 s for its Alertmanager."""
    wait_until(stage.well, PATIENCE, "all to be well again", every=0.2)
    return stage


def test_where_all_is_well_the_table_says_so(well: Stage) -> None:
    for width in ("80", "120"):
        said = CliRunner().invoke(cachewatch, ["-c", str(well.written({})), "check", "--stack"], env={"COLUMNS": width})
        assert said.exit_code == 0
        assert [line.split("│")[-2].strip() for line in said.stdout.splitlines() if "yes" in line] == ["nothing"] * 4
        for part in well.stack.parts[1:]:
            assert f" {part.url} " in said.stdout


CHANGES: list[tuple[dict[str, Any], Found]] = [
    (
        {"thresholds": {"latency_p95": {"warning": {"above": "3ms"}}}},
        {
            "exporter": ["has another policy (fingerprint "],
            "prometheus": [" rules are not as built, in expr, annotations: "],
            "notifier": ["restart it with this file"],
        },
    ),
    (
        {"thresholds": {"memory": {"warning": {"for": "16s"}}}},
        {
            "prometheus": [
                "1 of ",
                " rules is not as built, in for, annotations: CacheMemoryHigh; give it rules/*.yml",
            ],
            "notifier": ["restart it"],
        },
    ),
    (
        {"slos": []},
        {
            "prometheus": [
                " more rules of this fleet than the build: slo_node:events:count, ",
                "/build/rules/slo_availability.yml; take the old file out",
            ],
            "notifier": ["restart it"],
        },
    ),
    (
        {"slos": [{"name": "availability", "objective": "99.9"}, {"name": "hit_rate", "objective": 97}]},
        {
            "prometheus": [" rules are missing: slo", " more; give it rules/*.yml of this build and reload (SIGHUP)"],
            "notifier": ["restart"],
        },
    ),
    (
        {"rules": {"liveness_interval": "1s", "liveness_evaluation": "2s"}},
        {
            "prometheus": [
                "groups are evaluated at another interval: ",
                "cachewatch-node-down each 1s in place of 2s",
                "scrapes at other times than built: ",
                " of job cachewatch-sli (each 2s in place of 1s); take its jobs",
            ]
        },
    ),
    (
        {"fleet": {"name": "other"}},
        {
            "exporter": ["watches the fleet demo, not other: "],
            "prometheus": ["has no rule of this policy ("],
            "alertmanager": ["route of the heartbeat: matchers not as built: give it alertmanager.yml"],
            "notifier": ["restart it"],
        },
    ),
    (
        {"notify": {"page": {"group_wait": "3s"}, "ticket": {"repeat_interval": "4m"}}},
        {
            "alertmanager": [
                "routes of pages: group_wait not as built; routes of tickets: repeat_interval not as built: give"
            ]
        },
    ),
    (
        {"notify": {"webhooks": [{"url": "http://127.0.0.1:9/x", "told": "tickets"}]}},
        {"alertmanager": ["routes of tickets: has 2, 4 are built; has no receiver tickets-webhook-1: give it"]},
    ),
    (
        {"notify": {"heartbeat": {"interval": "7s"}}},
        {"alertmanager": ["route of the heartbeat: group_interval, repeat_interval not as built"]},
    ),
    (
        {"notify": {"maintenance": [{"weekdays": ["sunday"]}]}},
        {"alertmanager": ["routes of pages: mute_time_intervals not as built", "has no time interval maintenance"]},
    ),
    ({"notify": {"slack": {"channel": "#other"}}}, {"notifier": ["has another policy: its runbooks, its channel"]}),
    (
        {"stack": {"alertmanager_peers": [f"{LOOPBACK}:1"]}},
        {
            "alertmanager": ["cannot connect: Connection refused"],
            "prometheus": [
                f"does not tell Alertmanager {LOOPBACK}:1: ",
                f"does not scrape {LOOPBACK}:1 of job cachewatch-alertmanager: ",
            ],
        },
    ),
]


@pytest.mark.parametrize(("change", "told"), CHANGES, ids="-".join)
def test_what_was_changed_and_told_nobody_is_named(well: Stage, change: dict[str, Any], told: Found) -> None:
    status, found = well.check(change)
    assert status == 1
    for part, texts in told.items():
        for text in texts:
            assert text in "\n".join(found[part])


def test_a_change_of_a_receiver_alone_is_told_of_alertmanager_alone(well: Stage) -> None:
    status, found = well.check({"notify": {"pagerduty": {"url": "http://127.0.0.1:9/x"}}})
    (problem,) = found.pop("alertmanager")
    assert (status, list(found.values())) == (1, [[], [], []])
    assert problem.startswith("receiver pages-pagerduty differs in pagerduty_configs.url: give it alertmanager.yml")


def test_one_that_is_named_with_peers_must_be_in_their_cluster(well: Stage) -> None:
    one = f"{LOOPBACK}:{well.stack.alertmanager.port}"
    stack = {"alertmanager": f"{LOOPBACK}:1", "alertmanager_peers": [one]}
    _, found = well.check({"stack": stack})
    assert "is in no cluster, 2 members are named: start it with --cluster.listen-address" in "\n".join(
        found["alertmanager"]
    )


_OLD = """groups:
- name: cachewatch-old
  rules:
  - record: slo:gone
    expr: cache_node_up{fleet="demo"} * on (fleet) cache_health_checks_total{fleet="demo"}
- name: theirs
  rules:
  - record: mine
    expr: cache_node_up{fleet="demo"} * on (fleet) cache_health_checks_total{fleet="demo"}
- name: cachewatch-memory
  rules:
  - record: other
    expr: cache_node_up{fleet="other"}
"""


def test_an_old_file_is_named_and_a_rule_that_fails_with_its_reason(well: Stage) -> None:
    with well.file("rules/zz_old.yml", _OLD, then=well.reload):
        wait_until(lambda: "cannot be evaluated" in str(well.check()), PATIENCE, "the rule to fail", every=0.2)
        status, found = well.check()
    extra, failing = [problem for problem in found["prometheus"] if "scrape" not in problem and "tell" not in problem]
    assert status == 1
    assert extra.startswith("has 1 more rule of this fleet than the build: slo:gone, in /")
    assert "/build/rules/zz_old.yml; take the old file out" in extra
    assert failing.startswith("1 of the rules cannot be evaluated: slo:gone; the first: found duplicate series")


def test_a_job_that_was_taken_over_without_its_labels_is_told(stage: Stage) -> None:
    text = (stage.build / "prometheus.yml").read_text().replace("honor_labels: true", "honor_labels: false", 1)
    with stage.file("prometheus.yml", text, then=stage.reload):
        status, found = stage.check()
    assert status == 1
    assert "jobs name or keep other series than built: cachewatch-sli (honor_labels); take" in "\n".join(
        found["prometheus"]
    )


def test_a_configuration_that_prometheus_refuses_is_told(stage: Stage) -> None:
    with stage.file("prometheus.yml", "scrape_configs: 1\n", then=stage.reload):
        status, found = stage.check()
    assert (status, found["alertmanager"]) == (1, [])
    assert found["prometheus"][0].startswith("has refused the configuration that it read last")


def test_a_policy_that_the_exporter_refuses_is_told(stage: Stage) -> None:
    policy, good = stage.stack.policy, stage.stack.policy.read_text()
    checked = stage.written({})

    def told() -> str:
        said = CliRunner().invoke(cachewatch, ["-c", str(checked), "check", "--stack", "--json"])
        return str(json.loads(said.stdout)["stack"][0])

    policy.write_text("fleat: {}\n")
    try:
        os.kill(stage.stack.exporter.pid, signal.SIGHUP)
        wait_until(
            lambda: "has refused the policy that it was given last" in told(), PATIENCE, "it to say so", every=0.2
        )
    finally:
        policy.write_text(good)
        os.kill(stage.stack.exporter.pid, signal.SIGHUP)


def test_a_prometheus_with_nothing_of_ours_and_flags_of_its_own_is_few_problems(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "prometheus.yml").write_text("global: {scrape_interval: 15s}\n")
    port = free_port()
    flags = ("--rules.alert.resend-delay=5m", f"--web.listen-address={LOOPBACK}:{port}")
    kept = [
        argument for argument in stage.stack.prometheus.argv if "listen" not in argument and "grace" not in argument
    ]
    argv = (kept[0], f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'data'}", *flags)
    with WebChild("bare", argv, tmp_path, port) as bare:
        status, found = stage.check({"stack": {"prometheus_peers": [bare.url]}})
    grace, resend, history, rules, scraped, told = found["prometheus"]
    assert status == 1
    assert grace.startswith("--rules.alert.for-grace-period is 10m: start it with --rules.alert.for-grace-period=15s; ")
    assert resend.startswith("--rules.alert.resend-delay is 5m: start it with --rules.alert.resend-delay=30s; ")
    assert history.startswith("keeps 15d of history, ")
    assert rules.startswith("has no rule of this policy (")
    assert scraped.startswith("does not scrape ")
    assert told.startswith("does not tell Alertmanager ")


@pytest.mark.parametrize("part", ["notifier", "alertmanager"])
def test_a_part_that_is_gone_is_told_by_prometheus_too(well: Stage, part: str) -> None:
    gone: WebChild = getattr(well.stack, part)
    gone.kill()
    try:
        where = f"cannot scrape {LOOPBACK}:{gone.port} of job cachewatch-{part}: "
        wait_until(lambda: where in str(well.check()), PATIENCE, "Prometheus to see it", every=0.2)
        status, found = well.check()
    finally:
        gone.start()
    assert (status, found["exporter"]) == (1, [])
    assert found[part] == ["cannot connect: Connection refused; does it run there?"]


def test_parts_that_hang_are_told_and_the_others_looked_at(well: Stage) -> None:
    hung = (well.stack.exporter, well.stack.alertmanager)
    for part in hung:
        part.pause()
    try:
        status, found = well.check({"notify": {"slack": {"channel": "#other"}}})
    finally:
        for part in hung:
            part.resume()
    assert status == 1
    assert found["exporter"] == found["alertmanager"]
    assert found["exporter"][0].startswith("no answer within 5 s; does it hang, ")
    assert found["notifier"][0].startswith("has another policy")
    assert not any("rule" in problem for problem in found["prometheus"])


def test_no_secret_is_shown(well: Stage) -> None:
    keys = [file.read_text() for file in (well.stack.policy.parent / "secrets").iterdir()]
    said = CliRunner().invoke(cachewatch, ["-c", str(well.written({"slos": []})), "check", "--stack"])
    assert said.exit_code == 1
    assert len(keys) == 2
    assert not any(key in said.output for key in keys)
