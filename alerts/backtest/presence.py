"""When what the alerts read was in the history: all of the time, for a part of it, or never; and that in words.

A series is asked for at some hundred places, beside what it should stand with: a bucket with the count of its histogram, on
every node; a fact of the fleet with the verdicts of its nodes; all else with Prometheus' own running. So a fleet that is young
is said once, and not of everything that it tells. A bucket that begins later than its nodes is one whose bound the policy
got later: without it an alert is silent, whatever happens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import chain, groupby, takewhile
from operator import itemgetter

from alerts.backtest.bounds import one_by_one
from alerts.backtest.history import Window
from alerts.backtest.plan import Rule
from alerts.backtest.prometheus import Prometheus
from alerts.backtest.selectors import Selector, selector_text
from alerts.backtest.simulate import Run
from alerts.backtest.times import shown
from policy.metrics import NODE_UP
from policy.units import duration_text

Counts = Mapping[int, float]
"""How many series there were, by the time at which it was looked; no entry for none."""
Look = tuple[int, bool]
"""A time, and whether the series was there."""

_BUCKET = "_bucket"
_ENOUGH = 0.9


@dataclass(frozen=True, slots=True)
class Wanted:
    """A selector, and how far before `--from` it is read (`reach`, milliseconds)."""

    selector: Selector
    reach: int

    @property
    def text(self) -> str:
        """As PromQL."""
        return selector_text(self.selector)

    @property
    def bound(self) -> str:
        """The bound of the one bucket that it selects, in seconds; empty for all else."""
        alone = (m.value for m in self.selector.matchers if (m.label, m.op) == ("le", "="))
        return next(alone, "") if self.selector.name.endswith(_BUCKET) else ""

    @property
    def beside(self) -> str:
        """The series with which it should be there, empty where there are none."""
        if self.bound:
            return selector_text(replace(self.selector, name=f"{self.selector.name.removesuffix(_BUCKET)}_count"), "le")
        fleet = tuple(m for m in self.selector.matchers if (m.label, m.op) == ("fleet", "="))
        verdicts = selector_text(replace(self.selector, name=NODE_UP.name, matchers=fleet))
        return verdicts if fleet and self.text != verdicts else ""


@dataclass(frozen=True, slots=True)
class Span:
    """A time without a gap, milliseconds since 1970; whether it begins `late`, and ends `early`, in what was looked at."""

    start: int
    end: int
    late: bool
    early: bool


@dataclass(frozen=True, slots=True)
class Presence:
    """The share of the time (0..1) in which a series was there, the longest span of it, and whether there are more."""

    share: float
    span: Span | None = None
    gaps: bool = False


Present = Mapping[tuple[str, int], Presence]
"""By the text and the reach of what is wanted."""


def wanted(rule: Rule) -> tuple[Wanted, ...]:
    """What a rule reads and should find, each once: of the buckets those that it counts."""
    found = {selector_text(selector): Wanted(selector, rule.reach) for selector in one_by_one(rule)}
    return tuple(found[text] for text in sorted(found))


def earliest(rules: Sequence[Rule], window: Window) -> int:
    """From when on it must be known whether Prometheus ran: for series that stand alone, as far back as they are read."""
    alone = (one.reach for rule in rules for one in wanted(rule) if not one.beside)
    return min(window.start - max(alone, default=0), *(window.start - rule.before for rule in rules))


async def presence(
    server: Prometheus, rules: Iterable[Rule], window: Window, holes: Iterable[Run]
) -> dict[tuple[str, int], Presence]:
    """Of everything that the rules want: when it was there. `holes` are spans in which Prometheus did not run."""
    asker = _Asker(server, tuple(holes))
    every = {(one.text, one.reach): one for rule in rules if rule.query for one in wanted(rule)}
    found = {}
    for key, one in sorted(every.items()):
        looked = Window(window.start - one.reach, window.end)
        seen = present(await asker.looks(one, looked))
        found[key] = seen if _whole(one, seen) else await _closer(asker, one, seen, looked.look)
    return found


@dataclass(frozen=True, slots=True)
class _Asker:
    """Asks for each count once."""

    server: Prometheus
    holes: tuple[Run, ...]
    known: dict[tuple[str, Window], Counts] = field(default_factory=dict)

    async def looks(self, one: Wanted, looked: Window) -> list[Look]:
        """Whether it was there, at each look at which it should have been."""
        there = await self._counts(one.text, looked)
        needed = await self._counts(one.beside, looked) if one.beside else {}
        return looks(needed or self._ran(looked), there, on_all=bool(one.bound))

    async def _counts(self, text: str, looked: Window) -> Counts:
        if (text, looked) not in self.known:
            found = await self.server.long_range(f"count({text})", looked.start, looked.end, looked.look)
            counts = (zip(part.times, map(float, part.values), strict=True) for part in found)
            self.known[text, looked] = dict(chain.from_iterable(counts))
        return self.known[text, looked]

    def _ran(self, looked: Window) -> Counts:
        every = range(looked.start, looked.end + 1, looked.look)
        return {at: 1.0 for at in every if not any(start < at < end for start, end in self.holes)}


def looks(needed: Counts, there: Counts, on_all: bool) -> list[Look]:
    """Whether a series was there when it was needed: on as many nodes as that on which it stands, or on any."""
    return [(at, there.get(at, 0.0) >= (count if on_all else 1.0)) for at, count in sorted(needed.items())]


def present(seen: Sequence[Look]) -> Presence:
    """When a series was there, by the looks for it."""
    runs = [[at for at, _ in run] for there, run in groupby(seen, key=itemgetter(1)) if there]
    if not runs:
        return Presence(0.0)
    longest = max(runs, key=lambda run: run[-1] - run[0])
    late, early = longest[0] > seen[0][0], longest[-1] < seen[-1][0]
    return Presence(sum(map(len, runs)) / len(seen), Span(longest[0], longest[-1], late, early), len(runs) > 1)


async def _closer(asker: _Asker, one: Wanted, seen: Presence, look: int) -> Presence:
    """The same, the ends of its span looked at more closely; they are told in whole seconds."""
    if seen.span is None:
        return seen
    start, end = seen.span.start, seen.span.end
    if seen.span.late:
        before = await asker.looks(one, Window(start - look, start))
        start = min((start, *(at for at, _ in takewhile(itemgetter(1), reversed(before)))))
    if seen.span.early:
        behind = await asker.looks(one, Window(end, end + look))
        end = max((end, *(at for at, _ in takewhile(itemgetter(1), behind))))
    return replace(seen, span=replace(seen.span, start=-(-start // 1000) * 1000, end=end // 1000 * 1000))


def _whole(one: Wanted, seen: Presence) -> bool:
    """Whether there is nothing to say. A series misses a scrape now and then; a bucket stands with its count in each of them."""
    return seen.share == 1 if one.bound else seen.share >= _ENOUGH


def unfounded(rule: Rule, found: Present) -> str:
    """Why an alert cannot be judged: it takes a recorded series from the history, which does not have it. Empty if it can."""
    for one in wanted(rule):
        if one.selector.name in rule.kept and not _of(one, found).share:
            return f"it needs {one.text} as it was recorded, and the history does not have it"
    return ""


def lacking(rule: Rule, found: Present) -> tuple[str, ...]:
    """What a rule wants and the history never had, in words."""
    never = (one for one in wanted(rule) if _never(one, found) and one.selector.name not in rule.kept)
    return tuple(f"the history has no {one.text}: judged without it" for one in never)


def in_part(rule: Rule, found: Present, window: Window) -> tuple[str, ...]:
    """What a rule wants and the history has for a part of the time only: since when, and what to do."""
    some = ((one, _of(one, found)) for one in wanted(rule) if one.selector.name != NODE_UP.name)
    return tuple(_told(one, seen, window) for one, seen in some if not _whole(one, seen) and not _never(one, found))


def young(rules: Iterable[Rule], found: Present, window: Window) -> Iterator[str]:
    """That there were no nodes for a part of the time: said once, not of each alert."""
    fleets = {one.text: one for rule in rules for one in wanted(rule) if one.selector.name == NODE_UP.name}
    for one in fleets.values():
        seen = _of(replace(one, reach=0), found)
        if seen.share and not _whole(one, seen):
            yield _told(replace(one, reach=0), seen, window)


def _of(one: Wanted, found: Present) -> Presence:
    return found.get((one.text, one.reach), Presence(1.0))


def _never(one: Wanted, found: Present) -> bool:
    """A bucket that no look found on all nodes is said so, but where there was no histogram at all."""
    beside = found.get((one.beside, one.reach), Presence(1.0))
    return not _of(one, found).share and not (one.bound and beside.share)


def _told(one: Wanted, seen: Presence, window: Window) -> str:
    what = f"the bucket of {one.bound} s" if one.bound else one.text
    if seen.span is None:
        return f"the history has {what} at no time on all nodes: {_effect(one)}"
    of = "that it has the nodes" if one.beside else "that Prometheus ran"
    share = f"{min(99, max(1, round(seen.share * 100)))}% of the time {of}"
    longest = "longest " if seen.gaps else ""
    return f"the history has {what} only {share}, {longest}{_when(seen.span)}: {_effect(one)}{_cure(one, seen.span, window)}"


def _effect(one: Wanted) -> str:
    if one.bound:
        return "without it no alert fires by it or is held back by it"
    return (
        "without it nothing is known of the nodes"
        if one.selector.name == NODE_UP.name
        else "the rest is judged without it"
    )


def _when(span: Span) -> str:
    if not span.early:
        return f"from {shown(span.start)} on"
    return f"from {shown(span.start)} to {shown(span.end)}" if span.late else f"until {shown(span.end)}"


def _cure(one: Wanted, span: Span, window: Window) -> str:
    """The window in which it can be judged by it; what reads far back must find it there as well."""
    first, last = span.start + one.reach, span.end if span.early else window.end
    back = f"its windows of {duration_text(timedelta(milliseconds=one.reach))} are whole"
    if first >= last:
        return f"; {back} at no time"
    start = f" --from {shown(first)}" if first > window.start else ""
    end = f" --to {shown(last)}" if last < window.end else ""
    since = f": from then on {back}" if one.reach and start else ""
    return f"; ask with{start}{end}{since}" if start or end else ""
