"""Whether the alert that always fires has come to an Alertmanager, and leaves it: with it the heartbeat stops. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from alerts.running import heard
from alerts.running.model import few
from policy.alerts import WATCHDOG
from policy.model import Policy

# Prometheus sends what fires once a minute, at its start into the void as long as it knows of no Alertmanager.
_YOUNG = timedelta(minutes=2)


def page(policy: Policy) -> str:
    """Where an Alertmanager tells of it."""
    return heard.page({"alertname": WATCHDOG.name, "fleet": policy.fleet.name})


def problems(policy: Policy, told: Any, began: datetime | None, now: datetime) -> Iterator[str]:
    """What is wrong with it, by what stands there; `began` is when this Alertmanager was started, if it tells."""
    found = heard.read(told)
    if not found and (began is None or now - began > _YOUNG):
        always = f"{WATCHDOG.name} of this fleet, which always fires"
        yield f"has no {always}: no Prometheus brings it alerts; its log says why"
    by = [name for one in found for name in one.silenced_by]
    if by and policy.notify.heartbeat is not None:
        yield (
            f"{WATCHDOG.name} is silenced (by {few(by)}), and so the heartbeat stops: make that silence anew with "
            f"alertname!={WATCHDOG.name} in it"
        )
