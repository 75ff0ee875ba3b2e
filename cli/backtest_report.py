"""What a backtest found, as JSON and as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from alerts.backtest import compare
from alerts.backtest.compare import Firing, Told
from alerts.backtest.history import Window, watched
from alerts.backtest.incidents import Incident, judged
from alerts.backtest.run import Outcome
from alerts.backtest.times import shown
from cli.console import output
from policy.units import duration_text

POLICIES = ("current", "candidate")
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
    console.print(_alerts(outcome, window, length))
    for name, told in zip(POLICIES, outcome.told, strict=False):
        pages = compare.per_week(len(told.pages), length)
        console.print(f"{name}: {len(told.pages)} pages, {pages:.2f} per week", highlight=False)
    if incidents:
        console.print(_quality(outcome, incidents))
    if len(outcome.told) > 1:
        for what, firings in compare.changes(*outcome.told).items():
            _list(console, f"{what} with the candidate", firings)
    else:
        _list(console, "what fired", outcome.told[0].firings)
    for line in (*_remarks(outcome), *aside):
        console.print(Text(line, "yellow"))


def _alerts(outcome: Outcome, window: Window, length: int) -> Table:
    table = Table(title=f"{shown(window.start)} to {shown(window.end)}", title_justify="left")
    table.add_column("alert", overflow="fold")
    table.add_column("severity")
    for name, _ in zip(POLICIES, outcome.told, strict=False):
        table.add_column(f"{name}: fired", justify="right")
        table.add_column("per week", justify="right")
        table.add_column("in all", justify="right")
    for name in compare.names(*outcome.told):
        rule = next(rule for told in outcome.told for rule in told.rules if rule.name == name)
        cells = (cell for told in outcome.told for cell in _cells(told, name, length))
        table.add_row(Text(name), Text(rule.severity, "red" if rule.severity == "critical" else "yellow"), *cells)
    return table


def _cells(told: Told, name: str, length: int) -> Iterator[Text]:
    firings = told.of(name)
    rules = [rule for rule in told.rules if rule.name == name]
    if not rules or (any(rule.problem for rule in rules) and not firings):
        yield from (Text("not evaluated" if rules else "no such rule", "red"), Text(""), Text(""))
        return
    yield Text(str(len(firings)), "bold" if firings else "dim")
    yield Text(f"{compare.per_week(len(firings), length):.2f}", "" if firings else "dim")
    yield Text(_lasting(compare.total_seconds(firings)) if firings else "")


def _quality(outcome: Outcome, incidents: Sequence[Incident]) -> Table:
    found = [compare.quality(told, incidents) for told in outcome.told]
    table = Table(title="against the known incidents", title_justify="left")
    table.add_column("", overflow="fold")
    for name, _ in zip(POLICIES, found, strict=False):
        table.add_column(name, justify="right")
    table.add_row("precision", *(_share(quality.precision) for quality in found))
    table.add_row("recall", *(_share(quality.recall) for quality in found))
    for index, incident in enumerate(incidents):
        table.add_row(Text(incident.name), *(_detected(quality.detected[index][1]) for quality in found))
    return table


def _share(share: float | None) -> Text:
    if share is None:
        return Text("nothing to count", "dim")
    return Text(f"{share:.0%}", "green" if share == 1 else "red")


def _detected(seconds: float | None) -> Text:
    return Text("missed", "red") if seconds is None else Text(f"after {_lasting(seconds)}", "green")


def _list(console: Console, title: str, firings: Sequence[Firing]) -> None:
    if not firings:
        return
    table = Table(title=title, title_justify="left")
    for column in ("from", "for", "alert", "labels"):
        table.add_column(column, overflow="fold")
    for firing in firings[:_MOST_LISTED]:
        labels = {k: v for k, v in firing.labels if k not in ("alertname", "severity", "action", "fleet")}
        still = "" if firing.span.ended else " and on"
        lasting = _lasting((firing.span.end - firing.span.start) / 1000) + still
        about = " ".join(f"{key}={value}" for key, value in labels.items())
        table.add_row(*map(Text, (shown(firing.span.start), lasting, firing.name, about)))
    console.print(table)
    if len(firings) > _MOST_LISTED:
        console.print(f"and {len(firings) - _MOST_LISTED} more; --json has all", highlight=False)


def _remarks(outcome: Outcome) -> Iterator[str]:
    yield from _of_alerts(outcome)
    for start, end in outcome.blind:
        yield f"no data from {shown(start)} to {shown(end)} ({_lasting((end - start) / 1000)}): alerts stand still there"
    yield from outcome.notes


def _of_alerts(outcome: Outcome) -> Iterator[str]:
    """What is to be known of alerts, each thing once, with the policies and the alerts of which it is true."""
    same: dict[tuple[str, str], list[str]] = {}
    for policy, told in zip(POLICIES, outcome.told, strict=False):
        found: dict[str, list[str]] = {}
        for rule in told.rules:
            for note in (*([f"not evaluated: {rule.problem}"] if rule.problem else []), *rule.notes):
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
