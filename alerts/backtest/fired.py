"""From what the expressions of rules gave over a history to the alerts that fired. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from heapq import merge

from alerts.backtest import keeping
from alerts.backtest.compare import Firing
from alerts.backtest.history import Window
from alerts.backtest.plan import Keeping, Labels, Rule
from alerts.backtest.simulate import Clock, Run, Span, runs, spans

Pairs = tuple[tuple[str, str], ...]
Held = dict[Pairs, list[list[int]]]
"""By the labels of a series: `[first, last]` of each stretch of steps at which an expression gave it."""
_TWO = "two series at a time give alerts of the same labels: Prometheus refuses to evaluate that"


@dataclass(frozen=True, slots=True)
class Gave:
    """What the expressions of a rule gave from its evaluation at `start` on; the others are of one that is kept."""

    start: int
    begins: Held
    broken: Held = field(default_factory=dict)
    ends: Held = field(default_factory=dict)
    behind: Held = field(default_factory=dict)
    ahead: Held = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Alert:
    """One alert of a rule: what it speaks of, and the evaluations at which its expressions gave it."""

    rule: Rule
    labels: Pairs
    subject: tuple[str, ...]
    clock: Clock
    begins: list[int]
    broken: list[int]
    ends: list[int]
    behind: list[int]
    ahead: list[int]

    @property
    def twice(self) -> bool:
        """Whether two series gave it at a time."""
        return len(set(self.begins)) < len(self.begins)

    @property
    def spans(self) -> Iterator[Span]:
        """Those for which it fired, of one that is as its condition."""
        return spans(runs(self.begins, self.clock), self.rule.hold, self.clock)

    def replayed(self, kept: Keeping) -> keeping.Replayed:
        """As it is replayed beside others."""
        times, follows = (set(self.begins), set(self.broken), set(self.ends)), kept.follows is not None
        places = (set(self.behind), set(self.ahead))
        return keeping.Replayed(self.clock, self.rule.hold, kept.within, *times, follows, *places)


def firings(
    found: Mapping[Rule, Gave], window: Window, holes: tuple[Run, ...]
) -> tuple[list[Firing], Mapping[Rule, str]]:
    """What fired in the window; and of each rule that cannot be evaluated, why."""
    alerts = [
        alert
        for rule, gave in found.items()
        for alert in _alerts(rule, gave, Clock(gave.start, window.end, rule.step, holes))
    ]
    problems = {alert.rule: _TWO for alert in alerts if alert.twice}
    sound = (alert for alert in alerts if alert.rule not in problems)
    told = (each for several in _together(sound) for each in _fired(several) if each.span.end > window.start)
    return [replace(each, span=replace(each.span, start=max(each.span.start, window.start))) for each in told], problems


def _alerts(rule: Rule, gave: Gave, clock: Clock) -> Iterator[_Alert]:
    broken = _by_alert(rule, gave.broken)
    about = [_by_subject(rule, held) for held in (gave.ends, gave.behind, gave.ahead)]
    for labels, times in _by_alert(rule, gave.begins).items():
        subject = _subject(rule, dict(labels))
        others = (list(_times(found.get(subject, []), rule.step)) for found in about)
        yield _Alert(rule, labels, subject, clock, times, broken.get(labels, []), *others)


def _by_subject(rule: Rule, held: Held) -> dict[tuple[str, ...], list[list[list[int]]]]:
    found: dict[tuple[str, ...], list[list[list[int]]]] = {}
    for series, stretches in held.items():
        found.setdefault(_subject(rule, dict(series)), []).append(stretches)
    return found


def _subject(rule: Rule, labels: Labels) -> tuple[str, ...]:
    return tuple(labels.get(label, "") for label in rule.keeping.per) if rule.keeping else ()


def _together(alerts: Iterable[_Alert]) -> Iterable[list[_Alert]]:
    """Those of which one stands in the other's way are replayed together, the others alone; in the order of their rules."""
    found: dict[object, list[_Alert]] = {}
    for alert in alerts:
        found.setdefault(_company(alert), []).append(alert)
    return found.values()


def _company(alert: _Alert) -> object:
    kept = alert.rule.keeping
    if kept and kept.beside:
        return frozenset((alert.rule.name, *kept.beside)), alert.subject
    if kept and kept.follows:
        labels = dict(alert.labels)
        return alert.rule, tuple(labels.get(label, "") for label in kept.follows.of)
    return alert.rule, alert.labels


def _fired(several: list[_Alert]) -> Iterator[Firing]:
    if several[0].rule.keeping is None:
        return (Firing(alert.labels, span) for alert in several for span in alert.spans)
    each_fired = keeping.spans([alert.replayed(alert.rule.keeping) for alert in several if alert.rule.keeping])
    return (Firing(alert.labels, span) for alert, found in zip(several, each_fired, strict=True) for span in found)


def _by_alert(rule: Rule, held: Held) -> dict[Pairs, list[int]]:
    """The times of each alert, which most often is of one series."""
    found: dict[Pairs, list[list[list[int]]]] = {}
    for series, stretches in held.items():
        found.setdefault(tuple(sorted(rule.alert(dict(series)).items())), []).append(stretches)
    return {labels: list(_times(several, rule.step)) for labels, several in found.items()}


def _times(several: Iterable[list[list[int]]], step: int) -> Iterator[int]:
    walks = ((at for first, last in stretches for at in range(first, last + 1, step)) for stretches in several)
    return merge(*walks)
