"""Every alert of a policy in one list: how severe, what to do, when it fires, who is told. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from alerts.backtest.plan import expanded
from alerts.model import Group
from policy.model import Policy


@dataclass(frozen=True, slots=True)
class Entry:
    """One alerting rule, or several that differ in labels only (a rule for each expected node).

    `hold` and `keep` are Prometheus' durations, empty for none; `told` names who hears of it.
    """

    name: str
    severity: str
    action: str
    cause: str
    expr: str
    hold: str
    keep: str
    group: str
    interval: str
    told: tuple[str, ...]
    rules: int = 1

    def data(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "alert": self.name,
            "severity": self.severity,
            "action": self.action,
            **({"cause": self.cause} if self.cause else {}),
            "expr": self.expr,
            "for": self.hold,
            **({"keep_firing_for": self.keep} if self.keep else {}),
            "group": self.group,
            "interval": self.interval,
            "told": list(self.told),
            "rules": self.rules,
        }


def entries(policy: Policy, groups: Mapping[str, Group]) -> tuple[Entry, ...]:
    """The alerts in the order of the rules. Of rules that are the same but for their labels the first stands for all."""
    found: dict[tuple[str, ...], list[Entry]] = {}
    for group in groups.values():
        data = group.data()
        for rule in data["rules"]:
            if "alert" in rule:
                entry = _entry(policy, data, rule)
                found.setdefault((entry.name, entry.cause, entry.severity, entry.hold, entry.group), []).append(entry)
    return tuple(replace(same[0], rules=len(same)) for same in found.values())


def _entry(policy: Policy, group: Mapping[str, Any], rule: Mapping[str, Any]) -> Entry:
    labels = {name: expanded(value, {}) for name, value in rule.get("labels", {}).items()}
    return Entry(
        rule["alert"],
        labels.get("severity", ""),
        labels.get("action", ""),
        labels.get("cause", ""),
        str(rule["expr"]),
        rule.get("for", "0s"),
        rule.get("keep_firing_for", ""),
        group["name"],
        group["interval"],
        told(policy, labels.get("severity", ""), labels.get("action", "")),
    )


def told(policy: Policy, severity: str, action: str) -> tuple[str, ...]:
    """Who hears of such an alert, as alertmanager.config routes it: each way once, other webhooks by their address."""
    notify = policy.notify
    if severity == "none":
        return ("heartbeat",) if notify.heartbeat is not None else ()
    pages = severity == "critical" or action == "page"
    others = (webhook.url for webhook in notify.webhooks if webhook.takes("pages" if pages else "tickets"))
    phone = ("PagerDuty",) if pages and notify.pagerduty is not None else ()
    return (*phone, *(("Slack",) if notify.slack is not None else ()), *others)
