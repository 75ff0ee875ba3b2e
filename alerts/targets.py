"""What Prometheus calls the parts of the stack that it scrapes beside the exporter: jobs, addresses, their series. Pure."""

from __future__ import annotations

from functools import reduce

from alerts.promql import narrowed, one_of, selector
from policy.model import Policy

ALL_JOB = "cachewatch"
PROMETHEUS_JOB, ALERTMANAGER_JOB, NOTIFIER_JOB = (
    f"cachewatch-{part}" for part in ("prometheus", "alertmanager", "notifier")
)


def of_exporter(policy: Policy) -> dict[str, str]:
    """Labels of the exporter's own series."""
    return {"job": ALL_JOB, "instance": policy.stack.exporter}


def of_prometheus(policy: Policy) -> dict[str, str]:
    """Labels of Prometheus' own series; of several the first one's."""
    return {"job": PROMETHEUS_JOB, "instance": policy.stack.prometheus_addresses[0]}


def prometheuses(policy: Policy, metric: str, *matchers: str) -> str:
    """Selector of a metric of every Prometheus."""
    return _of_all(PROMETHEUS_JOB, policy.stack.prometheus_addresses, metric, *matchers)


def of_alertmanager(policy: Policy) -> dict[str, str]:
    """Labels of Alertmanager's series; of several the first one's."""
    return {"job": ALERTMANAGER_JOB, "instance": policy.stack.alertmanager}


def alertmanagers(policy: Policy, metric: str, *matchers: str) -> str:
    """Selector of a metric of every Alertmanager."""
    return _of_all(ALERTMANAGER_JOB, policy.stack.alertmanagers, metric, *matchers)


def _of_all(job: str, members: tuple[str, ...], metric: str, *matchers: str) -> str:
    if len(members) == 1:
        return reduce(narrowed, matchers, selector(metric, job=job, instance=members[0]))
    return reduce(narrowed, matchers, narrowed(selector(metric, job=job), f"instance=~{one_of(members)}"))


def of_notifier(policy: Policy) -> dict[str, str]:
    """Labels of the notifier's series."""
    return {"job": NOTIFIER_JOB, "instance": policy.stack.notifier}


def up(labels: dict[str, str]) -> str:
    """Prometheus' own verdict on its scrape of a target."""
    return selector("up", **labels)
