"""prometheus.yml: two scrapes of the exporter, the rules, and where alerts go. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from alerts.node_down import SLI_JOB
from alerts.promql import duration
from policy.model import Policy

ALL_JOB = "cachewatch"
# Prometheus' own default. The exporter answers from facts that it has, so that even a shorter one is plenty.
_LONGEST_SCRAPE = timedelta(seconds=10)


def config(policy: Policy) -> dict[str, Any]:
    """The light job at the fast interval, everything else at the slow one; accepted by Prometheus 2.42 and later."""
    rules = policy.rules
    slow = {
        "scrape_interval": duration(rules.interval),
        "scrape_timeout": duration(min(rules.interval, _LONGEST_SCRAPE)),
    }
    fast = {
        "scrape_interval": duration(rules.liveness_interval),
        "scrape_timeout": duration(rules.liveness_timeout),
    }
    return {
        "global": {**slow, "evaluation_interval": duration(rules.interval)},
        "rule_files": ["rules/*.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [policy.stack.alertmanager]}]}]},
        "scrape_configs": [
            _job(policy, SLI_JOB, "/metrics/sli", fast),
            {**_job(policy, ALL_JOB, "/metrics", slow), "metric_relabel_configs": [_DROP_SLI]},
        ],
    }


# The fast job has brought these already; twice, every sum over them would be double.
_DROP_SLI = {"source_labels": ["__name__"], "regex": "cache_.*", "action": "drop"}


def _job(policy: Policy, name: str, path: str, timing: dict[str, str]) -> dict[str, Any]:
    return {
        "job_name": name,
        "metrics_path": path,
        "honor_labels": True,  # `instance` is the node, not the exporter
        **timing,
        "static_configs": [{"targets": [policy.stack.exporter]}],
    }
