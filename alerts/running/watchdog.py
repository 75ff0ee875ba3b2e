"""Whether the alert that always fires has come to an Alertmanager, and leaves it: with it the heartbeat stops. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from alerts import prometheus
from alerts.running import heard
from alerts.running.heard import Heard
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
    if began is None or now - began > _YOUNG:
        yield from _missing(policy, found)
    # Of several Prometheus one that is not silenced is enough for the heartbeat.
    by = (
        dict.fromkeys(name for one in found for name in one.silenced_by)
        if all(one.silenced_by for one in found)
        else ()
    )
    if by and policy.notify.heartbeat is not None:
        yield (
            f"{WATCHDOG.name} is silenced (by {few([*by])}), and so the heartbeat stops: make that silence anew with "
            f"alertname!={WATCHDOG.name} in it"
        )


def _missing(policy: Policy, found: Sequence[Heard]) -> Iterator[str]:
    """It has none at all, or of several Prometheus not of each its own."""
    always = f"{WATCHDOG.name} of this fleet, which always fires"
    if not found:
        yield f"has no {always}: no Prometheus brings it alerts; its log says why"
    elif policy.stack.prometheus_peers:
        told = {one.told_by for one in found}
        files = zip(policy.stack.prometheus_addresses, prometheus.configs(policy), strict=True)
        if silent := [f"{address} ({file})" for address, file in files if address not in told]:
            yield (
                f"has no {always}, of Prometheus {few(silent)}: it brings no alerts, and its log says why, or not as its "
                f"own: take `alerting` of the file in brackets, of this build, and reload"
            )
