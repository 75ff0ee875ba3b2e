"""Recorded series put back into the expressions that read them, so that raw series are enough to evaluate those. Pure.

A recording rule and an alert of one group are evaluated at the same instant, one after the other: the alert reads what the
rule has just recorded, and nothing where it recorded nothing, for Prometheus marks a series that ended as stale. So the
rule's expression in the selector's place gives the same. Its labels are those of the recorded series, and the selector's
matchers become set operations on them: exact for any expression, where pushing a matcher into it would not be. Over a
range the recorded samples are the points of a subquery whose step is the group's interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from alerts.backtest.selectors import Matcher, NotUnderstood, Selector, selectors
from alerts.promql import quote

MOST_CHARACTERS = 500_000
# These look at the selector itself, not at what it gives: `absent(x{a="b"})` takes its labels from the matchers.
_LOOK_AT_SELECTORS = frozenset(("absent", "absent_over_time"))
ALERT_SERIES = frozenset(("ALERTS", "ALERTS_FOR_STATE"))
_MARK = "__kept__"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording rule: its name, expression and own labels, the group it stands in and that group's interval."""

    name: str
    expr: str
    labels: Mapping[str, str]
    group: str
    step: str


Book = Mapping[str, tuple[Recorded, ...]]
"""Recording rules by the name of the series they record."""


def book(rules: Iterable[Recorded]) -> Book:
    """The rules by name; several may record one name with different labels."""
    found: dict[str, tuple[Recorded, ...]] = {}
    for rule in rules:
        found[rule.name] = (*found.get(rule.name, ()), rule)
    return found


@dataclass(frozen=True, slots=True)
class Inlined:
    """An expression on raw series.

    `kept` are the recorded series, `ALERTS` among them, that it still reads, each with the reason: a record that reads itself
    has no end, and what other alerts did is no expression. `ranges` says whether a record is read over a range.
    """

    text: str
    kept: Mapping[str, str]
    ranges: bool


def inline(expr: str, recorded: Book, within: tuple[str, ...] = ()) -> Inlined:
    """The expression on raw series, as far as that can be said exactly. NotUnderstood when it cannot be read."""
    parts: list[Inlined] = []
    text, at = "", 0
    for selector in selectors(expr):
        part = _instead(selector, recorded, within)
        if part is not None:
            parts.append(part)
            text += expr[at : selector.begin] + part.text
            at = selector.end
    text += expr[at:]
    if len(text) > MOST_CHARACTERS:
        raise NotUnderstood(f"grows past {MOST_CHARACTERS} characters when the records are put into it")
    kept = {name: reason for part in parts for name, reason in part.kept.items()}
    return Inlined(text, kept, any(part.ranges for part in parts))


def _instead(selector: Selector, recorded: Book, within: tuple[str, ...]) -> Inlined | None:
    """What stands in a selector's place; None leaves it, and it reads a raw series."""
    itself = f"{selector.text}{f'[{selector.range}]' if selector.range else ''} {selector.shift}".rstrip()
    if selector.name in ALERT_SERIES:
        return Inlined(itself, {selector.name: "it is the state of alerts"}, False)
    if selector.name not in recorded:
        return None
    try:
        return _replaced(selector, recorded, within)
    except NotUnderstood as error:
        return Inlined(itself, {selector.name: str(error)}, False)


def meant(selector: Selector, recorded: Book) -> Iterator[tuple[Recorded, tuple[Matcher, ...]]]:
    """The rules that record what a selector selects, each with the matchers that its own labels leave open."""
    for rule in recorded.get(selector.name, ()):
        left = _undecided(selector.matchers, rule.labels)
        if left is not None:
            yield rule, left


def read_by(expr: str, recorded: Book) -> tuple[Selector, ...]:
    """All selectors that an expression reads, those of the records it reads included, down to the raw series."""
    found: list[Selector] = []
    todo, seen = [expr], {expr}
    while todo:
        for selector in selectors(todo.pop()):
            found.append(selector)
            new = [rule.expr for rule, _ in meant(selector, recorded) if rule.expr not in seen]
            seen.update(new)
            todo += new
    return tuple(found)


def _replaced(selector: Selector, recorded: Book, within: tuple[str, ...]) -> Inlined:
    name = selector.name
    if name in within:
        raise NotUnderstood(f"the record {name} reads itself")
    if selector.inside in _LOOK_AT_SELECTORS:
        raise NotUnderstood(f"{selector.inside}({name}) takes its labels from the selector of a record")
    if "@" in selector.shift or (selector.shift and not selector.range):
        raise NotUnderstood(f"the record {name} is read with {selector.shift!r}")
    whole = _union(selector, recorded, (*within, name))
    if name in whole.kept:
        raise NotUnderstood(whole.kept[name])  # half of it would still need the series: better all of it
    if not selector.range:
        return whole
    if whole.kept:  # a subquery would read again at each of its points what the record has remembered
        raise NotUnderstood(f"the record {name} stands on {next(iter(whole.kept))}: {next(iter(whole.kept.values()))}")
    step = "" if ":" in selector.range else f":{recorded[name][0].step}"
    return Inlined(f"{whole.text}[{selector.range}{step}] {selector.shift}".rstrip(), whole.kept, True)


def _union(selector: Selector, recorded: Book, within: tuple[str, ...]) -> Inlined:
    """What all rules of that name record, as far as the matchers want it."""
    parts: list[str] = []
    kept: dict[str, str] = {}
    ranges = False
    for rule, left in meant(selector, recorded):
        inner = inline(rule.expr, recorded, within)
        parts.append(_matching(_labelled(inner.text, rule.labels), left))
        kept, ranges = {**kept, **inner.kept}, ranges or inner.ranges
    if not parts:
        raise NotUnderstood(f"no recording rule gives {selector.text}")
    return Inlined("(" + " or ".join(f"({part})" for part in parts) + ")", kept, ranges)


def _undecided(matchers: tuple[Matcher, ...], labels: Mapping[str, str]) -> tuple[Matcher, ...] | None:
    """The matchers that a rule's own labels do not decide; None when they decide that nothing of it is meant."""
    left = []
    for matcher in matchers:
        if matcher.op == "=" and matcher.label in labels:
            if labels[matcher.label] != matcher.value:
                return None
        else:
            left.append(matcher)
    return tuple(left)


def _labelled(expr: str, labels: Mapping[str, str]) -> str:
    for name, value in labels.items():
        expr = _with_label(expr, name, value)
    return expr


def _with_label(expr: str, name: str, value: str) -> str:
    """The series of an expression, each with that label; `$` would refer to a group of the regular expression."""
    return f'label_replace({expr}, {quote(name)}, {quote(value.replace("$", "$$"))}, "", "")'


def _matching(expr: str, matchers: tuple[Matcher, ...]) -> str:
    """Those series of an expression that fit. `vector(1)` with the wanted labels stands for the series that would."""
    if any(matcher.label == "__name__" for matcher in matchers):
        raise NotUnderstood("a record is chosen by __name__")
    equal = [matcher for matcher in matchers if matcher.op == "="]
    if len({matcher.label for matcher in equal}) < len(equal):
        raise NotUnderstood("a label is named twice in one selector")
    if equal:
        wanted = _labelled("vector(1)", {matcher.label: matcher.value for matcher in equal})
        expr = f"({expr}) and on ({', '.join(matcher.label for matcher in equal)}) {wanted}"
    for matcher in matchers:
        expr = _matching_other(expr, matcher)
    return expr


def _matching_other(expr: str, matcher: Matcher) -> str:
    if matcher.op == "=":
        return expr
    if matcher.op == "!=":
        return f"({expr}) unless on ({matcher.label}) {_with_label('vector(1)', matcher.label, matcher.value)}"
    keep = "and" if matcher.op == "=~" else "unless"
    marked = f'label_replace({expr}, "{_MARK}", "1", {quote(matcher.label)}, {quote(matcher.value)})'
    kept = f"{marked} {keep} on ({_MARK}) {_with_label('vector(1)', _MARK, '1')}"
    return _with_label(f"({kept})", _MARK, "")
