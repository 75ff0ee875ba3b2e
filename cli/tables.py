"""Tables that stay readable in a narrow terminal: no address and no name is ever folded.

What does not fit side by side is first left out, where a column says that it can be spared, and then told row by row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

_INDENT = 2
_BETWEEN = " · "
_WORD = re.compile(r"(\S+)\s*")


@dataclass(frozen=True, slots=True)
class Column:
    """A column. Only `prose` is folded, between its words; of those that can be spared the highest number goes first."""

    title: str
    prose: bool = False
    right: bool = False
    spare: int = 0


Row = Sequence[Text]


def show(
    console: Console, columns: Sequence[Column], rows: Sequence[Row], title: str = "", lines: bool = False
) -> None:
    """Print a table; `lines` draws one between its rows, the `title` stands above it."""
    kept = _kept(columns, rows, console.width)
    if not kept:
        _tell(console, columns, rows, title)
        return
    spared = [column.title for number, column in enumerate(columns) if number not in kept]
    columns, rows = [columns[n] for n in kept], [[row[n] for n in kept] for row in rows]
    table = Table(title=title or None, title_justify="left", show_lines=lines)
    for column, width in zip(columns, _widths(columns, rows, console.width), strict=True):
        table.add_column(column.title, width=width, justify="right" if column.right else "left")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    if spared:
        names = ", ".join(dict.fromkeys(spared))
        console.print(Text(f"the terminal is too narrow for: {names}; --json has all", "dim"))


def _kept(columns: Sequence[Column], rows: Sequence[Row], width: int) -> list[int]:
    """The columns that fit, by number; none where even what cannot be spared does not."""
    least = [_least(column, [row[n] for row in rows]) for n, column in enumerate(columns)]
    for most in sorted({column.spare for column in columns}, reverse=True):
        kept = [n for n, column in enumerate(columns) if column.spare <= most]
        if _framed([least[n] for n in kept]) <= width:
            return kept
    return []


def _widths(columns: Sequence[Column], rows: Sequence[Row], width: int) -> list[int]:
    """What each column needs, and of the rest as much as it can use, prose last."""
    cells = [[row[n] for row in rows] for n in range(len(columns))]
    found = [_least(column, own) for column, own in zip(columns, cells, strict=True)]
    rest = width - _framed(found)
    for number in sorted(range(len(columns)), key=lambda n: columns[n].prose):
        more = min(rest, _longest_line(columns[number], cells[number]) - found[number])
        found[number] += more
        rest -= more
    return found


def _framed(widths: Sequence[int]) -> int:
    """Columns of so many characters with what is drawn around them."""
    return sum(widths) + 3 * len(widths) + 1


def _least(column: Column, cells: Sequence[Text]) -> int:
    """The narrowest that breaks no word of prose, and nothing at all of what is none; titles are prose."""
    words = [word for text in (Text(column.title), *(cells if column.prose else ())) for word in text.plain.split()]
    whole = () if column.prose else [line for cell in cells for line in cell.plain.splitlines()]
    return max((cell_len(text) for text in (*words, *whole)), default=0)


def _longest_line(column: Column, cells: Sequence[Text]) -> int:
    return max(cell_len(line) for text in (Text(column.title), *cells) for line in text.plain.splitlines() or [""])


def _tell(console: Console, columns: Sequence[Column], rows: Sequence[Row], title: str) -> None:
    """Row by row: the first cell, the short ones in a line or two below it, and each prose as a paragraph."""
    if title:
        _print(console, Text(title, "italic"), 0)
    for number, (first, *cells) in enumerate(rows):
        if number:
            console.print()
        head = first.copy()
        head.stylize("bold")
        _print(console, head, 0)
        told = [(c, cell) for c, cell in zip(columns[1:], cells, strict=True) if cell.plain.strip()]
        for line in _flow([_named(c, cell) for c, cell in told if not c.prose], console.width - _INDENT):
            _print(console, line, _INDENT)
        for column, cell in told:
            if column.prose:
                _print(console, _named(column, cell), _INDENT)


def _named(column: Column, cell: Text) -> Text:
    between = "\n" if "\n" in cell.plain else " "
    return Text.assemble((f"{column.title}:", "dim"), between, cell)


def _flow(cells: Sequence[Text], width: int) -> list[Text]:
    """The cells in as few lines as they need, each whole."""
    found: list[Text] = []
    for cell in cells:
        if found and found[-1].cell_len + len(_BETWEEN) + cell.cell_len <= width:
            found[-1] = Text.assemble(found[-1], (_BETWEEN, "dim"), cell)
        else:
            found.append(cell)
    return found


def _print(console: Console, text: Text, indent: int) -> None:
    for line in (line for part in text.split("\n") for line in _folded(part, console.width - indent)):
        console.print(Text(" " * indent) + line, no_wrap=True, overflow="ignore", crop=False)


def _folded(text: Text, width: int) -> list[Text]:
    """Lines that end between words; a word that is too long runs on, as it can be copied whole then."""
    ends, used = [], 0
    for word in _WORD.finditer(text.plain):
        if used and used + cell_len(word[1]) > width:
            ends.append(word.start())
            used = 0
        used += cell_len(word[0])
    lines = list(text.divide(ends))
    for line in lines:
        line.rstrip()
    return lines
