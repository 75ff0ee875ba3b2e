"""prometheus.yml, one for each Prometheus: scrapes of the exporter and of the stack, the rules, where alerts go. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from alerts import targets
from alerts.node_down import SLI_JOB
from alerts.promql import duration
from alerts.targets import ALL_JOB
from policy.alerts import TOLD_BY
from policy.model import Policy

# Prometheus' own default. The exporter answers from facts that it has, so that even a shorter one is plenty.
_LONGEST_SCRAPE = timedelta(seconds=10)


def configs(policy: Policy) -> dict[str, dict[str, Any]]:
    """By file name: `prometheus.yml` of the first, and of each other one its own, which differs in whose alerts it sends."""
    found = config(policy)
    if not policy.stack.prometheus_peers:
        return {"prometheus.yml": found}
    return {
        config_file(policy, address): {**found, "alerting": {**_told_by(address), **found["alerting"]}}
        for address in policy.stack.prometheus_addresses
    }


def config_file(policy: Policy, address: str) -> str:
    """The file of the build that the Prometheus at this address is started with."""
    number = policy.stack.prometheus_addresses.index(address) + 1
    return f"prometheus-{number}.yml" if number > 1 else "prometheus.yml"


def _told_by(address: str) -> dict[str, Any]:
    # Each sends its own alert: in one that both send the end of one and what the other sees would come in turn, for 15 minutes.
    return {"alert_relabel_configs": [{"target_label": TOLD_BY, "replacement": address.replace("$", "$$")}]}


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
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [*policy.stack.alertmanagers]}]}]},
        "scrape_configs": [
            _job(policy, SLI_JOB, "/metrics/sli", fast),
            {**_job(policy, ALL_JOB, "/metrics", slow), "metric_relabel_configs": [_DROP_SLI]},
            *_stack_jobs(policy),
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


# Of some hundred series that Prometheus and Alertmanager have of themselves, those that an alert reads.
_KEPT = {
    targets.PROMETHEUS_JOB: "prometheus_(rule_(evaluation_failures|group_iterations|group_iterations_missed)_total"
    "|notifications_(alertmanagers_discovered|(errors|dropped|sent)_total)|config_last_reload_successful)",
    targets.ALERTMANAGER_JOB: "alertmanager_(notifications_(failed_)?total|config_last_reload_successful|cluster_members)",
}


def _stack_jobs(policy: Policy) -> list[dict[str, Any]]:
    """The parts that watch, at the slow interval. The notifier is there only where Slack is told."""
    jobs = [
        _prometheus_job(policy),
        _stack_job(targets.ALERTMANAGER_JOB, *policy.stack.alertmanagers),
    ]
    notifier = _stack_job(targets.NOTIFIER_JOB, policy.stack.notifier)
    return [*jobs, *([notifier] if policy.notify.slack is not None else [])]


def _prometheus_job(policy: Policy) -> dict[str, Any]:
    """All of them in one job, and so one file for all; one that stands under another scheme or path says so itself."""
    first, *others = zip(policy.stack.prometheus_addresses, map(_place, policy.stack.prometheuses), strict=True)
    address, place = first
    job = {**_stack_job(targets.PROMETHEUS_JOB, address), **place}
    for address, another in others:
        labels = {f"__{name}__": value for name, value in another.items() if value != place[name]}
        job["static_configs"].append({"targets": [address], **({"labels": labels} if labels else {})})
    return job


def _place(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    return {"scheme": parts.scheme, "metrics_path": f"{parts.path}/metrics"}


def _stack_job(name: str, *addresses: str) -> dict[str, Any]:
    kept = _KEPT.get(name)
    keep = {"source_labels": ["__name__"], "regex": kept, "action": "keep"}
    return {
        "job_name": name,
        "static_configs": [{"targets": [*addresses]}],
        **({"metric_relabel_configs": [keep]} if kept else {}),
    }
