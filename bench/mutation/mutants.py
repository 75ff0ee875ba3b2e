"""A rule file -> the same with one thing changed, for everything that can be wrong in it. Pure.

What is changed: each number of an expression by one unit of its last digit, each comparison and set operator, each
window by one evaluation, each value of a label matcher, each `for` by one evaluation (an alert
without a `for` gets one), and each label.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from alerts.promql import span
from bench.mutation.tokens import Token, tokens
from policy.units import plain

RuleFile = Mapping[str, Any]

_OPERATORS = {
    "<": ("<=", ">"),
    ">": (">=", "<"),
    "<=": ("<", ">="),
    ">=": (">", "<="),
    "==": ("!=",),
    "!=": ("==",),
}
_SETS = {"and": ("unless",), "unless": ("and",), "or": ("unless",)}
_ALTERNATIVE = re.compile(r"(?<!\\)\|")
_OTHER = "-changed"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A rule file with one change. `rule` is the name of the alert or record, `change` says what differs, in words."""

    stem: str
    rule: str
    change: str
    alert: bool
    data: RuleFile

    @property
    def name(self) -> str:
        """How a survivor is printed, and how the list of known ones names it."""
        return f"{self.stem}: {self.rule}: {self.change}"


def mutants(stem: str, file: RuleFile, step: int) -> Iterator[Mutant]:
    """Every mutant of a rule file; `step` is the time between two evaluations of its tests, in milliseconds."""
    for at, group in enumerate(file["groups"]):
        for index, rule in enumerate(group.get("rules") or ()):
            name = rule.get("alert") or rule["record"]
            for change, changed in _changed(rule, step):
                data = copy.deepcopy(dict(file))
                data["groups"][at]["rules"][index] = changed
                yield Mutant(stem, name, change, "alert" in rule, data)


def _changed(rule: Mapping[str, Any], step: int) -> Iterator[tuple[str, dict[str, Any]]]:
    expression = rule["expr"]
    for token in tokens(expression):
        for text in _instead(token, expression, step):
            place = _around(expression, token, text)
            yield place, {**rule, "expr": token.replaced(expression, text)}
    if "alert" in rule:
        for text in _spans(str(rule.get("for", "0s")), step):
            yield f"for: {rule.get('for', 'none')} -> {text}", {**rule, "for": text}
    for label, value in rule.get("labels", {}).items():
        changed = {**rule["labels"], label: f"{value}{_OTHER}"}
        yield f"label {label}: {value} -> {value}{_OTHER}", {**rule, "labels": changed}


def _around(expression: str, token: Token, text: str) -> str:
    """What differs, with a few words of the expression on both sides so that the place is known."""
    before, after = expression[max(0, token.start - 40) : token.start], expression[token.start + len(token.text) :]
    return f"...{before}[{token.text} -> {text}]{after[:25]}..."


def _instead(token: Token, expression: str, step: int) -> tuple[str, ...]:
    """What may stand in place of a token, so that the rule means something else."""
    if token.kind == "number":
        return _numbers(token.text)
    if token.kind == "duration":
        return _spans(token.text, step)
    if token.kind == "operator" and not token.matcher:
        return _OPERATORS.get(token.text, ())
    if token.kind == "name":
        return _SETS.get(token.text, ())
    if token.kind == "string" and token.matcher:
        regular = expression[: token.start].rstrip().endswith("~")
        return _matchers(token.text, regular)
    return ()


def _numbers(text: str) -> tuple[str, ...]:
    number = Decimal(int(text, 16) if text.lower().startswith("0x") else text)
    unit = Decimal(1).scaleb(int(number.as_tuple().exponent))
    return tuple(plain(number + change) for change in (-unit, unit))


def _spans(text: str, step: int) -> tuple[str, ...]:
    whole = span_of(text)
    return tuple(span(whole + change) for change in (-step, step) if whole + change > 0)


_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "y": 31_536_000_000}


def span_of(text: str) -> int:
    """A duration of Prometheus; its days, weeks and years have a fixed length."""
    return sum(int(count) * _UNITS[unit] for count, unit in re.findall(r"(\d+)(ms|[smhdwy])", text))


def _matchers(text: str, regular: bool) -> tuple[str, ...]:
    """The quoted text with another value; of a regular expression, with each alternative changed in turn."""
    quote, inside = text[0], text[1:-1]
    parts = _ALTERNATIVE.split(inside) if regular else [inside]
    changed = ([*parts[:at], part + _OTHER, *parts[at + 1 :]] for at, part in enumerate(parts))
    return tuple(f"{quote}{'|'.join(each)}{quote}" for each in changed)
