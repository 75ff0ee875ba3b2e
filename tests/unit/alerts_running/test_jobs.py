"""What jobs do to labels, against what is built."""

from __future__ import annotations

import re

import pytest

from alerts import prometheus
from alerts.build import dump
from alerts.running import jobs
from tests.unit.alerts import policies

CURE = "take its jobs from prometheus.yml of this build, and reload (SIGHUP)"
POLICY = policies.policy("static")


def printed(name: str = "static") -> str:
    """A configuration as Prometheus prints it: with what it fills in, and somebody's jobs beside ours."""
    text = dump(prometheus.config(policies.policy(name)))
    filled = text.replace("  action: ", "  separator: ;\n    replacement: $1\n    action: ")
    theirs = "- job_name: theirs\n  honor_timestamps: true\n  x: {[\n"
    return filled.replace("scrape_configs:\n", f"scrape_configs:\n{theirs}") + f"{theirs}storage: {{}}"


def told(text: str) -> list[str]:
    return list(jobs.problems(POLICY, text))


@pytest.mark.parametrize("name", policies.DATA)
def test_what_is_built_is_fine(name: str) -> None:
    assert list(jobs.problems(policies.policy(name), printed(name))) == []


def test_a_job_without_its_labels_or_its_drop_is_told() -> None:
    text = printed()
    assert told(text.replace("honor_labels: true", "honor_labels: false", 1)) == [
        f"jobs name or keep other series than built: cachewatch-sli (honor_labels); {CURE}"
    ]
    assert told(text.replace("regex: cache_.*", "regex: nothing")) == [
        f"jobs name or keep other series than built: cachewatch (metric_relabel_configs); {CURE}"
    ]
    (problem,) = told(re.sub(r"  metric_relabel_configs:\n  - .*\n(    .*\n)*", "", text))
    for job in ("cachewatch", "cachewatch-prometheus", "cachewatch-alertmanager"):
        assert f" {job} (metric_relabel_configs)" in problem


def test_what_somebody_relabels_beside_is_his_business() -> None:
    more = "  metric_relabel_configs:\n  - source_labels: [x]\n    regex: y\n    action: drop\n"
    assert told(printed().replace("  metric_relabel_configs:\n", more)) == []


@pytest.mark.parametrize("text", ["", "scrape_configs: []", "- job_name: theirs\n", "x" * 100_000])
def test_of_jobs_that_are_not_there_nothing_is_said(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize("body", ["  {", "  a: &a [1]\n  b: *a\n", "", "  metric_relabel_configs: 3\n"])
def test_a_job_that_cannot_be_read_is_none_of_ours(body: str) -> None:
    (problem,) = told(f"- job_name: cachewatch\n{body}")
    assert "cachewatch (honor_labels, metric_relabel_configs)" in problem
