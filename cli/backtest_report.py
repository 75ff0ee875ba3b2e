"""What a backtest found, as JSON and as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.text import Text

from alerts.backtest import compare
from alerts.backtest.compare import Firing, Told
from alerts.backtest.history import Window, watched
from alerts.backtest.incidents import Incident, judged
from alerts.backtest.plan import Rule
from alerts.backtest.run import Outcome
from alerts.backtest.times import shown
from cli import tables
from cli.console import output
from cli.tables import Column
from policy.units import duration_text

POLICIES = ("current", "candidate")
_MARK = "*"  # on what an alert did for which the history has all that it reads for a part of the time only
_MOST_LISTED = 20
_MOST_NAMED = 8


def data(outcome: Outcome, window: Window, incidents: Sequence[Incident]) -> dict[str, Any]:
    """The whole result for programs."""
    length = watched(window, outcome.blind)
    incidents, aside = judged(incidents, window, outcome.blind)
    policies = {}
    for name, told in zip(POLICIES, outcome.told, strict=False):
        quality = {"quality": compare.quality(told, incidents).data()} if incidents else {}
        policies[name] = {**compare.summary(told, length), **quality}
    return {
        "from": shown(window.start),
        "to": shown(window.end),
        "weeks": window.weeks,
        "weeks_watched": length / compare.WEEK_MS,
        "blind": [{"from": shown(a), "to": shown(b)} for a, b in outcome.blind],
        "notes": [*outcome.notes, *aside],
        "policies": policies,
    }


def show(outcome: Outcome, window: Window, incidents: Sequence[Incident]) -> None:
    """The tables, on standard output."""
    console, length = output(), watched(window, outcome.blind)
    incidents, aside = judged(incidents, window, outcome.blind)
    _alerts(console, outcome, window, length)
    for name, told in zip(POLICIES, outcome.told, strict=False):
        pages = compare.per_week(len(told.pages), length)
        console.print(f"{name}: {len(told.pages)} pages, {pages:.2f} per week", highlight=False)
    if incidents:
        _quality(console, outcome, incidents)
    if len(outcome.told) > 1:
        for what, firings in compare.changes(*outcome.told).items():
            _list(console, f"{what} with the candidate", firings)
    else:
        _list(console, "what fired", outcome.told[0].firings)
    for line in (*_remarks(outcome), *aside):
        console.print(Text(line, "yellow"))


def _alerts(console: Console, outcome: Outcome, window: Window, length: int) -> None:
    columns, rows = [Column("alert"), Column("severity")], []
    for name, _ in zip(POLICIES, outcome.told, strict=False):
        columns += [Column(f"{name}: fired", right=True), Column("per week", right=True, spare=1)]
        columns.append(Column("in all", right=True, spare=2))
    for name in compare.names(*outcome.told):
        rule = next(rule for told in outcome.told for rule in told.rules if rule.name == name)
        cells = (cell for told in outcome.told for cell in _cells(told, name, length))
        rows.append((Text(name), Text(rule.severity, "red" if rule.severity == "critical" else "yellow"), *cells))
    tables.show(console, columns, rows, f"{shown(window.start)} to {shown(window.end)}")


def _cells(told: Told, name: str, length: int) -> Iterator[Text]:
    firings = told.of(name)
    rules = [rule for rule in told.rules if rule.name == name]
    if not rules or (any(rule.problem for rule in rules) and not firings):
        yield from (Text("not evaluated" if rules else "no such rule", "red"), Text(""), Text(""))
        return
    mark = _MARK if any(rule.in_part for rule in rules) else ""
    yield Text(f"{len(firings)}{mark}", "bold" if firings or mark else "dim")
    yield Text(f"{compare.per_week(len(firings), length):.2f}", "" if firings else "dim")
    yield Text(_lasting(compare.total_seconds(firings)) if firings else "")


def _quality(console: Console, outcome: Outcome, incidents: Sequence[Incident]) -> None:
    found = [compare.quality(told, incidents) for told in outcome.told]
    names = (name for name, _ in zip(POLICIES, found, strict=False))
    rows = [
        (Text("precision"), *(_share(quality.precision) for quality in found)),
        (Text("recall"), *(_share(quality.recall) for quality in found)),
    ]
    for index, incident in enumerate(incidents):
        rows.append((Text(incident.name), *(_detected(quality.detected[index][1]) for quality in found)))
    columns = [Column("incident", prose=True), *(Column(name, right=True) for name in names)]
    tables.show(console, columns, rows, "against the known incidents")


def _share(share: float | None) -> Text:
    if share is None:
        return Text("nothing to count", "dim")
    return Text(f"{share:.0%}", "green" if share == 1 else "red")


def _detected(seconds: float | None) -> Text:
    return Text("missed", "red") if seconds is None else Text(f"after {_lasting(seconds)}", "green")


def _list(console: Console, title: str, firings: Sequence[Firing]) -> None:
    if not firings:
        return
    columns, rows = (Column("from"), Column("for"), Column("alert"), Column("labels", prose=True)), []
    for firing in firings[:_MOST_LISTED]:
        labels = {k: v for k, v in firing.labels if k not in ("alertname", "severity", "action", "fleet")}
        still = "" if firing.span.ended else " and on"
        lasting = _lasting((firing.span.end - firing.span.start) / 1000) + still
        about = " ".join(f"{key}={value}" for key, value in labels.items())
        rows.append(list(map(Text, (shown(firing.span.start), lasting, firing.name, about))))
    tables.show(console, columns, rows, title)
    if len(firings) > _MOST_LISTED:
        console.print(f"and {len(firings) - _MOST_LISTED} more; --json has all", highlight=False)


def _remarks(outcome: Outcome) -> Iterator[str]:
    """First what stands behind a mark in the table."""
    yield from (f"{_MARK} {line}" for line in _of_alerts(outcome, lambda rule: rule.in_part))
    yield from _of_alerts(outcome, _notes)
    for start, end in outcome.blind:
        yield f"no data from {shown(start)} to {shown(end)} ({_lasting((end - start) / 1000)}): alerts stand still there"
    yield from outcome.notes


def _notes(rule: Rule) -> Iterable[str]:
    return (*([f"not evaluated: {rule.problem}"] if rule.problem else []), *rule.notes)


def _of_alerts(outcome: Outcome, notes: Callable[[Rule], Iterable[str]]) -> Iterator[str]:
    """What is to be known of alerts, each thing once, with the policies and the alerts of which it is true."""
    same: dict[tuple[str, str], list[str]] = {}
    for policy, told in zip(POLICIES, outcome.told, strict=False):
        found: dict[str, list[str]] = {}
        for rule in told.rules:
            for note in notes(rule):
                found.setdefault(note, []).append(rule.name)
        for note, names in found.items():
            same.setdefault((_counted(names), note), []).append(policy)
    yield from (f"{', '.join(policies)}: {who}: {note}" for (who, note), policies in same.items())


def _counted(names: list[str]) -> str:
    """`A (3 rules), B`; of many alerts the first."""
    found = [f"{name} ({many} rules)" if many > 1 else name for name, many in Counter(names).items()]
    more = [f"{len(found) - _MOST_NAMED} more"] if len(found) > _MOST_NAMED else []
    return ", ".join((*found[:_MOST_NAMED], *more))


def _lasting(seconds: float) -> str:
    return duration_text(timedelta(seconds=round(seconds, 3 if seconds < 60 else 0)))
