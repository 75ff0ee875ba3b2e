"""What a policy's alerts ask of the history: each rule with its expression on raw series, its waits and labels. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeGuard

from alerts.backtest.inline import ALERT_SERIES, Book, Recorded, book, inline, meant, read_by
from alerts.backtest.selectors import NotUnderstood, Selector
from alerts.model import Alert, Follows, Group, Record
from alerts.promql import milliseconds
from policy.alerts import BY_NAME, POLICY_DIFFERS
from policy.units import parse_duration

Labels = Mapping[str, str]
_LOOK_FOR_NOTHING = frozenset(("absent", "absent_over_time"))
_LONG = (
    3600_000  # a window of an hour is an objective's; shorter ones are whole soon after the history has what they read
)
_BRACE = '{{"{"}}'
_TEMPLATE = re.compile(r'\{\{"\{"\}\}|\{\{\s*\$labels\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}|\{\{')


@dataclass(frozen=True, slots=True)
class Keeping:
    """What an alert is replayed from that goes on once it fires: what breaks it and what ends it, on raw series.

    `within` is how long it is kept, in milliseconds; `beside` are the alerts beside which it does not begin, about the same
    subject: the labels `per`; and what it `follows` is on raw series, too.
    """

    broken: str
    ends: str
    within: int
    beside: tuple[str, ...]
    per: tuple[str, ...]
    follows: Follows | None = None

    @property
    def queries(self) -> tuple[str, ...]:
        """All that is asked for it beside what begins it."""
        others = (self.follows.behind, self.follows.ahead) if self.follows else ()
        return tuple(each for each in (self.broken, self.ends, *others) if each)


@dataclass(frozen=True, eq=False)  # told apart by identity: two equal rules of two policies are two
class Rule:
    """One alerting rule. `query` is its expression on raw series, empty where `problem` says why there is none.

    `step` is the group's interval in milliseconds; `reads` are all selectors below it, `records` the names of all that was
    put into it, `kept` of what is taken from the history, `siblings` of what its own group records; `notes` say what is not
    exact, `in_part` what the history has for a part of the time only. One that is not `phased` is evaluated at multiples of
    its interval: the points of a subquery stand there. Of one that is `keeping` on, `query` is what begins it.
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
    keeping: Keeping | None = None

    @property
    def before(self) -> int:
        """How long it must have been seen to know whether it fires, in milliseconds."""
        return self.hold + (self.keeping.within if self.keeping else 0)

    @property
    def queries(self) -> tuple[str, ...]:
        """All that is asked for it, on raw series."""
        return tuple(dict.fromkeys((self.query, *(self.keeping.queries if self.keeping else ()))))

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
    recorded = book(rule for group in groups.values() for rule in _records(group.data()))
    return tuple(_rule(group, rule, recorded) for group in groups.values() for rule in group.rules if _asked(rule))


def _asked(rule: Record | Alert) -> TypeGuard[Alert]:
    return isinstance(rule, Alert) and rule.name != POLICY_DIFFERS.name


def recorded_by(groups: Iterable[Mapping[str, Any]], interval: str) -> Book:
    """The recording rules of groups as rule files have them; `interval` is that of groups which name none."""
    return book(rule for group in groups for rule in _records({"interval": interval, **group}))


def _records(group: Mapping[str, Any]) -> Iterator[Recorded]:
    for rule in group["rules"]:
        if "record" in rule:
            yield Recorded(rule["record"], str(rule["expr"]), rule.get("labels", {}), group["name"], group["interval"])


def _rule(group: Group, alert: Alert, recorded: Book) -> Rule:
    step, labels = milliseconds(group.interval), alert.labels
    siblings = tuple(dict.fromkeys(rule.name for rule in group.rules if isinstance(rule, Record)))
    rule = Rule(alert.name, group.name, step, milliseconds(alert.hold or timedelta(0)), labels, alert.expr, "")
    try:
        reads = tuple(_reads(alert, recorded))
        begins, broken, ends = (inline(expr, recorded) for expr in _parts(alert))
        _check_templates(labels)
    except NotUnderstood as error:
        return replace(rule, problem=str(error), records=frozenset(recorded), siblings=siblings)
    kept = {**begins.kept, **broken.kept, **ends.kept}
    ranges = begins.ranges or broken.ranges or ends.ranges
    return replace(
        rule,
        query=begins.text,
        reads=reads,
        records=frozenset(recorded) - set(kept),
        siblings=() if ranges else siblings,
        phased=not ranges,
        kept=frozenset(kept),
        notes=(*_taken(kept), *_elsewhere(group.name, reads, recorded)),
        keeping=_keeping(alert, broken.text, ends.text),
    )


def _parts(alert: Alert) -> tuple[str, str, str]:
    """What begins it, what breaks it and what ends it; of an alert that is as its condition, that alone."""
    kept = alert.kept
    if kept is None:
        return alert.expr, "", ""
    return kept.begins, kept.broken, " or ".join(each for each in (kept.ends, kept.unseen) if each)


def _reads(alert: Alert, recorded: Book) -> Iterator[Selector]:
    """Not what stands in its expression for other alerts alone: that is replayed, and they say what they want."""
    kept = alert.kept
    follows = (kept.follows.behind, kept.follows.ahead) if kept and kept.follows else ()
    parts = (kept.begins, kept.broken, kept.ends, *follows) if kept else (alert.expr,)
    for part in filter(None, parts):
        yield from read_by(part, recorded)


def _keeping(alert: Alert, broken: str, ends: str) -> Keeping | None:
    if alert.kept is None:
        return None
    within, beside = milliseconds(alert.kept.within), alert.kept.beside
    return Keeping(broken, ends, within, beside, BY_NAME[alert.name].per, alert.kept.follows)


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
