"""The table of `cachewatch check --stack`: each part of the stack, and what it does otherwise than the policy says."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from alerts.running.model import Part
from cli import tables
from cli.tables import Column
from policy.printable import printable

_COLUMNS = (
    Column("part"),
    Column("address"),
    Column("answers", prose=True),
    Column("what differs", prose=True),
)


def show(console: Console, parts: Sequence[Part]) -> None:
    """Print the table, where there are parts; each problem begins a line of its own."""
    if not parts:
        return
    tables.show(console, _COLUMNS, list(map(_row, parts)), lines=any(len(part.problems) > 1 for part in parts))


def _row(part: Part) -> tuple[Text, ...]:
    said = Text("no", "red").append(f"  {printable(part.error)}", "default") if part.error else Text("yes", "green")
    return Text(part.part), Text(printable(part.address)), said, _problems(part)


def _problems(part: Part) -> Text:
    if part.error:
        return Text("")
    if not part.problems:
        return Text("nothing", "green")
    begin = "- " if len(part.problems) > 1 else ""
    return Text("\n").join(Text(f"{begin}{printable(problem)}") for problem in part.problems)
