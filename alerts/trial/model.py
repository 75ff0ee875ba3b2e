"""The test page, and what the parts' own counters say of its way. Pure.

Alertmanager counts requests by integration, and not by receiver: a page, or a heartbeat, that leaves in the same seconds
counts as the test's. What Slack took the notifier counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar

from alerts.running import heard
from alerts.running.series import samples
from policy.model import Policy
from policy.notify import Timing
from policy.units import duration_text

Kind = Literal["pages", "tickets"]
_Key = TypeVar("_Key", bound=Hashable)
NAMES: Mapping[Kind, str] = {"pages": "CacheTestPage", "tickets": "CacheTestTicket"}
_SEVERITIES: Mapping[Kind, str] = {"pages": "critical", "tickets": "warning"}
_TRIED, _FAILED = "alertmanager_notification_requests_total", "alertmanager_notification_requests_failed_total"
_SLACK_TOOK, _SLACK_FAILED = "cachewatch_notifier_messages_total", "cachewatch_notifier_slack_failures_total"
# Alertmanager's notify.MinTimeout: an attempt is given so long, and a failed one is repeated within it.
_ATTEMPT = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Channel:
    """A way to a person: `pagerduty`, `slack` or `webhook`, and how a person calls it."""

    name: str
    title: str


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests by channel: all of them, and those that failed, by channel and reason (of Slack; else empty)."""

    tried: Mapping[str, int]
    failed: Mapping[tuple[str, str], int]

    def taken(self, channel: str) -> int:
        """Those that did not fail."""
        return self.tried.get(channel, 0) - sum(n for (name, _), n in self.failed.items() if name == channel)

    def reasons(self, channel: str) -> list[str]:
        """Why some failed; none where none did."""
        return [reason for (name, reason), number in sorted(self.failed.items()) if name == channel and number > 0]


@dataclass(frozen=True, slots=True)
class Leg:
    """How the test page, or its end, reached a channel: after so many seconds, None where it did not; and why not."""

    after: float | None = None
    failure: str = ""


def channels(policy: Policy, kind: Kind) -> tuple[Channel, ...]:
    """Who is told of pages, or tickets, in the policy's order; other webhooks are one, for Alertmanager counts them together."""
    notify = policy.notify
    urls = [webhook.url for webhook in notify.webhooks if webhook.takes(kind)]
    found = [Channel("pagerduty", "PagerDuty")] if notify.pagerduty is not None and kind == "pages" else []
    found += [Channel("slack", f"Slack {notify.slack.channel}")] if notify.slack is not None else []
    return (*found, *([Channel("webhook", ", ".join(urls))] if urls else []))


@dataclass(frozen=True, slots=True)
class Trial:
    """One test: its kind, who sends it in a few words, when it begins, and a name, by which it is a group of its own."""

    kind: Kind
    sender: str
    begins: datetime
    name: str

    def labels(self, policy: Policy) -> dict[str, str]:
        """By which Alertmanager tells it from another, and routes it."""
        severity = _SEVERITIES[self.kind]
        own = {"alertname": NAMES[self.kind], "fleet": policy.fleet.name, "part": self.name}
        return {**own, "severity": severity, "action": "investigate"}


def alert(policy: Policy, trial: Trial, ends: datetime) -> dict[str, Any]:
    """As `/api/v2/alerts` takes it."""
    fleet, what, begins = policy.fleet.name, trial.kind.removesuffix("s"), trial.begins
    when = f"{begins:%Y-%m-%d %H:%M:%S} UTC"
    description = (
        f"{trial.sender} sent this with `cachewatch alerts test-page` at {when}, to see that a {what} arrives. Nothing is wrong "
        f"with {fleet}. First: nothing; it ends by itself."
    )
    annotations = {"summary": f"Test {what} of {fleet}: nothing is wrong", "description": description}
    times = {"startsAt": begins.isoformat(), "endsAt": ends.isoformat()}
    return {"labels": trial.labels(policy), "annotations": annotations, **times}


def patience(policy: Policy, kind: Kind) -> timedelta:
    """Within which the test page must have reached everybody: its group's wait, and two attempts."""
    return _timing(policy, kind).group_wait + 2 * _ATTEMPT


def patience_at_end(policy: Policy, kind: Kind) -> timedelta:
    """The same of its end, of which Alertmanager tells with the group's next turn."""
    return _timing(policy, kind).group_interval + 2 * _ATTEMPT


def _timing(policy: Policy, kind: Kind) -> Timing:
    return policy.notify.page if kind == "pages" else policy.notify.ticket


def counts(page: str) -> Counts:
    """From the page of metrics of an Alertmanager, or of the notifier, which counts what Slack took and what it did not."""
    tried, failed = Counter[str](), Counter[tuple[str, str]]()
    for labels, value in samples(page, _TRIED):
        tried[labels.get("integration", "")] += _number(value)
    for labels, value in samples(page, _FAILED):
        failed[labels.get("integration", ""), ""] += _number(value)
    for labels, value in samples(page, _SLACK_FAILED):
        failed["slack", labels.get("reason", "")] += _number(value)
        tried["slack"] += _number(value)
    for _, value in samples(page, _SLACK_TOOK):
        tried["slack"] += _number(value)
    return Counts(tried, failed)


def grown(before: Mapping[str, Counts], now: Mapping[str, Counts]) -> Counts:
    """What has come since, over all parts by their names.

    A part that told nothing before has no beginning: all that it ever counted would be taken for the test's. One that was
    started anew counts from nothing.
    """
    tried, failed = Counter[str](), Counter[tuple[str, str]]()
    for part in before.keys() & now.keys():
        tried.update(_increase(before[part].tried, now[part].tried))
        failed.update(_increase(before[part].failed, now[part].failed))
    return Counts(tried, failed)


def _increase(before: Mapping[_Key, int], now: Mapping[_Key, int]) -> dict[_Key, int]:
    return {key: n - before.get(key, 0) if n >= before.get(key, 0) else n for key, n in now.items()}


def _number(text: str) -> int:
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        return 0


def took(policy: Policy, kind: Kind, channel: Channel, since: Counts) -> bool:
    """Whether the channel has taken what was sent, by what was counted since."""
    return since.taken(channel.name) >= _least(policy, kind, channel, since)


def _least(policy: Policy, kind: Kind, channel: Channel, since: Counts) -> int:
    """One request; of webhooks one each, and the notifier's, for it is one too, unless Slack is known to have refused."""
    if channel.name != "webhook":
        return 1
    others = sum(webhook.takes(kind) for webhook in policy.notify.webhooks)
    return others + (policy.notify.slack is not None and not since.reasons("slack"))


def failure(channel: Channel, since: Counts, patience: timedelta) -> str:
    """Why a channel has not taken it, in words with what to do."""
    reasons = since.reasons(channel.name)
    if not reasons:
        return f"nothing within {duration_text(patience)}"
    log = "the notifier's log" if channel.name == "slack" else "the log of Alertmanager"
    why = f" ({', '.join(filter(None, reasons))})" if any(reasons) else ""
    return f"refused or not reached{why}: {log} says why"


def kept_back(policy: Policy, kind: Kind, told: Any) -> str:
    """Why it does not leave, by what `/api/v2/alerts` of Alertmanager told of it; or that a calendar may mute it."""
    found = heard.read(told)
    if not found:
        return "Alertmanager does not know it: is its route tree that of the build? (cachewatch check --stack)"
    for names, word in ((found[0].silenced_by, "silenced"), (found[0].inhibited_by, "inhibited")):
        if names:
            return f"Alertmanager keeps it back: {word} by {', '.join(names)}"
    calendars = ["maintenance"] if policy.notify.maintenance else []
    if kind == "tickets" and policy.notify.office_hours is not None:
        calendars.append("office_hours")
    return f"In times of notify.{', notify.'.join(calendars)} nobody is told" if calendars else ""
