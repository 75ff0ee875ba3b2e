"""What Alertmanager and Prometheus answered, made fit for the page. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from policy.alerts import told_of

MOST_ALERTS = 100
_LONGEST = 500


class Nonsense(ValueError):
    """The answer has not the form that its API promises."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What an address last answered. `at` is the monotonic second of the last good answer; `error` is empty after one."""

    at: float | None = None
    error: str = ""
    asked: bool = False


def alerts(body: Any) -> list[dict[str, Any]]:
    """Alertmanager's alerts (API v2) as the page shows them: those that notify first, critical before warning."""
    if not isinstance(body, list) or not all(isinstance(entry, dict) for entry in body):
        raise Nonsense("the answer is no list of alerts")
    try:
        found = _once(body)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Nonsense(f"an alert in the answer lacks a part: {error}") from error
    found = [alert for alert in found if alert["severity"] != "none"]  # the Watchdog fires while all is well
    return sorted(found, key=lambda a: (a["status"] != "active", a["severity"] != "critical", -a["since_unix_seconds"]))


def _once(body: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One of those alerts in which several Prometheus tell the same: one that notifies, and of these the oldest."""
    found: dict[str, dict[str, Any]] = {}
    for entry in body:
        about, alert = repr(sorted(told_of(entry["labels"]).items())), _alert(entry)
        found[about] = min(
            found.get(about, alert), alert, key=lambda a: (a["status"] != "active", a["since_unix_seconds"])
        )
    return list(found.values())


def _alert(entry: Mapping[str, Any]) -> dict[str, Any]:
    labels, notes, status = entry["labels"], entry.get("annotations") or {}, entry["status"]
    muted = "silenced" if status.get("silencedBy") else "inhibited" if status.get("inhibitedBy") else ""
    return {
        # Two alerts may differ in a label that the page does not show, as `slo`.
        "fingerprint": _text(entry.get("fingerprint", "")),
        "name": _text(labels["alertname"]),
        "severity": _text(labels.get("severity", "")),
        "shard": _text(labels.get("shard", "")),
        "instance": _text(labels.get("instance", "")),
        "status": muted or "active",
        "summary": _text(notes.get("summary", "")),
        "since_unix_seconds": round(datetime.fromisoformat(entry["startsAt"]).timestamp()),
        "runbook_url": web_address(notes.get("runbook_url")),
        "dashboard_url": web_address(notes.get("dashboard_url")),
    }


def _text(value: Any) -> str:
    return str(value)[:_LONGEST]


def web_address(value: Any) -> str | None:
    """The address when it is one of the web; a page must not link to `javascript:`."""
    if not isinstance(value, str):
        return None
    try:
        good = urlsplit(value).scheme in ("http", "https")
    except ValueError:
        return None
    return value if good else None


def number(body: Any) -> float | None:
    """The one value of an instant query's answer; None when Prometheus has no data."""
    try:
        result = body["data"]["result"]
        value = float(result[0]["value"][1]) if result else math.nan
    except (KeyError, TypeError, IndexError, ValueError, OverflowError) as error:
        raise Nonsense("the answer is no instant vector") from error
    return value if math.isfinite(value) else None
