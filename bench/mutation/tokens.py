"""The words of a PromQL expression, as far as a mutation must tell them apart. Pure.

A number inside a string, a metric's name or a duration is no threshold; `=` between braces compares labels and no values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["string", "comment", "duration", "number", "name", "operator", "punctuation", "space"]

# Prometheus' own lexer (promql/parser/lex.go) has the same classes. A colon may begin a name of a recording rule, but in
# `[5m:1m]` it stands before a digit and parts two durations.
_TOKEN = re.compile(
    r"""
      (?P<string> "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | `[^`]*` )
    | (?P<comment> \#[^\n]* )
    | (?P<duration> (?:\d+(?:ms|[smhdwy]))+ (?![\w.]) )
    | (?P<number> 0[xX][0-9a-fA-F]+ | (?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)? )
    | (?P<name> :?[a-zA-Z_][\w:]* )
    | (?P<operator> =~ | !~ | == | != | >= | <= | [-+*/%^<>=@] )
    | (?P<punctuation> [{}()\[\],:] )
    | (?P<space> \s+ )
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word at `start` of the expression; `matcher` is true between the braces of a selector."""

    kind: Kind
    text: str
    start: int
    matcher: bool

    def replaced(self, expression: str, text: str) -> str:
        """The expression with another word in this place."""
        return expression[: self.start] + text + expression[self.start + len(self.text) :]


def tokens(expression: str) -> Iterator[Token]:
    """Every word in turn; together they are the expression. `ValueError` names the place of what is no PromQL."""
    at, braces = 0, 0
    while at < len(expression):
        found = _TOKEN.match(expression, at)
        if found is None or found.lastgroup is None:
            raise ValueError(f"no PromQL at {at}: {expression[at : at + 20]!r}")
        text = found[0]
        braces += {"{": 1, "}": -1}.get(text, 0)
        yield Token(_KINDS[found.lastgroup], text, at, braces > 0)
        at = found.end()


_KINDS: dict[str, Kind] = {
    "string": "string",
    "comment": "comment",
    "duration": "duration",
    "number": "number",
    "name": "name",
    "operator": "operator",
    "punctuation": "punctuation",
    "space": "space",
}
