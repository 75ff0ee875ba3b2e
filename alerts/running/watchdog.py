"""Whether the alert that always fires has come to an Alertmanager, and leaves it: with it the heartbeat stops. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from alerts.running.model import few
from policy.alerts import WATCHDOG
from policy.model import Policy


def page(policy: Policy) -> str:
    """Where an Alertmanager tells of it."""
    labels = {"alertname": WATCHDOG.name, "fleet": policy.fleet.name}
    filters = [("filter", f"{name}={json.dumps(value, ensure_ascii=False)}") for name, value in labels.items()]
    return f"/api/v2/alerts?{urlencode(filters)}"


def problems(policy: Policy, told: Any) -> Iterator[str]:
    """What is wrong with it, by what stands there."""
    found = [one for one in told if isinstance(one, Mapping)] if isinstance(told, list) else []
    if not found:
        always = f"{WATCHDOG.name} of this fleet, which always fires"
        yield f"has no {always}: no Prometheus brings it alerts (one that has just begun does within a minute); its log says why"
    by = [name for one in found for name in _silences(one)]
    if by and policy.notify.heartbeat is not None:
        yield (
            f"{WATCHDOG.name} is silenced (by {few(by)}), and so the heartbeat stops: make that silence anew with "
            f"alertname!={WATCHDOG.name} in it"
        )


def _silences(alert: Mapping[str, Any]) -> list[str]:
    state = alert.get("status")
    by = state.get("silencedBy") if isinstance(state, Mapping) else None
    return [str(name) for name in by] if isinstance(by, list) else []
