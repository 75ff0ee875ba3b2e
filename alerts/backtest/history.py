"""Questions to the history before its alerts are counted: is there data, where are holes, when were its rules evaluated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from alerts.backtest.plan import Rule
from alerts.backtest.prometheus import Prometheus, TooMuch
from alerts.backtest.simulate import Run
from alerts.promql import quote

_LOOKS = 300


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the history that is asked for; milliseconds since 1970."""

    start: int
    end: int

    @property
    def look(self) -> int:
        """Milliseconds between two places that are looked at for whether a series is there: some hundred in all."""
        return max(1000, (self.end - self.start) // _LOOKS)

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
