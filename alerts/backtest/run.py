"""A backtest: the rules of two policies evaluated over one history, each different expression once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from alerts.backtest import history, presence
from alerts.backtest.bounds import require_bounds
from alerts.backtest.compare import Told
from alerts.backtest.fired import Gave, Held, firings
from alerts.backtest.history import Window
from alerts.backtest.plan import Rule
from alerts.backtest.prometheus import BadQuery, Prometheus, Series
from alerts.backtest.simulate import Run

Progress = Callable[[int, int], None]
"""Told how much of how much is done."""

_BATCH = 25
_BATCH_CHARACTERS = 12_000  # VictoriaMetrics takes 16,384 bytes, and each expression gets a label
_TAG = "__rule__"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the policies told, in the order in which they were given; the holes of the history, and what else to know."""

    told: tuple[Told, ...]
    blind: tuple[Run, ...]
    notes: tuple[str, ...]

    def noting(self, notes: Iterable[str]) -> Outcome:
        """The same, with more to know, which is said first."""
        return replace(self, notes=(*notes, *self.notes))


@dataclass(frozen=True, slots=True)
class _Job:
    """An expression to be evaluated each `step` from `start` on."""

    query: str
    step: int
    start: int


async def run(
    server: Prometheus, policies: Sequence[tuple[Rule, ...]], window: Window, scrape: int, progress: Progress
) -> Outcome:
    """Evaluate the rules of all policies. Unusable when the history does not allow it."""
    every = [rule for rules in policies for rule in rules]
    await require_bounds(server, every, window)
    holes = await history.blind(server, Window(presence.earliest(every, window), window.end), scrape)
    found = await presence.presence(server, every, window, holes or ())
    notes = list(presence.young(every, found, window))
    if holes is None:
        notes.append("the history has no `up`: when Prometheus itself did not run cannot be told")
    policies = [tuple(_judged(rule, found, window) for rule in rules) for rules in policies]
    every = [rule for rules in policies for rule in rules]
    phases = await _phases(server, every, window)
    jobs = {
        rule: _jobs(rule, window, phases[rule.group, rule.step] if rule.phased else 0) for rule in every if rule.query
    }
    todo = {job for several in jobs.values() for job in several}
    held, problems = await _evaluate(server, sorted(todo, key=_order), window.end, progress)
    told = tuple(_told(rules, jobs, held, problems, window, holes or ()) for rules in policies)
    return Outcome(told, tuple(_within(holes or (), window)), tuple(notes))


def _within(holes: Iterable[Run], window: Window) -> Iterator[Run]:
    return ((max(start, window.start), end) for start, end in holes if end > window.start)


def _judged(rule: Rule, found: presence.Present, window: Window) -> Rule:
    """The rule with what the history lacks of it; without an expression where that is what it must take from it."""
    problem = presence.unfounded(rule, found)
    if problem:
        return replace(rule, query="", problem=problem)
    notes = (*rule.notes, *presence.lacking(rule, found))
    return replace(rule, notes=notes, in_part=presence.in_part(rule, found, window))


async def _phases(server: Prometheus, rules: Iterable[Rule], window: Window) -> dict[tuple[str, int], int]:
    found: dict[tuple[str, int], int] = {}
    asked = set()
    for rule in rules:
        if not rule.phased:
            continue
        group, about = (rule.group, rule.step), (rule.group, rule.siblings or rule.name)
        if not found.get(group) and about not in asked:
            found[group] = await history.phase(server, rule, window)
            asked.add(about)
    return found


def _jobs(rule: Rule, window: Window, phase: int) -> tuple[_Job, ...]:
    """All that is asked for a rule, from so early on that an alert that fires at the window's beginning was seen to begin."""
    early = -(-(window.start - rule.before - phase) // rule.step) * rule.step + phase
    return tuple(_Job(query, rule.step, early) for query in rule.queries)


def _order(job: _Job) -> tuple[int, int, str]:
    return job.step, job.start, job.query


async def _evaluate(
    server: Prometheus, jobs: list[_Job], end: int, progress: Progress
) -> tuple[dict[_Job, Held], dict[_Job, str]]:
    held: dict[_Job, Held] = {job: {} for job in jobs}
    problems: dict[_Job, str] = {}
    batches = list(_batches(jobs))
    whole = sum((end - batch[0].start) * len(batch) for batch in batches) or 1
    done = 0
    for batch in batches:

        def advance(part: int, base: int = done, size: int = len(batch)) -> None:
            progress(base + part * size, whole)

        await _evaluate_batch(server, batch, end, held, problems, advance)
        done += (end - batch[0].start) * len(batch)
        progress(done, whole)
    return held, problems


def _batches(jobs: list[_Job]) -> Iterator[list[_Job]]:
    """Expressions that are asked in one query: those of the same times."""
    batch: list[_Job] = []
    for job in jobs:
        size = len(job.query) + sum(len(each.query) for each in batch)
        full = len(batch) == _BATCH or size > _BATCH_CHARACTERS
        if batch and (full or (job.step, job.start) != (batch[0].step, batch[0].start)):
            yield batch
            batch = []
        batch.append(job)
    if batch:
        yield batch


async def _evaluate_batch(
    server: Prometheus,
    batch: list[_Job],
    end: int,
    held: dict[_Job, Held],
    problems: dict[_Job, str],
    advance: Callable[[int], None],
) -> None:
    try:
        await _walk(server, batch, end, held, advance)
    except BadQuery as error:
        if len(batch) == 1:
            problems[batch[0]] = f"Prometheus cannot evaluate it: {error}"
            return
        for job in batch:
            held[job].clear()
            await _evaluate_batch(server, [job], end, held, problems, lambda _: None)


async def _walk(
    server: Prometheus, batch: list[_Job], end: int, held: dict[_Job, Held], advance: Callable[[int], None]
) -> None:
    step = batch[0].step
    async for last, found in server.parts(_tagged(batch), batch[0].start, end, step):
        for series in found:
            _note(held, batch, series, step)
        advance(last - batch[0].start)


def _tagged(batch: list[_Job]) -> str:
    if len(batch) == 1:
        return batch[0].query
    parts = (f'label_replace({job.query}, "{_TAG}", "{index}", "", "")' for index, job in enumerate(batch))
    return " or ".join(parts)


def _note(held: dict[_Job, Held], batch: list[_Job], series: Series, step: int) -> None:
    job = batch[int(series.labels.get(_TAG, "0"))]
    labels = tuple(sorted((k, v) for k, v in series.labels.items() if k not in (_TAG, "__name__")))
    stretches = held[job].setdefault(labels, [])
    for at in series.times:
        if stretches and at == stretches[-1][1] + step:
            stretches[-1][1] = at
        else:
            stretches.append([at, at])


def _told(
    rules: tuple[Rule, ...],
    jobs: dict[Rule, tuple[_Job, ...]],
    held: dict[_Job, Held],
    problems: dict[_Job, str],
    window: Window,
    holes: tuple[Run, ...],
) -> Told:
    refused = {rule: problem for rule in rules for job in jobs.get(rule, ()) if (problem := problems.get(job))}
    gave = {rule: _gave(rule, jobs[rule], held) for rule in rules if rule in jobs and rule not in refused}
    fired, twice = firings(gave, window, holes)
    known = (replace(rule, problem=rule.problem or refused.get(rule) or twice.get(rule, "")) for rule in rules)
    return Told(tuple(known), tuple(sorted(fired, key=lambda f: (f.span.start, f.labels))))


def _gave(rule: Rule, jobs: tuple[_Job, ...], held: dict[_Job, Held]) -> Gave:
    by_query = {job.query: held[job] for job in jobs}
    kept = rule.keeping
    follows = kept.follows if kept else None
    parts = (kept.broken if kept else "", kept.ends if kept else "")
    places = (follows.behind if follows else "", follows.ahead if follows else "")
    return Gave(jobs[0].start, by_query[rule.query], *(by_query.get(each, {}) for each in (*parts, *places)))
