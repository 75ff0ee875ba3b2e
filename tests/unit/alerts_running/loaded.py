"""What servers tell that have loaded a build, in their own form; each test changes something in it."""

from __future__ import annotations

from typing import Any

from alerts import alertmanager, prometheus, rules
from alerts.build import dump, read
from policy.model import Policy
from policy.units import parse_duration


def groups(policy: Policy) -> list[dict[str, Any]]:
    """`/api/v1/rules` of a Prometheus, under `groups`."""
    return [
        {
            "name": group.name,
            "file": f"/etc/prometheus/rules/{stem}.yml",
            "interval": group.interval.total_seconds(),
            "rules": [_rule(rule.data()) for rule in group.rules],
        }
        for stem, group in rules.groups(policy).items()
    ]


def _rule(data: dict[str, Any]) -> dict[str, Any]:
    shared = {"query": data["expr"], "labels": data.get("labels"), "health": "ok", "evaluationTime": 0.001}
    if "record" in data:
        return {**shared, "type": "recording", "name": data["record"]}
    hold = parse_duration(data.get("for", "0s")).total_seconds()
    notes = {"annotations": data["annotations"], "alerts": None, "state": "inactive"}
    return {**shared, **notes, "type": "alerting", "name": data["alert"], "duration": hold}


def targets(policy: Policy) -> list[dict[str, Any]]:
    """`/api/v1/targets`, under `activeTargets`."""
    config = prometheus.config(policy)
    return [
        {
            "labels": {"job": job["job_name"], "instance": address},
            "scrapeUrl": f"http://{address}{_path(job, static)}",
            "health": "up",
            "lastError": "",
            "scrapeInterval": {**config["global"], **job}["scrape_interval"],
            "scrapeTimeout": {**config["global"], **job}["scrape_timeout"],
        }
        for job in config["scrape_configs"]
        for static in job["static_configs"]
        for address in static["targets"]
    ]


def _path(job: dict[str, Any], static: dict[str, Any]) -> str:
    path: str = static.get("labels", {}).get("__metrics_path__", job.get("metrics_path", "/metrics"))
    return path


def config(policy: Policy) -> dict[str, Any]:
    """An Alertmanager's configuration with what 0.33 fills in and masks."""
    found: dict[str, Any] = read(dump(alertmanager.config(policy)))
    for route in (found["route"], *found["route"]["routes"]):
        route.setdefault("continue", False)
    for receiver in found["receivers"]:
        receiver["labels"] = {"name": receiver["name"]}
        for webhook in receiver.get("webhook_configs", []):
            webhook |= {"url": "<secret>", "url_file": "", "timeout": "0s", "max_alerts": webhook.get("max_alerts", 0)}
            http = webhook.setdefault("http_config", {})
            http |= {"follow_redirects": True, "enable_http2": True}
            if "authorization" in http:
                http["authorization"]["type"] = "Bearer"
    return {"global": {"resolve_timeout": "5m"}, "templates": [], **found}


def status(config: dict[str, Any], *members: str, state: str = "ready") -> dict[str, Any]:
    """`/api/v2/status` of an Alertmanager."""
    peers = [{"name": name, "address": name} for name in members]
    return {"cluster": {"status": state, "peers": peers}, "config": {"original": dump(config)}, "uptime": ""}
