"""alertmanager.yml: who is told, how soon, and what is not said twice. Accepted by Alertmanager 0.25 and later. Pure."""

from __future__ import annotations

from typing import Any

from alerts.promql import duration, quote
from policy.alerts import ALERTS, AlertSpec
from policy.model import Policy
from policy.stack import PagerDuty, Timing

PAGE, TICKET, NOBODY = "page", "ticket", "nobody"
# An alert that joins a living group waits for group_interval: each node has a group of its own.
GROUP_BY = ["alertname", "fleet", "instance"]

# What a notification says of a group: its first firing alert, else its first. "Common" values are empty where two
# alerts of the group differ.
_ALERT = "(index (or .Alerts.Firing .Alerts) 0)"


def config(policy: Policy) -> dict[str, Any]:
    """Routes by severity. A receiver that the policy does not configure is left out."""
    receivers = [receiver for receiver in (_page(policy), _ticket(policy)) if len(receiver) > 1]
    names = {receiver["name"] for receiver in receivers}
    notify = policy.notify
    routes = [
        _route(policy.notify.page, "critical", PAGE if PAGE in names else NOBODY),
        _route(notify.ticket, "warning", TICKET if TICKET in names else NOBODY),
    ]
    # An alert of another severity, somebody else's, is rather told than lost.
    rest = TICKET if TICKET in names else NOBODY
    if NOBODY in {rest, *(route["receiver"] for route in routes)}:
        receivers.append({"name": NOBODY})
    return {
        "route": {"receiver": rest, "group_by": GROUP_BY, **_timing(notify.ticket), "routes": routes},
        "inhibit_rules": [_inhibition(spec) for spec in ALERTS if spec.inhibits],
        "receivers": receivers,
    }


def _route(timing: Timing, severity: str, receiver: str) -> dict[str, Any]:
    return {"receiver": receiver, "matchers": [f"severity={quote(severity)}"], **_timing(timing)}


def _timing(timing: Timing) -> dict[str, str]:
    return {
        "group_wait": duration(timing.group_wait),
        "group_interval": duration(timing.group_interval),
        "repeat_interval": duration(timing.repeat_interval),
    }


def _inhibition(spec: AlertSpec) -> dict[str, Any]:
    """A label that both lack counts as equal, so `equal` has only labels that both always carry."""
    return {
        "source_matchers": [f"alertname={quote(spec.name)}"],
        "target_matchers": [f"alertname=~{quote('|'.join(spec.inhibits))}"],
        "equal": list(spec.per),
    }


def _page(policy: Policy) -> dict[str, Any]:
    pagerduty = policy.notify.pagerduty
    configured = {} if pagerduty is None else {"pagerduty_configs": [_pagerduty(pagerduty)]}
    return {"name": PAGE, **configured, **_webhook(policy)}


def _ticket(policy: Policy) -> dict[str, Any]:
    return {"name": TICKET, **_webhook(policy)}


def _webhook(policy: Policy) -> dict[str, Any]:
    """The notifier, which speaks to Slack: threads, and a retry when Slack answers 429."""
    if policy.notify.slack is None:
        return {}
    return {
        "webhook_configs": [{"url": f"http://{policy.stack.notifier}/alertmanager", "send_resolved": True}],
    }


def _pagerduty(pagerduty: PagerDuty) -> dict[str, Any]:
    return {
        "routing_key_file": str(pagerduty.routing_key_file),
        "url": pagerduty.url,
        "send_resolved": True,
        "severity": "critical",
        "class": _label("alertname"),
        "component": _label("instance"),
        "group": _label("fleet"),
        "client": "Cachewatch",
        "client_url": _annotation("dashboard_url"),
        "description": _annotation("summary"),
        "details": {
            **{name: _label(name) for name in ("fleet", "shard", "instance", "action")},
            "description": _annotation("description"),
            "runbook": _annotation("runbook_url"),
            "dashboard": _annotation("dashboard_url"),
        },
        "links": [
            {"href": _annotation("runbook_url"), "text": "Runbook"},
            {"href": _annotation("dashboard_url"), "text": "Dashboard"},
        ],
    }


def _label(name: str) -> str:
    return f"{{{{ {_ALERT}.Labels.{name} }}}}"


def _annotation(name: str) -> str:
    return f"{{{{ {_ALERT}.Annotations.{name} }}}}"
