"""What Prometheus calls the parts of the stack that it scrapes beside the exporter: jobs, addresses, their series. Pure."""

from __future__ import annotations

from functools import reduce
from urllib.parse import urlsplit

from alerts.promql import narrowed, one_of, selector
from policy.fleet import join_address
from policy.model import Policy

ALL_JOB = "cachewatch"
PROMETHEUS_JOB, ALERTMANAGER_JOB, NOTIFIER_JOB = (
    f"cachewatch-{part}" for part in ("prometheus", "alertmanager", "notifier")
)
_PORTS = {"http": 80, "https": 443}


def prometheus_address(policy: Policy) -> str:
    """Host and port of Prometheus' own URL."""
    url = urlsplit(policy.stack.prometheus)
    return join_address(url.hostname or "", url.port or _PORTS[url.scheme])


def of_exporter(policy: Policy) -> dict[str, str]:
    """Labels of the exporter's own series."""
    return {"job": ALL_JOB, "instance": policy.stack.exporter}


def of_prometheus(policy: Policy) -> dict[str, str]:
    """Labels of Prometheus' own series."""
    return {"job": PROMETHEUS_JOB, "instance": prometheus_address(policy)}


def of_alertmanager(policy: Policy) -> dict[str, str]:
    """Labels of Alertmanager's series; of several the first one's."""
    return {"job": ALERTMANAGER_JOB, "instance": policy.stack.alertmanager}


def alertmanagers(policy: Policy, metric: str, *matchers: str) -> str:
    """Selector of a metric of every Alertmanager."""
    known = policy.stack.alertmanagers
    of_all = selector(metric, job=ALERTMANAGER_JOB), f"instance=~{one_of(known)}"
    series = narrowed(*of_all) if len(known) > 1 else selector(metric, **of_alertmanager(policy))
    return reduce(narrowed, matchers, series)


def of_notifier(policy: Policy) -> dict[str, str]:
    """Labels of the notifier's series."""
    return {"job": NOTIFIER_JOB, "instance": policy.stack.notifier}


def up(labels: dict[str, str]) -> str:
    """Prometheus' own verdict on its scrape of a target."""
    return selector("up", **labels)
