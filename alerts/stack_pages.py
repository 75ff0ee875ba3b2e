"""What the runbooks on the watching itself ask and name: the members of each part, the heartbeat, the ways to a person. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from alerts import prober_down, targets
from alerts.node_down import SLI_JOB
from alerts.prometheus import config_file
from alerts.prometheus_peer import KNOWN
from alerts.promql import duration, one_of, selector
from alerts.stack import SLACK_FAILURES
from policy import metrics
from policy.model import Policy


def values(policy: Policy) -> dict[str, str]:
    """Placeholder -> text, but for those that Prometheus is asked for."""
    stack = policy.stack
    # The first as people reach it.
    alertmanagers = stack.link("alertmanager"), *(f"http://{each}" for each in stack.alertmanager_peers)
    return {
        "alertmanager": ", ".join(stack.alertmanagers),
        "members": str(len(stack.alertmanagers)),
        "ready_members": _ready(alertmanagers),
        "ask_members": "\n".join(f"amtool cluster show --alertmanager.url={url}" for url in alertmanagers),
        "prometheuses": ", ".join(stack.prometheus_addresses),
        "watchers": str(len(stack.prometheuses)),
        "each_of_them": f" Of {', '.join(stack.prometheuses)} each has its own." if stack.prometheus_peers else "",
        "files": ", ".join(f"`{name}` is of {url}" for name, url in _files(policy)),
        "check_files": "\n".join(f"promtool check config {name}" for name, _ in _files(policy)),
        "reload_prometheus": ", ".join(f"`curl -X POST {url}/-/reload`" for _, url in _files(policy)),
        "ask_watchers": _asked((stack.link("prometheus"), *stack.prometheus_peers)),
        **_heartbeat(policy),
        "sole": _sole_channel(policy),
    }


def queries(policy: Policy) -> dict[str, str]:
    """Placeholder -> what Prometheus is asked for it."""
    failed, sent = (
        targets.alertmanagers(policy, f"alertmanager_notifications_{what}total") for what in ("failed_", "")
    )
    refused = selector(SLACK_FAILURES, **targets.of_notifier(policy))
    return {
        "query_members": targets.alertmanagers(policy, "alertmanager_cluster_members"),
        "query_lag": selector(metrics.PROBE_LAG.name, fleet=policy.fleet.name),
        "query_policies": selector(metrics.POLICY_INFO.name, fleet=policy.fleet.name),
        "query_restarts": selector(prober_down.RESTARTS, **targets.of_exporter(policy)),
        "query_failed": f"increase({failed}[1h]) > 0",
        "query_sent": f"increase({sent}[1h])",
        "query_refused": f"increase({refused}[1h]) > 0",
        "query_parts": 'up{job=~"cachewatch.*"}',
        "query_scrape": f"scrape_duration_seconds{{job=~{one_of((SLI_JOB, targets.ALL_JOB))}}}",
    }


def _files(policy: Policy) -> Iterator[tuple[str, str]]:
    """What each Prometheus is started with, and where people reach it."""
    stack = policy.stack
    for address, url in zip(
        stack.prometheus_addresses, (stack.link("prometheus"), *stack.prometheus_peers), strict=True
    ):
        yield config_file(policy, address), url


def _asked(prometheuses: Iterable[str]) -> str:
    """Each is asked, for the one that the other pages ask may be the one that is gone."""
    seen = shlex.quote(f'{{__name__=~{one_of(("up", KNOWN))},job="{targets.PROMETHEUS_JOB}"}}')
    return "\n".join(f"promtool query instant {shlex.quote(url)} {seen}" for url in prometheuses)


def _ready(urls: Iterable[str]) -> str:
    return "\n".join(f"curl -sS -m 3 {url}/-/ready" for url in urls)


def _heartbeat(policy: Policy) -> dict[str, str]:
    heartbeat = policy.notify.heartbeat
    if heartbeat is None:
        return {
            "beat": "the policy names none",
            "told_of_it": "when Alertmanager was back, for the policy names no heartbeat",
        }
    each = f"each {duration(heartbeat.interval)}"
    return {
        "beat": each,
        "told_of_it": f"by the heartbeat's receiver, which is posted to {each}, or when Alertmanager was back",
    }


def _sole_channel(policy: Policy) -> str:
    if policy.notify.heartbeat is None:
        return "The policy names no heartbeat: when the only way to a person breaks, nobody outside tells."
    channels = policy.notify.page_channels
    if policy.notify.stops_when_both_fail:
        return "The other way to a person is told of it meanwhile; where both are broken, `all` fires and stops the heartbeat."
    if len(channels) != 1:
        return "Another way to a person is told of it meanwhile; where that is broken too nobody is, and the heartbeat goes on."
    return "It is the only way to a person: while it is broken, the heartbeat is stopped, so that its receiver tells."
