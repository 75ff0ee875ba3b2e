"""alertmanager.yml: who is told, how soon, and what is not said twice. Accepted by Alertmanager 0.25 and later. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from alerts import calendars, inhibition
from alerts.promql import duration, matched
from alerts.receivers import HEARTBEAT, NOBODY, PAGE, TICKET, receivers
from policy.alerts import PAGES, WATCHDOG
from policy.model import Policy
from policy.notify import Heartbeat, Timing

# An alert that joins a living group waits for group_interval, so each subject has a group of its own. `cause` is left
# out: two causes on one node are one page.
GROUP_BY = ["alertname", "fleet", "shard", "instance", "part", "slo"]


def config(policy: Policy) -> dict[str, Any]:
    """Routes by severity and action. A receiver that the policy does not configure is left out."""
    told = receivers(policy)
    names = {receiver["name"] for receiver in told}
    page, ticket, heartbeat = (name if name in names else NOBODY for name in (PAGE, TICKET, HEARTBEAT))
    notify = policy.notify
    pages = {**_timing(notify.page), **calendars.of_page(policy)}
    tickets = {**_timing(notify.ticket), **calendars.of_ticket(policy)}
    # Of our own Watchdog alone: another one's beat would hide that ours is silent.
    beats = (f"alertname={matched(WATCHDOG.name)}", f"fleet={matched(policy.fleet.name)}")
    routes = [
        _route(heartbeat, _beat(notify.heartbeat), *beats),
        _route(NOBODY, {}, 'severity="none"'),
        *(_route(page, pages, f'{label}="{value}"') for label, value in PAGES.items()),
        # An alert of another severity, somebody else's, is rather told than lost; the root itself cannot be muted.
        _route(ticket, tickets),
    ]
    told.append({"name": NOBODY})
    return {
        "route": {"receiver": ticket, "group_by": GROUP_BY, **_timing(notify.ticket), "routes": routes},
        "inhibit_rules": inhibition.rules(policy),
        **calendars.intervals(policy),
        "receivers": told,
    }


def _route(receiver: str, how: dict[str, Any], *matchers: str) -> dict[str, Any]:
    return {"receiver": receiver, **({"matchers": list(matchers)} if matchers else {}), **how}


def _timing(timing: Timing) -> dict[str, str]:
    return {
        "group_wait": duration(timing.group_wait),
        "group_interval": duration(timing.group_interval),
        "repeat_interval": duration(timing.repeat_interval),
    }


def _beat(heartbeat: Heartbeat | None) -> dict[str, str]:
    if heartbeat is None:
        return {}
    # Whether to repeat is asked each group_interval, and the last beat is then a moment younger than that: with both the
    # same, every other beat is left out (measured).
    every = Timing(group_wait=timedelta(0), group_interval=heartbeat.interval, repeat_interval=heartbeat.interval / 2)
    return _timing(every)
