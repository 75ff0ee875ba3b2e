"""`cachewatch alerts catalogue`: every alert of the policy in one list."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from cli.context import Context

if TYPE_CHECKING:
    from rich.text import Text

    from alerts.catalogue import Entry


@click.command(short_help="List every alert.", epilog="Example: cachewatch -c prod.yaml alerts catalogue")
@click.option(
    "--json", "as_json", is_flag=True, help="For programs: a JSON list on standard output, with whole expressions."
)
@click.pass_obj
def catalogue(context: Context, as_json: bool) -> None:
    """List every alert: severity, action, when it fires, for how long that must hold, who is told."""
    from alerts.catalogue import entries
    from alerts.rules import groups

    policy = context.loaded().policy
    found = entries(policy, groups(policy))
    if as_json:
        click.echo(json.dumps([entry.data() for entry in found], indent=2, ensure_ascii=False))
    else:
        _show(found)


def _show(found: tuple[Entry, ...]) -> None:
    from cli import tables
    from cli.console import output
    from cli.tables import Column

    columns = [Column(title) for title in ("alert", "severity", "action", "for", "told")]
    expr = Column("fires when", prose=True)
    tables.show(output(), (*columns[:3], expr, *columns[3:]), list(map(_row, found)), lines=True)


def _row(entry: Entry) -> tuple[Text, ...]:
    from rich.text import Text

    name = Text(entry.name)
    for label, value in entry.own:
        name.append(f"\n{label}={value}", "dim")
    if entry.rules > 1:
        name.append(f"\n{entry.rules} rules, the first is shown", "dim")
    severity = Text(entry.severity, "red" if entry.severity == "critical" else "yellow")
    who = Text("\n".join(entry.told)) if entry.told else Text("nobody", "red")
    return name, severity, Text(entry.action), Text(entry.expr), Text(entry.hold), who
