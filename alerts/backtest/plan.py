"""What a policy's alerts ask of the history: each rule with its expression on raw series, its waits and labels. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from alerts.backtest.inline import ALERT_SERIES, Book, Recorded, book, inline, meant, read_by
from alerts.backtest.selectors import NotUnderstood, Selector
from alerts.model import Group
from alerts.promql import milliseconds
from policy.alerts import POLICY_DIFFERS
from policy.units import parse_duration

Labels = Mapping[str, str]
_LOOK_FOR_NOTHING = frozenset(("absent", "absent_over_time"))
_LONG = (
    3600_000  # a window of an hour is an objective's; shorter ones are whole soon after the history has what they read
)
_BRACE = '{{"{"}}'
_TEMPLATE = re.compile(r'\{\{"\{"\}\}|\{\{\s*\$labels\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}|\{\{')


@dataclass(frozen=True, eq=False)  # told apart by identity: two equal rules of two policies are two
class Rule:
    """One alerting rule. `query` is its expression on raw series, empty where `problem` says why there is none.

    `step` is the group's interval in milliseconds; `reads` are all selectors below it, `records` the names of all that was
    put into it, `kept` of what is taken from the history, `siblings` of what its own group records; `notes` say what is not
    exact, `in_part` what the history has for a part of the time only. One that is not `phased` is evaluated at multiples of
    its interval: the points of a subquery stand there.
    """

    name: str
    group: str
    step: int
    hold: int
    labels: Labels
    expr: str
    query: str
    problem: str = ""
    reads: tuple[Selector, ...] = ()
    records: frozenset[str] = frozenset()
    siblings: tuple[str, ...] = ()
    phased: bool = True
    kept: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    in_part: tuple[str, ...] = ()

    @property
    def reach(self) -> int:
        """How far back from an evaluation it reads, in milliseconds, whole seconds; 0 below an hour."""
        windows = (-(-_ms(s.range.partition(":")[0]) // 1000) * 1000 for s in self.reads if s.range)
        return max((window for window in windows if window >= _LONG), default=0)

    @property
    def severity(self) -> str:
        """Its label `severity`, empty without one."""
        return self.labels.get("severity", "")

    def wanted(self) -> tuple[Selector, ...]:
        """The raw selectors that should find something: not those whose absence is the point."""
        return tuple(
            s for s in self.reads if s.name not in self.records | ALERT_SERIES and s.inside not in _LOOK_FOR_NOTHING
        )

    def alert(self, series: Labels) -> dict[str, str]:
        """The labels of the alert that a series of the expression makes; the rule's own win, empty ones vanish."""
        left = {name: value for name, value in series.items() if name != "__name__"}
        own = {name: expanded(value, left) for name, value in self.labels.items()}
        return {name: value for name, value in {**left, **own, "alertname": self.name}.items() if value}


def rules(groups: Mapping[str, Group]) -> tuple[Rule, ...]:
    """Every alerting rule of a policy, in order, but for the one on the policy itself: the exporter had that of its time."""
    data = [group.data() for group in groups.values()]
    recorded = book(rule for group in data for rule in _records(group))
    return tuple(_rule(group, rule, recorded) for group in data for rule in group["rules"] if _asked(rule))


def _asked(rule: Mapping[str, Any]) -> bool:
    return "alert" in rule and rule["alert"] != POLICY_DIFFERS.name


def recorded_by(groups: Iterable[Mapping[str, Any]], interval: str) -> Book:
    """The recording rules of groups as rule files have them; `interval` is that of groups which name none."""
    return book(rule for group in groups for rule in _records({"interval": interval, **group}))


def _records(group: Mapping[str, Any]) -> Iterator[Recorded]:
    for rule in group["rules"]:
        if "record" in rule:
            yield Recorded(rule["record"], str(rule["expr"]), rule.get("labels", {}), group["name"], group["interval"])


def _rule(group: Mapping[str, Any], rule: Mapping[str, Any], recorded: Book) -> Rule:
    expr = str(rule["expr"])
    query, problem = "", ""
    reads: tuple[Selector, ...] = ()
    kept: Mapping[str, str] = {}
    ranges = False
    try:
        reads = read_by(expr, recorded)
        inlined = inline(expr, recorded)
        query, kept, ranges = inlined.text, inlined.kept, inlined.ranges
        _check_templates(rule.get("labels", {}))
    except NotUnderstood as error:
        query, problem = "", str(error)
    return Rule(
        rule["alert"],
        group["name"],
        _ms(group["interval"]),
        _ms(rule.get("for", "0s")),
        rule.get("labels", {}),
        expr,
        query,
        problem,
        reads,
        frozenset(recorded) - set(kept),
        () if ranges else tuple(dict.fromkeys(record.name for record in _records(group))),
        not ranges,
        frozenset(kept),
        (*_taken(kept), *_elsewhere(group["name"], reads, recorded)),
    )


def _taken(kept: Mapping[str, str]) -> Iterator[str]:
    for name, reason in kept.items():
        yield f"takes {name} as the history has it, by the rules of that time: {reason}"


def _elsewhere(group: str, reads: tuple[Selector, ...], recorded: Book) -> Iterator[str]:
    others = {rule.name: rule for s in reads for rule, _ in meant(s, recorded) if rule.group != group}
    for rule in others.values():
        yield f"reads {rule.name} of the group {rule.group}: its times are right to {rule.step}"


def _ms(text: str) -> int:
    return milliseconds(parse_duration(text))


def _check_templates(labels: Labels) -> None:
    for name, value in labels.items():
        for match in _TEMPLATE.finditer(value):
            if match[0] == "{{":
                raise NotUnderstood(f"the label {name} is a template that only Prometheus can expand: {value}")


def expanded(template: str, labels: Labels) -> str:
    """A label's template of the kinds that generated rules have: a brace, or a label of the series."""

    def one(match: re.Match[str]) -> str:
        return "{" if match[0] == _BRACE else labels.get(match[1] or "", "")

    return _TEMPLATE.sub(one, template)
