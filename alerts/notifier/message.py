"""A notification -> the Slack message about it. Pure.

Written for somebody woken by it: the header says in words what state it is and where, then what happened, the facts
as a small table, what to do, and the links. Colour never speaks alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from alerts.node_down import OF_EXPORTER
from alerts.notifier.model import Alert, Notification
from alerts.notifier.mrkdwn import link, many_lines, moment, one_line, unescaped
from policy import links as addresses
from policy.alerts import (
    ALERTMANAGER_DOWN,
    METRICS_MISSING,
    NOTIFIER_DOWN,
    POLICY_DIFFERS,
    PROBER_DOWN,
    PROMETHEUS_PEER_DOWN,
)
from policy.units import duration_text

Block = dict[str, Any]

# Slack's limits: 150 characters a header, 3000 a section, 2000 a field, 10 fields a section, 50 blocks a message.
MAX_HEADER = 150
MAX_SECTION = 3000
MAX_FIELD = 500
MAX_SUMMARY = 300
MAX_DESCRIPTION = 1500
MAX_TEXT = 400
# More than this nobody reads in the night, and Slack refuses long messages well below 50 full sections.
MAX_ALERTS = 15
MAX_DESCRIPTIONS = 4500
_SHOWN_VALUES = 5
# What the instance of an alert on the watching itself is: its address reads like a node's.
_PARTS: Mapping[str, str] = {
    PROBER_DOWN.name: "exporter",
    METRICS_MISSING.name: "exporter",
    POLICY_DIFFERS.name: "exporter",
    NOTIFIER_DOWN.name: "notifier",
    ALERTMANAGER_DOWN.name: "Alertmanager",
    PROMETHEUS_PEER_DOWN.name: "Prometheus",
}

ACTIONS: Mapping[str, str] = {
    "investigate": "Investigate: find the cause before it becomes critical.",
    "page": "On-call acts now; start with the runbook.",
    "check_nodes": "Check the nodes: compare this one with its siblings.",
    "automatic_failover": "If it was a primary under Sentinel or in a Cluster: see that a replica was promoted, act if none was.",
    "check_eviction": "Check eviction: memory limit, eviction policy and evicted keys.",
}


@dataclass(frozen=True, slots=True)
class Message:
    """One Slack message: the `text` of lock screens, the `blocks` of the channel, the `links` for a text without blocks."""

    text: str
    blocks: tuple[Block, ...]
    links: str

    @property
    def plain(self) -> str:
        """The message as text alone, for when Slack refuses the blocks."""
        return f"{self.text}\n{self.links}" if self.links else self.text

    @property
    def logged(self) -> str:
        """The text as a log shows it, without Slack's escapes."""
        return unescaped(self.text)


def render(notification: Notification) -> Message:
    """Make the message about a group of alerts as it stands now."""
    links = _links(notification)
    blocks = [_header(notification)]
    if len(notification.alerts) == 1:
        blocks.append(_section(_story(notification.alerts[0])))
    blocks.append(_table(notification))
    if len(notification.alerts) > 1:
        blocks += _listed(notification)
    if notification.firing and (action := _action(notification)):
        blocks.append(_section(f"*What to do:* {action}"))
    together = "  |  ".join(links)
    if links:
        blocks += [_section(together)] if len(together) <= MAX_SECTION else map(_section, links)
    return Message(_text(notification), tuple(blocks), together)


def _header(notification: Notification) -> Block:
    mark, words = _state(notification)
    title = f"{mark} {words}: {_name(notification)} on {_where(notification)}"
    # emoji off: `:skull:` in a label stays what it is; the mark is a character of its own.
    return {"type": "header", "text": {"type": "plain_text", "text": one_line(title, MAX_HEADER), "emoji": False}}


def _state(notification: Notification) -> tuple[str, str]:
    """The mark and the words of the state."""
    listed = len(notification.alerts)
    if not notification.firing and notification.truncated:  # nobody knows of the others, and some may fire
        return "🔵", f"RESOLVED ({listed} of {listed + notification.truncated})"
    if not notification.firing:
        if _unseen(notification):
            return "⚪", f"ENDED UNSEEN after {_lasted(_ended(notification) - _began(notification))}"
        # With its duration, so that "RESOLVED ...: node is down" cannot be taken for news of a node that is down.
        return "✅", f"RESOLVED after {_lasted(_ended(notification) - _began(notification))}"
    severity = _severity(notification)
    mark = {"critical": "🔴", "warning": "🟡"}.get(severity, "🔵")
    ended = f", {len(notification.resolved)} of {listed} resolved" if notification.resolved else ""
    return mark, f"FIRING ({severity}{ended})"


def _unseen(notification: Notification) -> bool:
    return any(alert.unseen for alert in notification.alerts)


def _severity(notification: Notification) -> str:
    """The worst severity: critical before warning before whatever else stands there."""
    found = {alert.labels.get("severity", "") for alert in notification.firing or notification.alerts} - {""}
    for known in ("critical", "warning"):
        if known in found:
            return known
    return min(found, default="no severity")


def _name(notification: Notification) -> str:
    names = notification.values("alertname")
    return names[0] if len(names) == 1 else f"{len(names)} kinds of alert" if names else "alert without a name"


def _where(notification: Notification) -> str:
    """The one instance, how many there are, or the fleet."""
    instances = notification.values("instance")
    if len(instances) > 1:
        return f"{len(instances)} instances"
    fleet = _joined(notification.values("fleet"))
    if not instances:
        return f"fleet {fleet}" if fleet else "an unnamed fleet"
    who = f"{_part(*notification.alerts)} {instances[0]}".lstrip()
    return f"{who} (fleet {fleet})" if fleet else who


def _part(*alerts: Alert) -> str:
    """What the instance of these alerts is where it is no node of the cache, as `exporter`; else empty."""
    found = {
        "exporter" if alert.labels.get("cause") in OF_EXPORTER else _PARTS.get(alert.labels.get("alertname", ""), "")
        for alert in alerts
    }
    return found.pop() if len(found) == 1 else ""


def _joined(values: tuple[str, ...]) -> str:
    more = f" and {len(values) - _SHOWN_VALUES} more" if len(values) > _SHOWN_VALUES else ""
    return ", ".join(values[:_SHOWN_VALUES]) + more


def _story(alert: Alert) -> str:
    """Summary and description of a single alert; of an ended one only what it was."""
    summary = one_line(_summary(alert), MAX_SUMMARY)
    if alert.status == "resolved":
        return f"{_why(alert)} {summary}"
    description = alert.annotations.get("description", "").strip()
    return f"*{summary}*" + (f"\n{many_lines(description, MAX_DESCRIPTION)}" if description else "")


def _why(alert: Alert) -> str:
    """Whether it is over, or nobody looks any more."""
    if not alert.unseen:
        return "*Over:*"
    return f"*Nobody has seen it heal:* {one_line(alert.unseen, MAX_SUMMARY)}. It was:"


def _summary(alert: Alert) -> str:
    return alert.annotations.get("summary") or alert.labels.get("alertname") or "no summary"


def _table(notification: Notification) -> Block:
    shown = [
        ("Severity", (_severity(notification),)),
        ("Fleet", notification.values("fleet")),
        ("Shard", notification.values("shard")),
        (_part(*notification.alerts).capitalize() or "Instance", notification.values("instance")),
        ("Part", notification.values("part")),  # by which the runbooks tell one failure from another
    ]
    fields = [_field(name, one_line(_joined(values), MAX_FIELD)) for name, values in shown if values]
    return {"type": "section", "fields": fields + [_field(name, value) for name, value in _times(notification)]}


def _times(notification: Notification) -> Iterator[tuple[str, str]]:
    """Since when it fires; of a group that ended, from when to when."""
    if notification.firing:
        yield "Firing since", moment(_began(notification))
        return
    yield "Fired at", moment(_began(notification))
    yield "Ended at" if _unseen(notification) else "Resolved at", moment(_ended(notification))
    yield "Lasted", _lasted(_ended(notification) - _began(notification))


def _began(notification: Notification) -> datetime:
    return min(alert.starts_at for alert in notification.firing or notification.alerts)


def _ended(notification: Notification) -> datetime:
    return max(alert.ends_at for alert in notification.alerts)


def _lasted(span: timedelta) -> str:
    return duration_text(timedelta(seconds=max(0, round(span.total_seconds()))))


def _listed(notification: Notification) -> Iterator[Block]:
    """The alerts of a group one by one, firing ones first, and how many were left out."""
    ordered = notification.firing + notification.resolved
    told = MAX_DESCRIPTIONS // max(1, len(notification.firing[:MAX_ALERTS]))
    yield from (_section(_line(alert, min(told, MAX_DESCRIPTION))) for alert in ordered[:MAX_ALERTS])
    hidden = ordered[MAX_ALERTS:]
    if not hidden and not notification.truncated:
        return
    firing = sum(alert.status == "firing" for alert in hidden)
    left_out = f"{firing} firing and {len(hidden) - firing} resolved alerts are not shown here"
    if notification.truncated:
        left_out += f", nor {notification.truncated} that Alertmanager left out"
    where = link(_alertmanager(notification, "alerts"), "all of them in Alertmanager")
    yield _section(f"*{left_out}.*" + (f" See {where}." if where else ""))


def _line(alert: Alert, most: int) -> str:
    """One alert of a group, the description of a firing one in at most so many characters."""
    instance = alert.labels.get("instance")
    named = f"{_part(alert)} {instance}".lstrip() if instance else alert.labels.get("fleet") or "no instance"
    place, summary = one_line(named, MAX_TEXT), one_line(_summary(alert), MAX_SUMMARY)
    if alert.status == "resolved":
        how = "ENDED UNSEEN" if alert.unseen else "RESOLVED"
        return f"*{place}*: {how} after {_lasted(alert.ends_at - alert.starts_at)}\n{summary}"
    description = alert.annotations.get("description", "").strip()
    told = f"\n{many_lines(description, most)}" if description else ""
    return f"*{place}*: FIRING since {moment(alert.starts_at)}\n{summary}{told}"


def _action(notification: Notification) -> str:
    """What the alerts' `action` label asks for, in words; a story that says itself what to do first knows better."""
    (first, *others) = notification.alerts
    if not others and "First: " in first.annotations.get("description", ""):
        return ""
    found = tuple(dict.fromkeys(alert.labels.get("action", "") for alert in notification.firing))
    return " ".join(ACTIONS.get(action) or one_line(action, MAX_FIELD) for action in found[:_SHOWN_VALUES] if action)


def _links(notification: Notification) -> list[str]:
    """The places to go to, most urgent first. Links, not buttons: a button wants an endpoint that Slack can call."""
    first = (notification.firing or notification.alerts)[0]
    shown = first.annotations.get("dashboard_url", "")
    dashboard = link(shown, "Graph" if addresses.is_graph(shown) else "Dashboard")
    places = [
        link(first.annotations.get("runbook_url", ""), "Runbook"),
        dashboard or link(first.generator_url, "Graph"),
        link(_alertmanager(notification, "silences/new"), "Silence it") if notification.firing else "",
        link(_alertmanager(notification, "alerts"), "Alertmanager") if notification.firing else "",
    ]
    return [place for place in places if place]


def _alertmanager(notification: Notification, page: str) -> str:
    """A page of Alertmanager's UI, filtered to this group; empty when it did not say where it is."""
    if not notification.external_url:
        return ""
    labels = notification.group_labels or notification.alerts[0].labels
    matchers = ",".join(f"{name}={_quoted(value)}" for name, value in sorted(labels.items()))
    return f"{notification.external_url.rstrip('/')}/#/{page}?filter={quote('{' + matchers + '}', safe='')}"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _text(notification: Notification) -> str:
    """One line for lock screens and screen readers: state, what, where."""
    _, words = _state(notification)
    alert = (notification.firing or notification.alerts)[0]
    others = f" (and {len(notification.alerts) - 1} more)" if len(notification.alerts) > 1 else ""
    return one_line(f"{words}: {_summary(alert)}{others}, {_name(notification)} on {_where(notification)}", MAX_TEXT)


def _section(text: str) -> Block:
    return {"type": "section", "text": _mrkdwn(text)}


def _field(name: str, value: str) -> Block:
    return _mrkdwn(f"*{name}*\n{value}")


def _mrkdwn(text: str) -> Block:
    # verbatim: Slack must not turn `@here`, `#channel` or a bare URL out of a label into something live.
    return {"type": "mrkdwn", "text": text, "verbatim": True}
