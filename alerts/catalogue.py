"""Every alert of a policy in one list: how severe, what to do, when it fires, who is told. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from alerts.backtest.plan import expanded
from alerts.backtest.selectors import NotUnderstood, selectors
from alerts.model import Group
from policy.alerts import is_page
from policy.model import Policy

# What each entry says in a place of its own, and what tells apart the rules that one entry stands for.
_SAID = frozenset(("severity", "sloth_severity", "action", "fleet"))
_SUBJECT = frozenset(("shard", "instance"))


@dataclass(frozen=True, slots=True)
class Entry:
    """One alerting rule, or several that differ in their subject only (a rule for each expected node).

    `own` are the labels that tell it from others of its name: `cause`, `part`, `slo`. `hold` is Prometheus'
    duration; `told` names who hears of it.
    """

    name: str
    severity: str
    action: str
    own: tuple[tuple[str, str], ...]
    expr: str
    hold: str
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
            **dict(self.own),
            "expr": self.expr,
            "for": self.hold,
            "group": self.group,
            "interval": self.interval,
            "told": list(self.told),
            "rules": self.rules,
        }


def entries(policy: Policy, groups: Mapping[str, Group]) -> tuple[Entry, ...]:
    """The alerts in the order of the rules. Of rules that are the same but for their subject the first stands for all."""
    found: dict[tuple[object, ...], list[Entry]] = {}
    for group in groups.values():
        data = group.data()
        for rule in data["rules"]:
            if "alert" in rule:
                entry = _entry(policy, data, rule)
                found.setdefault((entry.name, entry.own, entry.severity, entry.hold, entry.group), []).append(entry)
    return tuple(replace(same[0], rules=len(same)) for same in found.values())


def _entry(policy: Policy, group: Mapping[str, Any], rule: Mapping[str, Any]) -> Entry:
    labels = {name: expanded(value, {}) for name, value in rule.get("labels", {}).items()}
    return Entry(
        rule["alert"],
        labels.get("severity", ""),
        labels.get("action", ""),
        _own(labels, str(rule["expr"])),
        str(rule["expr"]),
        rule.get("for", "0s"),
        group["name"],
        group["interval"],
        told(policy, labels.get("severity", ""), labels.get("action", "")),
    )


def _own(labels: Mapping[str, str], expr: str) -> tuple[tuple[str, str], ...]:
    """A rule's own labels, and the objective that its expression asks for, which the alert has from there."""
    left = {name: value for name, value in labels.items() if value and name not in _SAID | _SUBJECT}
    return tuple(sorted({**_objective(expr), **left}.items()))


def _objective(expr: str) -> dict[str, str]:
    try:
        named = {m.value for s in selectors(expr) for m in s.matchers if (m.label, m.op) == ("slo", "=")}
    except NotUnderstood:
        return {}
    return {"slo": named.pop()} if len(named) == 1 else {}


def told(policy: Policy, severity: str, action: str) -> tuple[str, ...]:
    """Who hears of such an alert, as alertmanager.config routes it: each way once, other webhooks by their address."""
    notify = policy.notify
    if severity == "none":
        return ("heartbeat",) if notify.heartbeat is not None else ()
    pages = is_page({"severity": severity, "action": action})
    others = (webhook.url for webhook in notify.webhooks if webhook.takes("pages" if pages else "tickets"))
    phone = ("PagerDuty",) if pages and notify.pagerduty is not None else ()
    return (*phone, *(("Slack",) if notify.slack is not None else ()), *others)
