"""alertmanager.yml: who is told, how soon, and what is not said twice. Accepted by Alertmanager 0.25 and later. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from alerts import calendars, inhibition
from alerts.promql import duration, matched
from alerts.receivers import NOBODY, Way, heartbeat, ways
from policy.alerts import ACCESS_DENIED, CERTIFICATE_EXPIRING, FRAGMENTED, MAIN_THREAD_BUSY, PAGES, WATCHDOG
from policy.model import Policy
from policy.notify import Heartbeat, Timing

# An alert that joins a living group waits for group_interval, so each subject has a group of its own. `cause` is left
# out: two causes on one node are one page.
GROUP_BY = ["alertname", "fleet", "shard", "instance", "part", "slo"]

# One cause makes many of these in one minute, and each node has to be seen to: certificates that were made together, values
# that are deleted on a primary and on its replicas, a service that lost its login, a campaign. They are one message, and the
# exporter's own certificate another.
_TOGETHER = (ACCESS_DENIED, CERTIFICATE_EXPIRING, MAIN_THREAD_BUSY, FRAGMENTED)

_ASIDE = (3 - 5**0.5) / 2  # the smaller part of the golden section


def config(policy: Policy) -> dict[str, Any]:
    """Routes by severity and action. A receiver that the policy does not configure is left out."""
    notify = policy.notify
    pages, tickets, beat = ways(policy, "pages"), ways(policy, "tickets"), heartbeat(policy)
    in_calendar = {**_timing(policy, notify.page, policy.rules.liveness_evaluation), **calendars.of_page(policy)}
    in_office = {**_timing(policy, notify.ticket, policy.rules.interval), **calendars.of_ticket(policy)}
    # Of our own Watchdog alone: another one's beat would hide that ours is silent.
    beats = (f"alertname={matched(WATCHDOG.name)}", f"fleet={matched(policy.fleet.name)}")
    routes = [
        *_routes((beat,) if beat else (), _beat(notify.heartbeat), *beats),
        *_routes((), {}, 'severity="none"'),
        *(route for label, value in PAGES.items() for route in _routes(pages, in_calendar, f'{label}="{value}"')),
        *_routes(
            tickets,
            {**in_office, "group_by": ["alertname", "fleet", "part"]},
            f"alertname=~{matched('|'.join(_TOGETHER))}",
        ),
        # An alert of another severity, somebody else's, is rather told than lost; the root itself cannot be muted.
        *_routes(tickets, in_office),
    ]
    told = [way.receiver for way in (*pages, *tickets, *((beat,) if beat else ()))]
    return {
        "route": {"receiver": NOBODY, "group_by": GROUP_BY, "routes": routes},
        "inhibit_rules": inhibition.rules(policy),
        **calendars.intervals(policy),
        "receivers": [*told, {"name": NOBODY}],
    }


def _routes(told: tuple[Way, ...], how: dict[str, Any], *matchers: str) -> Iterator[dict[str, Any]]:
    """One for each way; Alertmanager looks on until one does not say `continue`. With no way, nobody is told."""
    matching = {"matchers": list(matchers)} if matchers else {}
    if not told:
        yield {"receiver": NOBODY, **matching, **how}
    for way in told:
        following = {} if way is told[-1] else {"continue": True}
        yield {"receiver": way.name, **matching, **how, "repeat_interval": duration(way.repeat), **following}


def _timing(policy: Policy, timing: Timing, evaluated: timedelta) -> dict[str, str]:
    """The policy's times; with several Alertmanagers a little beside them, for alerts that are `evaluated` so often.

    News comes with an evaluation, and times that are multiples of it bring a group's turn in the same milliseconds: then one
    Alertmanager tells of an end that the other has not heard of yet, and that tells after it that the alert fires (of 600 ends of
    tickets 9, of 300 of pages 10; so none and one). By the golden section no turn of many comes close to an evaluation again.
    """
    aside = min(timing.group_interval, evaluated) * _ASIDE if policy.stack.alertmanager_peers else timedelta(0)
    wait = timing.group_wait + aside / 2 if timing.group_wait else timing.group_wait
    times = {"group_wait": wait, "group_interval": timing.group_interval - aside}
    return {name: duration(_whole(time) if aside else time) for name, time in times.items()}


def _whole(time: timedelta) -> timedelta:
    """In milliseconds, the least that Alertmanager knows."""
    return round(time / timedelta(milliseconds=1)) * timedelta(milliseconds=1)


def _beat(told: Heartbeat | None) -> dict[str, str]:
    return {} if told is None else {"group_wait": duration(timedelta(0)), "group_interval": duration(told.interval)}
