"""Flags, targets and Alertmanagers of a Prometheus, against what is built and what the documents ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alerts.running import prometheus
from alerts.running.answers import Alertmanagers, Runtime, Targets, Unusable, data, read
from policy.model import Policy
from tests.unit.alerts import policies
from tests.unit.alerts_running import loaded

CURE = "take its jobs from prometheus.yml of this build, and reload (SIGHUP)"
POLICY = policies.policy("static")
GRACE, RESEND = "rules.alert.for-grace-period", "rules.alert.resend-delay"
OPERATE = Path(__file__).parents[3] / "docs" / "operate.md"


@pytest.mark.parametrize(
    "told",
    [
        {GRACE: "15s", RESEND: "30s"},
        {GRACE: "10s", RESEND: "1m"},
        {},
        None,
        [],
        {GRACE: "soon", RESEND: ["x"]},
        {"x": "y"},
    ],
    ids=str,
)
def test_good_flags_and_those_that_are_not_told_are_fine(told: object) -> None:
    assert list(prometheus.flags(told)) == []


@pytest.mark.parametrize(
    ("name", "value", "cure"), [(GRACE, "10m", "15s"), (RESEND, "2m", "30s"), (RESEND, "5s", "30s")]
)
def test_a_bad_flag_is_told_with_the_good_one(name: str, value: str, cure: str) -> None:
    (problem,) = prometheus.flags({name: value})
    assert problem.startswith(f"--{name} is {value}: start it with --{name}={cure}; ")
    assert f"--{name}={cure}" in OPERATE.read_text(encoding="utf-8")


def test_a_refused_configuration_is_told() -> None:
    assert list(prometheus.runtime(POLICY, Runtime.model_validate({"reloadConfigSuccess": True}))) == []
    assert list(prometheus.runtime(POLICY, Runtime.model_validate({}))) == []
    (problem,) = prometheus.runtime(POLICY, Runtime.model_validate({"reloadConfigSuccess": False}))
    assert problem.startswith("has refused the configuration")


@pytest.mark.parametrize("kept", ["30d", "5w", "5w or 8GiB", "8GiB", "1y", ""])
def test_history_for_as_long_as_the_objective_counts_is_enough(kept: str) -> None:
    assert list(prometheus.runtime(POLICY, Runtime.model_validate({"storageRetention": kept}))) == []


@pytest.mark.parametrize("kept", ["15d", "4w1d23h", "15d or 8GiB"])
def test_less_history_is_told_with_the_flag(kept: str) -> None:
    (problem,) = prometheus.runtime(POLICY, Runtime.model_validate({"storageRetention": kept}))
    assert problem.startswith(f"keeps {kept} of history, and the window of availability is longer: ")
    assert problem.endswith("--storage.tsdb.retention.time=35d")
    none = POLICY.model_copy(update={"slos": ()})
    assert list(prometheus.runtime(none, Runtime.model_validate({"storageRetention": kept}))) == []


def scraped(active: list[dict[str, Any]], policy: Policy = POLICY) -> list[str]:
    return list(prometheus.targets(policy, Targets.model_validate({"activeTargets": active}).active))


@pytest.mark.parametrize("name", policies.DATA)
def test_what_is_built_is_scraped(name: str) -> None:
    policy = policies.policy(name)
    assert scraped(loaded.targets(policy), policy) == []


def test_what_an_older_version_does_not_tell_is_not_asked() -> None:
    kept = ("labels", "health")
    assert scraped([{key: one[key] for key in kept} for one in loaded.targets(POLICY)]) == []


def test_targets_that_are_missing_are_one_problem() -> None:
    (problem,) = scraped([])
    assert problem == (
        "does not scrape exporter.example.com:9121 of job cachewatch-sli, exporter.example.com:9121 of job cachewatch, "
        f"127.0.0.1:9090 of job cachewatch-prometheus and 2 more: {CURE}"
    )


def changed(job: str, **fields: Any) -> list[str]:
    active = loaded.targets(POLICY)
    next(one for one in active if one["labels"]["job"] == job).update(fields)
    return scraped(active)


def test_a_target_that_is_scraped_otherwise_is_told() -> None:
    where = "exporter.example.com:9121 of job cachewatch-sli"
    assert changed("cachewatch-sli", scrapeInterval="15s", scrapeTimeout="10s") == [
        f"scrapes at other times than built: {where} (each 15s in place of 2s, within 10s in place of 1s); {CURE}"
    ]
    assert changed("cachewatch-sli", scrapeUrl="http://x/metrics") == [
        f"asks for another page than built: {where} (/metrics in place of /metrics/sli); {CURE}"
    ]


def test_a_target_that_is_down_or_new_is_told() -> None:
    where = "127.0.0.1:9122 of job cachewatch-notifier"
    assert changed("cachewatch-notifier", health="down", lastError="connection\x07 refused") == [
        f"cannot scrape {where}: connection\\x07 refused"
    ]
    assert changed("cachewatch-notifier", health="unknown") == [f"has not scraped {where} yet: look again in 15s"]


def test_each_alertmanager_must_be_told() -> None:
    policy = policies.policy("patient")

    def told(*urls: str) -> list[str]:
        active = [{"url": url} for url in urls]
        return list(prometheus.alertmanagers(policy, Alertmanagers.model_validate({"activeAlertmanagers": active})))

    one, other, third = (f"http://{address}/api/v2/alerts" for address in policy.stack.alertmanagers)
    assert told(one, other, third, "http://else:1/x", "https://[") == []
    (problem,) = told(one, third)
    assert problem.startswith("does not tell Alertmanager 10.0.0.8:9093: take `alerting` of prometheus.yml")
    (problem,) = told()
    assert "127.0.0.1:9093, 10.0.0.8:9093, [::1]:9094:" in problem


@pytest.mark.parametrize(
    "told", [None, [], "x", 3, {}, {"status": "fine"}, {"data": {}}, [[[]]], {"status": ["success"]}], ids=str
)
def test_an_envelope_that_is_none_is_refused(told: object) -> None:
    with pytest.raises(Unusable, match="answers what no Prometheus does"):
        data(told)


def test_an_error_in_the_envelope_is_told_in_its_words() -> None:
    with pytest.raises(Unusable, match=r"^refuses: too \\x1b much$"):
        data({"status": "error", "error": "too \x1b much"})


@pytest.mark.parametrize("told", [None, [], {"activeTargets": 3}, {"activeTargets": [{"labels": {"a": 1}}]}], ids=str)
def test_data_that_are_none_are_refused_with_the_place(told: object) -> None:
    with pytest.raises(Unusable, match="answers what no Prometheus does"):
        read(Targets, told, "Prometheus")


def test_a_second_prometheus_is_not_told_to_take_the_file_of_the_first() -> None:
    several = Policy.model_validate({"stack": {"prometheus_peers": ["http://10.0.0.9:9090"]}})
    (problem,) = prometheus.alertmanagers(several, Alertmanagers())
    assert "take `alerting` of prometheus.yml, of the second Prometheus prometheus-2.yml, of this build" in problem
