"""Where a PromQL expression reads series: its vector selectors, found by a tokenizer. Pure.

Made for rules that this project generates. What it does not understand it refuses (`NotUnderstood`), it never guesses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from alerts.promql import quote

_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
    |(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
    |(?P<range>\[[^\]]*\])
    |(?P<duration>(?:\d+(?:ms|[smhdwy]))+)
    |(?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<name>[A-Za-z_:][A-Za-z0-9_:]*)
    |(?P<op>=~|!~|!=|==|>=|<=|[-+*/%^<>=(){},@])""",
    re.VERBOSE,
)
_LABEL_LISTS = frozenset("by without on ignoring group_left group_right".split())
_OPERATORS = frozenset("and or unless atan2 bool offset inf nan".split())
_AGGREGATIONS = frozenset(
    "sum min max avg group stddev stdvar count count_values bottomk topk quantile limitk limit_ratio".split()
)


class NotUnderstood(Exception):
    """An expression has something in it that cannot be read, or not be replaced exactly; the text says what."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """`label op value`, the value without its quotes."""

    label: str
    op: str
    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """A vector selector and where it stands.

    `text` is the name with its braces, `range` what stands in the brackets behind it (empty for an instant), `shift` the
    modifiers `offset` and `@` behind that; `inside` is the function whose only or first argument it is. `begin`, `end`
    and `core_end` are places in the expression: of all of it, and of the end of `text`.
    """

    name: str
    matchers: tuple[Matcher, ...]
    text: str
    range: str
    shift: str
    inside: str
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    begin: int
    end: int


def selector_text(selector: Selector, without: str = "") -> str:
    """A selector as PromQL, one of its labels left out."""
    inside = ",".join(f"{m.label}{m.op}{quote(m.value)}" for m in selector.matchers if m.label != without)
    return f"{selector.name}{{{inside}}}" if inside else selector.name


def selectors(expr: str) -> tuple[Selector, ...]:
    """All vector selectors of an expression, in order. NotUnderstood when it cannot be read."""
    tokens = tuple(_tokens(expr))
    found = []
    at = 0
    while at < len(tokens):
        if tokens[at].text == "{":
            raise NotUnderstood(f"a selector without a metric name: {expr[tokens[at].begin : tokens[at].begin + 60]}")
        if tokens[at].text in _LABEL_LISTS and _text(tokens, at + 1) == "(":
            at = _closing(tokens, at + 1, ")") + 1
        elif _is_metric(tokens, at):
            selector, at = _selector(expr, tokens, at)
            found.append(selector)
        else:
            at += 1
    return tuple(found)


def _tokens(expr: str) -> Iterator[_Token]:
    at = 0
    while at < len(expr):
        match = _TOKEN.match(expr, at)
        if match is None:
            raise NotUnderstood(f"{expr[at : at + 20]!r} is not PromQL as it is read here")
        if match.lastgroup != "space":
            yield _Token(match.lastgroup or "", match[0], at, match.end())
        at = match.end()


def _text(tokens: tuple[_Token, ...], at: int) -> str:
    return tokens[at].text if 0 <= at < len(tokens) else ""


def _is_metric(tokens: tuple[_Token, ...], at: int) -> bool:
    token, behind = tokens[at], _text(tokens, at + 1)
    if token.kind != "name" or behind == "(":
        return False
    word = token.text.lower()
    return word not in _OPERATORS | _LABEL_LISTS and not (word in _AGGREGATIONS and behind in ("by", "without"))


def _closing(tokens: tuple[_Token, ...], at: int, bracket: str) -> int:
    for place in range(at, len(tokens)):
        if tokens[place].text == bracket:
            return place
    raise NotUnderstood(f"no {bracket} closes {tokens[at].text}")


def _selector(expr: str, tokens: tuple[_Token, ...], at: int) -> tuple[Selector, int]:
    name, begin = tokens[at], at
    matchers: tuple[Matcher, ...] = ()
    last = at
    if _text(tokens, at + 1) == "{":
        last = _closing(tokens, at + 1, "}")
        matchers = tuple(_matchers(tokens[at + 2 : last]))
    core_end = tokens[last].end
    window = ""
    if last + 1 < len(tokens) and tokens[last + 1].kind == "range":
        last += 1
        window = tokens[last].text[1:-1].strip()
    range_end = tokens[last].end
    last = _modifiers(tokens, last)
    inside = _text(tokens, begin - 2) if _text(tokens, begin - 1) == "(" else ""
    shift = expr[range_end : tokens[last].end].strip()
    text = expr[name.begin : core_end]
    return Selector(name.text, matchers, text, window, shift, inside, name.begin, tokens[last].end), last + 1


def _modifiers(tokens: tuple[_Token, ...], last: int) -> int:
    """The last token of `offset 5m`, `offset -5m` or `@ 17` behind a selector; `last` itself when there is none."""
    while _text(tokens, last + 1) in ("offset", "@"):
        last += 2
        if _text(tokens, last) in ("-", "+"):
            last += 1
        if last >= len(tokens) or tokens[last].kind not in ("duration", "number"):
            raise NotUnderstood("an offset or @ that is not followed by a duration or a number")
    return last


def _matchers(tokens: tuple[_Token, ...]) -> Iterator[Matcher]:
    for at in range(0, len(tokens), 4):
        part = tokens[at : at + 4]
        if len(part) < 3 or part[0].kind != "name" or part[2].kind != "string" or _text(part, 3) not in ("", ","):
            raise NotUnderstood(f'matchers that are not label="value": {" ".join(token.text for token in tokens)[:80]}')
        yield Matcher(part[0].text, part[1].text, unquoted(part[2].text))


def unquoted(text: str) -> str:
    """What a string literal of PromQL says. NotUnderstood for an escape that JSON does not know."""
    if text[0] == "`":
        return text[1:-1]
    inside = text[1:-1]
    if text[0] == "'" and ("\\" in inside or '"' in inside):
        raise NotUnderstood(f"the string {text}: write it in double quotes")
    try:
        return str(json.loads(f'"{inside}"', strict=False))
    except ValueError:
        raise NotUnderstood(f"the escapes in the string {text}") from None
