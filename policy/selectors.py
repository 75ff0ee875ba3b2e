"""Selectors of counters as a policy names them: `http_requests_total{job="api",code=~"2..|3.."}`. Pure.

Read by a parser of our own, so that no text of a policy gets into PromQL but as a name or a quoted value, and so that the
generated tests can make series that a selector selects.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator

from policy import patterns

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
_LABEL = re.compile(r"\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*", re.ASCII)
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_NEXT = re.compile(r"\s*(,?)\s*")
_SHOWN = 'write a metric and its matchers, as in http_requests_total{job="api",code=~"2..|3.."}'


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label, `op` being `=`, `!=`, `=~` or `!~`."""

    label: str
    op: str
    value: str

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Whether a series with these labels meets it; a label that is not there is empty."""
        has = labels.get(self.label, "")
        same = bool(re.fullmatch(self.value, has, patterns.FLAGS)) if "~" in self.op else has == self.value
        return same is not self.op.startswith("!")

    def __str__(self) -> str:
        return f"{self.label}{self.op}{json.dumps(self.value, ensure_ascii=False)}"


@dataclass(frozen=True, slots=True)
class Selector:
    """The series of one metric that meet every matcher. As text it is PromQL."""

    metric: str
    matchers: tuple[Matcher, ...] = ()

    def fits(self, metric: str, labels: Mapping[str, str]) -> bool:
        """Whether a series is selected."""
        return metric == self.metric and all(matcher.fits(labels) for matcher in self.matchers)

    def __str__(self) -> str:
        inside = ",".join(map(str, self.matchers))
        return f"{self.metric}{{{inside}}}" if inside else self.metric


def parse_selector(value: object) -> Selector:
    """Read a selector; ValueError says where it is none, and the cure."""
    if isinstance(value, Selector):
        return value
    if not isinstance(value, str):
        raise ValueError(f"is no selector of a counter; {_SHOWN}")
    text = value.strip()
    name = _NAME.match(text)
    if name is None:
        raise ValueError(f"does not begin with the name of a metric; {_SHOWN}")
    rest = text[name.end() :].strip()
    if rest and not (rest.startswith("{") and rest.endswith("}") and len(rest) > 1):
        raise ValueError(
            f"{_near(rest)} stands behind the name {name[0]!r}: no functions, ranges or sums here; {_SHOWN}"
        )
    return Selector(name[0], _matchers(rest[1:-1]) if rest else ())


def _near(text: str) -> str:
    return repr(text[:20]) + ("..." if len(text) > 20 else "")


def _matchers(text: str) -> tuple[Matcher, ...]:
    found: list[Matcher] = []
    while text.strip():
        label = _LABEL.match(text)
        if label is None:
            raise ValueError(f'{_near(text.strip())} is no matcher; write label="value" with =, !=, =~ or !~')
        string = _STRING.match(text, label.end())
        if string is None:
            raise ValueError(f"the value of the label {label[1]!r} must stand in double quotes")
        found.append(_matcher(label[1], label[2], string[0]))
        comma = _NEXT.match(text, string.end())
        text = text[comma.end() :] if comma else ""
        if text and comma and not comma[1]:
            raise ValueError(f"a comma is missing before {_near(text)}")
    return tuple(found)


def _matcher(label: str, op: str, quoted: str) -> Matcher:
    if label == "__name__":
        raise ValueError("names the metric twice; take the matcher of __name__ out")
    try:
        value = str(json.loads(quoted))
    except ValueError:
        raise ValueError(f'{_near(quoted)} has an escape that is none of \\\\, \\", \\n, \\t, \\r, \\uXXXX') from None
    if patterns.has_half_character(value):
        raise ValueError(
            f"the value of the label {label!r} has half a character, \\uD800 to \\uDFFF alone; write the whole one"
        )
    if "~" in op:
        _check_pattern(label, value)
    return Matcher(label, op, value)


def _check_pattern(label: str, pattern: str) -> None:
    try:
        patterns.check(pattern)
    except ValueError as error:
        raise ValueError(f"the regular expression of the label {label!r} {error}") from None


def _selector_or_none(value: Any) -> Any:
    return None if value is None else parse_selector(value)


OptionalSelector = Annotated[Selector | None, BeforeValidator(_selector_or_none)]
