"""Webhook bodies in the shape in which Alertmanager 0.25 sends them."""

import json
from typing import Any

from alerts.notifier.model import Notification, parse

NEVER = "0001-01-01T00:00:00Z"
BEGAN = "2026-11-22T03:04:05.123456789Z"
ENDED = "2026-11-22T03:06:18.5Z"


def alert(instance: str = "10.0.0.1:6379", *, ended: str | None = None, **other: Any) -> dict[str, Any]:
    """Give one alert of a dead node; `labels` and `annotations` are laid over the usual ones."""
    labels = {
        "alertname": "CacheNodeDown",
        "severity": "critical",
        "action": "automatic_failover",
        "fleet": "prod-cache",
        "shard": "shard-a",
        "instance": instance,
    }
    annotations = {
        "summary": f"Cache node {instance} is down",
        "description": f"{instance} (primary of shard-a) failed 3 health checks in a row.\nFirst: redis-cli -p 6379 ping",
        "runbook_url": "http://127.0.0.1:9122/runbooks/CacheNodeDown",
        "dashboard_url": "http://127.0.0.1:3000/d/cachewatch-fleet?var-fleet=prod-cache&var-instance=10.0.0.1%3A6379",
    }
    return {
        "status": "resolved" if ended else "firing",
        "labels": {**labels, **other.pop("labels", {})},
        "annotations": {**annotations, **other.pop("annotations", {})},
        "startsAt": BEGAN,
        "endsAt": ended or NEVER,
        "generatorURL": "http://127.0.0.1:9090/graph?g0.expr=cache_node_up+%3D%3D+0&g0.tab=1",
        "fingerprint": f"fp-{instance}",
        **other,
    }


def body(*alerts: dict[str, Any], **other: Any) -> dict[str, Any]:
    """Give a webhook body about these alerts, one dead node when none is named."""
    group = {"alertname": "CacheNodeDown", "fleet": "prod-cache", "instance": "10.0.0.1:6379"}
    listed = alerts or (alert(),)
    return {
        "receiver": "slack",
        "status": "firing" if any(one["status"] == "firing" for one in listed) else "resolved",
        "alerts": list(listed),
        "groupLabels": group,
        "commonLabels": group,
        "commonAnnotations": {},
        "externalURL": "http://127.0.0.1:9093",
        "version": "4",
        "groupKey": '{}/{severity="critical"}:{alertname="CacheNodeDown", instance="10.0.0.1:6379"}',
        "truncatedAlerts": 0,
        **other,
    }


def notification(*alerts: dict[str, Any], **other: Any) -> Notification:
    """Give the same as the notifier reads it."""
    return parse(json.dumps(body(*alerts, **other)).encode())
