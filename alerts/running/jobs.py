"""What the jobs of a Prometheus do to the labels of what they scrape, held against what is built. Pure.

Of the printed configuration our jobs alone are read: the whole of a company's takes seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from alerts import prometheus
from alerts.running.meaning import differences
from alerts.running.model import few
from alerts.running.printed import read
from policy.model import Policy

# Prometheus writes the name first, and all that belongs to a job further in.
_JOB = re.compile(r"^- job_name: (\S+)\n((?:(?: .*)?\n)*)", re.MULTILINE)
CURE = "take its jobs from prometheus.yml of this build, and reload (SIGHUP)"
_Json = Mapping[str, Any]


def problems(policy: Policy, printed: str) -> Iterator[str]:
    """Jobs that keep, drop or name otherwise than built; nothing of jobs that are not there."""
    built = {job["job_name"]: job for job in prometheus.config(policy)["scrape_configs"]}
    loaded = {name: read(text) or {} for name, text in _JOB.findall(f"{printed}\n") if name in built}
    found = {name: [*_lacking(built[name], job)] for name, job in loaded.items()}
    if lacking := [f"{name} ({', '.join(keys)})" for name, keys in found.items() if keys]:
        yield f"jobs name or keep other series than built: {few(lacking)}; {CURE}"


def _lacking(built: _Json, loaded: _Json) -> Iterator[str]:
    """The keys of a job that are not as built; what somebody relabels beside that is his business."""
    if built.get("honor_labels") and not loaded.get("honor_labels"):
        yield "honor_labels"
    there = loaded.get("metric_relabel_configs")
    steps = there if isinstance(there, list) else []
    if any(all(any(differences(one, step)) for step in steps) for one in built.get("metric_relabel_configs", ())):
        yield "metric_relabel_configs"
