"""PromQL as Prometheus prints it back, as far as that needs no Prometheus: expressions of rules can be held together so. Pure."""

from __future__ import annotations

import re
from dataclasses import replace

from alerts.backtest.selectors import NotUnderstood, selector_text, selectors

# Numbers, and before them all in which digits may stand: texts, ranges, durations, names.
_NUMBER = re.compile(
    r"""(?P<other>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|\[[^\]]*\]|(?:\d+(?:ms|[smhdwy]))+|[A-Za-z_:][A-Za-z0-9_:]*)"""
    r"|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
)


def canonical(expr: str) -> str:
    """The expression with the matchers of each selector in order of their labels, and each number written in one way.

    As it is where it cannot be read.
    """
    parts, at = [], 0
    try:
        for selector in selectors(expr):
            ordered = sorted(selector.matchers, key=lambda m: (m.label, m.op, m.value))
            parts += [_numbers(expr[at : selector.begin]), selector_text(replace(selector, matchers=tuple(ordered)))]
            at = selector.begin + len(selector.text)
    except NotUnderstood:
        return expr
    return "".join((*parts, _numbers(expr[at:])))


def _numbers(expr: str) -> str:
    return _NUMBER.sub(lambda found: found["other"] or repr(float(found["number"])), expr)


def fleets(expr: str) -> set[str]:
    """The fleets that an expression names; none of one that cannot be read."""
    try:
        return {m.value for selector in selectors(expr) for m in selector.matchers if (m.label, m.op) == ("fleet", "=")}
    except NotUnderstood:
        return set()
