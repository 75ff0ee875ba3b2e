"""Alertmanager's receivers: PagerDuty, the notifier that speaks to Slack, other webhooks, the heartbeat. Pure.

A secret is named as a file that Alertmanager reads itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from policy.alerts import TOLD_BY
from policy.model import Policy
from policy.notify import PagerDuty

NOBODY = "nobody"
_HEARTBEAT = "heartbeat"
# What a notification says of a group: its first firing alert, else its first. "Common" values are empty where two
# alerts of the group differ.
_ALERT = "(index (or .Alerts.Firing .Alerts) 0)"
_TITLES = ("Annotations.summary", "Annotations.message", "Labels.alertname")
_DETAILS = ("fleet", "shard", "instance", "part", "slo", "cause", "action")

# A message shows fifteen; all of a group of thousands are more than the notifier reads, and it would tell nothing of it.
# Of two Prometheus each has its own.
_MOST_TOLD = 1000


@dataclass(frozen=True, slots=True)
class Way:
    """One way to a person. A receiver of its own, as each has its own `repeat`: how often it is told what still fires."""

    receiver: dict[str, Any]
    repeat: timedelta

    @property
    def name(self) -> str:
        """The receiver's."""
        return str(self.receiver["name"])


def ways(policy: Policy, kind: Literal["pages", "tickets"]) -> tuple[Way, ...]:
    """By which pages, or tickets, leave: PagerDuty, the notifier that speaks to Slack, whom else the policy names."""
    notify = policy.notify
    timing = notify.page if kind == "pages" else notify.ticket
    told: list[tuple[str, dict[str, Any], timedelta]] = []
    if notify.pagerduty is not None and kind == "pages":
        events = {"pagerduty_configs": [_pagerduty(policy, notify.pagerduty)]}
        told.append(("pagerduty", events, notify.pagerduty.repeat_interval))
    if notify.slack is not None:
        told.append(("slack", {"webhook_configs": [_notifier(policy)]}, timing.asserted))
    for number, webhook in enumerate(notify.webhooks, start=1):
        if webhook.takes(kind):
            posts = {"webhook_configs": [_webhook(webhook.url, webhook.token_file)]}
            told.append((f"webhook-{number}", posts, webhook.repeat_interval or timing.repeat_interval))
    return tuple(Way({"name": f"{kind}-{name}", **how}, repeat) for name, how, repeat in told)


def _notifier(policy: Policy) -> dict[str, Any]:
    most = _MOST_TOLD * min(len(policy.stack.prometheuses), 2)
    return {**_webhook(f"http://{policy.stack.notifier}/alertmanager", None), "max_alerts": most}


def heartbeat(policy: Policy) -> Way | None:
    """Who is told that the Watchdog fires, and is alarmed by silence. The Watchdog's end is no sign of life."""
    told = policy.notify.heartbeat
    if told is None:
        return None
    posts = {**_webhook(told.url, told.token_file), "send_resolved": False}
    # Whether to repeat is asked each group_interval, and the last beat is then a moment younger than that: with both the
    # same, every other beat is left out (measured).
    return Way({"name": _HEARTBEAT, "webhook_configs": [posts]}, told.interval / 2)


def _webhook(url: str, token_file: Path | None) -> dict[str, Any]:
    token = {} if token_file is None else {"http_config": {"authorization": {"credentials_file": str(token_file)}}}
    return {"url": url, "send_resolved": True, **token}


def _pagerduty(policy: Policy, pagerduty: PagerDuty) -> dict[str, Any]:
    shown = "Dashboard" if policy.stack.grafana else "Graph"
    critical = f'{{{{ if eq {_ALERT}.Labels.severity "critical" }}}}critical{{{{ else }}}}warning{{{{ end }}}}'
    return {
        "routing_key_file": str(pagerduty.routing_key_file),
        "url": pagerduty.url,
        "send_resolved": True,
        "severity": critical,
        "class": _label("alertname"),
        "component": _label("instance"),
        "group": _label("fleet"),
        "client": "Cachewatch",
        "client_url": _annotation("dashboard_url"),
        # PagerDuty refuses an event without one, and other people's alerts come this way too.
        "description": f'{{{{ or {" ".join(f"{_ALERT}.{name}" for name in _TITLES)} "alert" }}}}',
        "details": _details(several=bool(policy.stack.prometheus_peers)),
        "links": [
            {"href": _annotation("runbook_url"), "text": "Runbook"},
            {"href": _annotation("dashboard_url"), "text": shown},
        ],
    }


def _details(*, several: bool) -> dict[str, str]:
    """What stands below a page's title; the last two in place of all that Alertmanager itself would say of each alert.

    Where there are `several` Prometheus, with which of them says so.
    """
    by = _label_of_each(TOLD_BY) if several else ""
    links = {"runbook": "runbook_url", "dashboard": "dashboard_url"}
    return {
        **{name: _text(f"{_ALERT}.Labels.{name}") for name in _DETAILS},
        "description": _text(f"{_ALERT}.Annotations.description"),
        **{name: _text(f"{_ALERT}.Annotations.{annotation}") for name, annotation in links.items()},
        **{state.lower(): _summaries(f".Alerts.{state}", by) for state in ("Firing", "Resolved")},
    }


def _summaries(alerts: str, by: str) -> str:
    titles = " ".join(f".{name}" for name in _TITLES)
    title = _text(f'or {titles} "alert"')
    return f"{{{{ range {alerts} }}}}{title}{by}. {{{{ end }}}}"


def _label_of_each(name: str) -> str:
    return f"{{{{ with .Labels.{name} }}}} (told by {_text('.')}){{{{ end }}}}"


def _text(value: str) -> str:
    """A detail of a page, which newer Alertmanagers (0.33 does, 0.25 does not) read as YAML and then as a template once more.

    Two braces in a name would be a template that fails, and cost the page; a colon before a blank would make a mapping of a
    sentence. So one gets a blank between, the other a no-break space, which is no blank to YAML.
    """
    return f'{{{{ {value} | reReplaceAll "[{{][{{]" "{{ {{" | reReplaceAll ": " ":\\u00a0" }}}}'


def _label(name: str) -> str:
    return f"{{{{ {_ALERT}.Labels.{name} }}}}"


def _annotation(name: str) -> str:
    return f"{{{{ {_ALERT}.Annotations.{name} }}}}"
