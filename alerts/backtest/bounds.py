"""The latency bounds that rules count, and their refusal where a history has no such bucket."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from alerts.backtest.history import Window
from alerts.backtest.plan import Rule
from alerts.backtest.prometheus import Prometheus, Unusable
from alerts.backtest.selectors import Matcher, Selector, selector_text


def one_by_one(rule: Rule) -> Iterator[Selector]:
    """What a rule wants of the history: of a list of buckets each that it counts, by itself."""
    for selector in rule.wanted():
        listed = next((m for m in selector.matchers if (m.label, m.op) == ("le", "=~")), None)
        if listed is None:
            yield selector
            continue
        others = tuple(m for m in selector.matchers if m is not listed)
        for bound in _bounds(rule):
            yield replace(selector, matchers=(*others, Matcher("le", "=", bound)))


async def require_bounds(server: Prometheus, rules: Iterable[Rule], window: Window) -> None:
    """Unusable when an alert counts a bucket whose bound the history does not have: it would be silent, whatever happened."""
    problems: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    asked: dict[str, list[str]] = {}
    for rule in rules:
        for buckets in {selector_text(selector, "le") for selector in rule.wanted() if _has_le(selector)}:
            if buckets not in asked:
                asked[buckets] = await _there(server, buckets, window)
            lacking = [bound for bound in _bounds(rule) if bound not in asked[buckets]]
            if asked[buckets] and lacking:
                problems.setdefault((buckets, tuple(lacking)), []).append(rule.name)
    if problems:
        told = (_no_bucket(names, buckets, lacking, asked[buckets]) for (buckets, lacking), names in problems.items())
        raise Unusable("\n".join(told))


async def _there(server: Prometheus, buckets: str, window: Window) -> list[str]:
    """The bounds that the window has. The values of the label `le` would be those of whole blocks, which reach out of it."""
    found = await server.long_range(f"count by (le) ({buckets})", window.start, window.end, window.look)
    return list(dict.fromkeys(series.labels["le"] for series in found if "le" in series.labels))


def _no_bucket(names: list[str], buckets: str, lacking: tuple[str, ...], there: list[str]) -> str:
    """One line for all rules that read the bucket, to fire by it or to be held back by it."""
    bounds = ", ".join(sorted(there, key=float))
    return (
        f"the history of {buckets} has no bucket of {', '.join(lacking)} s, which {', '.join(dict.fromkeys(names))} would read. "
        f"Choose a latency among its bounds (seconds): {bounds}"
    )


def _has_le(selector: Selector) -> bool:
    return any(matcher.label == "le" for matcher in selector.matchers)


def _bounds(rule: Rule) -> list[str]:
    """The bounds that a rule counts: those it names alone, and where it names none alone, all that it lists."""
    matchers = [m for selector in rule.reads for m in selector.matchers if m.label == "le"]
    alone = {m.value for m in matchers if m.op == "="}
    listed = {_plain(part) for m in matchers if m.op == "=~" for part in m.value.split("|")}
    return sorted(alone or listed)


def _plain(pattern: str) -> str:
    return re.sub(r"\\(.)", r"\1", pattern)
