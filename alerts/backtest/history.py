"""Questions to the history before its alerts are counted: is there data, where are holes, which buckets exist."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from alerts.backtest.plan import Rule
from alerts.backtest.prometheus import Prometheus, TooMuch, Unusable
from alerts.backtest.selectors import Selector
from alerts.backtest.simulate import Run
from alerts.promql import quote

_LOOKS = 300
"""How many places of the history are looked at for whether a series is there."""


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the history that is asked for; milliseconds since 1970."""

    start: int
    end: int

    @property
    def weeks(self) -> float:
        """Its length in weeks."""
        return (self.end - self.start) / (7 * 86400_000)


def watched(window: Window, holes: Iterable[Run]) -> int:
    """Milliseconds of the window that lie in no hole."""
    return window.end - window.start - sum(end - start for start, end in holes)


async def blind(server: Prometheus, window: Window, scrape: int) -> tuple[Run, ...] | None:
    """Spans in which Prometheus did not scrape; None where the history has no `up` that could tell.

    Any target's `up` counts, for it is written whether the target answers or not. `scrape` is the longest time between
    two scrapes that is usual: a hole is longer than four of them, and than a minute. What is before the very first sample
    is one however short it is: alerts on what is missing would fire before anybody watched.
    """
    hole = max(60_000, 4 * scrape)
    step = min(
        hole // 2, 120_000
    )  # far below Prometheus' five minutes of looking back: the last sample before a hole is seen
    found = await server.long_range("max(timestamp(up))", window.start, window.end + step, step)
    seen = sorted({round(float(value) * 1000) for series in found for value in series.values})
    if not seen:
        return None
    return tuple([await _refined(server, gap, step) for gap in _holes(seen, window, hole)])


def _holes(seen: list[int], window: Window, hole: int) -> Iterator[Run]:
    edges = [window.start, *(at for at in seen if window.start < at < window.end), window.end]
    if seen[0] > window.start:
        yield window.start - 1, edges[1]  # the window's first evaluation is in it as well
        edges = edges[1:]
    for before, after in pairwise(edges):
        if after - before > hole + hole // 2:
            yield before, after


async def _refined(server: Prometheus, gap: Run, step: int) -> Run:
    """The same hole up to the very first sample behind it: `max(timestamp)` shows the last before each look."""
    before, after = gap
    looks = await server.range("max(timestamp(up))", max(before, after - step), after, max(1000, step // 5000))
    behind = [at for series in looks for value in series.values if (at := round(float(value) * 1000)) > before]
    return before, min([after, *behind])


async def presence(server: Prometheus, rules: Iterable[Rule], window: Window) -> dict[str, float]:
    """Of each selector that the alerts read and that should find something: the share of the time in which it does."""
    step = max(1000, (window.end - window.start) // _LOOKS)
    looks = (window.end - window.start) // step + 1
    found = {}
    for selector in sorted({selector_text(selector) for rule in rules if rule.query for selector in rule.wanted()}):
        there = await server.long_range(f"count({selector})", window.start, window.end, step)
        found[selector] = sum(len(part.times) for part in there) / looks
    return found


def missing(present: Mapping[str, float]) -> Iterator[str]:
    """What the history lacks, all of the time or much of it, in words."""
    for selector, share in present.items():
        if not share:
            yield f"the history has no {selector}: what is said of its alerts is said without it"
        elif share < 0.9:
            yield f"the history has {selector} only {share:.0%} of the time"


def unfounded(rule: Rule, present: Mapping[str, float]) -> str:
    """Why an alert cannot be judged: it takes a recorded series from the history, which does not have it. Empty if it can."""
    for selector in rule.wanted():
        text = selector_text(selector)
        if selector.name in rule.kept and not present.get(text, 1):
            return f"it needs {text} as it was recorded, and the history does not have it"
    return ""


async def require_bounds(server: Prometheus, rules: Iterable[Rule], window: Window) -> None:
    """Unusable when an alert counts a bucket whose bound the history does not have: it would be silent, whatever happened."""
    problems: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    asked: dict[str, list[str]] = {}
    for rule in rules:
        for buckets in {selector_text(selector, "le") for selector in rule.wanted() if _has_le(selector)}:
            if buckets not in asked:
                asked[buckets] = await server.label_values("le", buckets, window.start, window.end)
            lacking = [bound for bound in _bounds(rule) if bound not in asked[buckets]]
            if asked[buckets] and lacking:
                problems.setdefault((buckets, tuple(lacking)), []).append(rule.name)
    if problems:
        told = (_no_bucket(names, buckets, lacking, asked[buckets]) for (buckets, lacking), names in problems.items())
        raise Unusable("\n".join(told))


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


def selector_text(selector: Selector, without: str = "") -> str:
    """A selector as PromQL, one of its labels left out."""
    inside = ",".join(f"{m.label}{m.op}{quote(m.value)}" for m in selector.matchers if m.label != without)
    return f"{selector.name}{{{inside}}}" if inside else selector.name


def _own_fleet(rule: Rule) -> tuple[str, ...]:
    """The matcher of the fleet that a rule is about: another one's rules are evaluated at other times."""
    named = (m.value for selector in rule.reads for m in selector.matchers if (m.label, m.op) == ("fleet", "="))
    return tuple(f"fleet={quote(fleet)}" for fleet in dict.fromkeys(named))[:1]


async def phase(server: Prometheus, rule: Rule, window: Window) -> int:
    """How far after each multiple of its interval Prometheus evaluated the rule's group, 0 where the history cannot tell.

    A server spreads its groups over their interval. What a group recorded, alerts included, bears the exact times.
    """
    own = _own_fleet(rule)
    alert = f"ALERTS{{{','.join((f'alertname={quote(rule.name)}', *own))}}}"
    for series in (*(f"{name}{{{','.join(own)}}}" for name in rule.siblings), alert):
        try:
            newest = f"max(timestamp({series})) or max(max_over_time(timestamp({series})[1h:1m]))"
            found = await server.instant(newest, window.end)
        except TooMuch:
            continue
        if found:
            return round(found[0][1] * 1000) % rule.step
    return 0
