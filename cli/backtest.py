"""`cachewatch alerts backtest`: which alerts would have fired over a Prometheus' history."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.asking import ask
from cli.context import Context, Refused
from cli.files import CannotWrite, replace, require_place

if TYPE_CHECKING:
    from alerts.backtest.history import Window
    from alerts.backtest.incidents import Incident
    from alerts.backtest.run import Outcome
    from policy.changes import Change
    from policy.model import Policy

_EXAMPLE = (
    "Example: cachewatch -c prod.yaml alerts backtest --prometheus http://prometheus:9090 --from -7d "
    "--set thresholds.hit_rate.warning.below=72% --picture backtest.svg"
)


def _changes(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[Change, ...]:
    from policy import changes

    problems, found = [], []
    for text in values:
        try:
            found.append(changes.read(text))
        except ValueError as error:
            problems.append(f"--set: {text} {error}")
    if problems:
        raise Refused("\n".join(problems))
    return tuple(found)


@click.command(short_help="Which alerts would have fired over the past.", epilog=_EXAMPLE)
@click.option("--prometheus", "url", metavar="URL", help="The history. Default: stack.prometheus of the policy.")
@click.option("--from", "start", default="-7d", show_default=True, metavar="T", help="RFC 3339, Unix seconds, or -7d.")
@click.option("--to", "end", default="now", show_default=True, metavar="T", help="The same, or now.")
@click.option(
    "--set",
    "changed",
    multiple=True,
    metavar="KEY=VALUE",
    callback=_changes,
    help="A value of the candidate policy, which is then shown beside the current one. May be repeated.",
)
@click.option(
    "--incidents",
    type=click.Path(dir_okay=False, path_type=Path),
    help="YAML or JSON, a list of {name, from, to, alert, instance}: precision, recall and detection time against it.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object on standard output.")
@click.option("--picture", type=click.Path(dir_okay=False, path_type=Path), help="Also draw it, as SVG, to this file.")
@click.pass_obj
def backtest(
    context: Context,
    url: str | None,
    start: str,
    end: str,
    changed: tuple[Change, ...],
    incidents: Path | None,
    as_json: bool,
    picture: Path | None,
) -> None:
    """Evaluate the policy's alerts over the history of a Prometheus.

    What would have fired, when, for how long, and how many pages a week that is. Raw series are enough: recorded ones are
    computed anew. Nothing is written to the Prometheus. Exit status 0, or 2 when it cannot be done.
    """
    from alerts.backtest.unseen import unseen

    current = context.loaded().policy
    candidate = context.loaded(changed).policy if changed else None
    window = _window(start, end)
    known = _incidents(incidents)
    notes = tuple(unseen(current, candidate or current))
    for note in notes:
        click.secho(f"warning: --set {note}", fg="yellow", err=True)
    if picture is not None:
        _require_place(picture)
    outcome = _run(url or current.stack.prometheus, [current, *([candidate] if candidate else [])], window)
    # Programs do not read standard error.
    _show(outcome.noting(notes) if as_json else outcome, window, known, as_json)
    if picture is not None:
        _draw(picture, outcome, window, known)


def _window(start: str, end: str) -> Window:
    from alerts.backtest.history import Window
    from alerts.backtest.times import NotATime, parse

    now = time.time_ns() // 1_000_000
    try:
        window = Window(parse(start, now), parse(end, now))
    except NotATime as error:
        raise Refused(str(error)) from error
    if window.start >= window.end:
        raise Refused(f"--from {start} is not before --to {end}")
    if window.end > now:
        raise Refused(f"--to {end} is in the future: there is no history of it")
    return window


def _incidents(path: Path | None) -> tuple[Incident, ...]:
    from alerts.backtest.incidents import BadIncidents, load

    if path is None:
        return ()
    try:
        return load(path, time.time_ns() // 1_000_000)
    except BadIncidents as error:
        raise Refused(str(error)) from error


def _run(url: str, policies: list[Policy], window: Window) -> Outcome:
    from alerts.backtest.prometheus import BadQuery, TooMuch, Unusable

    try:
        return ask(_ask(url, policies, window))
    except KeyboardInterrupt:
        click.echo("interrupted: nothing was written", err=True)
        raise SystemExit(130) from None
    except (Unusable, TooMuch, BadQuery, ValueError) as error:
        raise Refused(str(error)) from error


async def _ask(url: str, policies: list[Policy], window: Window) -> Outcome:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from alerts.backtest.plan import rules
    from alerts.backtest.prometheus import Prometheus
    from alerts.backtest.run import run
    from alerts.promql import milliseconds
    from alerts.rules import groups

    planned = [rules(groups(policy)) for policy in policies]
    scrape = max(milliseconds(max(policy.rules.interval, policy.rules.liveness_interval)) for policy in policies)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("asking Prometheus", total=1)

        def tell(done: int, whole: int) -> None:
            bar.update(task, completed=done / whole)

        async with Prometheus(url) as server:
            return await run(server, planned, window, scrape, tell)


def _require_place(file: Path) -> None:
    """A run takes minutes: what could not be written after it is refused before."""
    try:
        require_place(file)
    except CannotWrite as error:
        raise Refused(str(error)) from error


def _draw(file: Path, outcome: Outcome, window: Window, known: tuple[Incident, ...]) -> None:
    from alerts.backtest.picture import svg

    candidate = outcome.told[1] if len(outcome.told) > 1 else None
    text = svg(outcome.told[0], candidate, window, known, outcome.blind)
    try:
        replace(file, text)
    except CannotWrite as error:
        raise Refused(str(error)) from error


def _show(outcome: Outcome, window: Window, known: tuple[Incident, ...], as_json: bool) -> None:
    from cli import backtest_report

    if as_json:
        data: dict[str, Any] = backtest_report.data(outcome, window, known)
        click.echo(json.dumps(data, indent=2))
    else:
        backtest_report.show(outcome, window, known)
