"""Calls, time, refusals and failures per command. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from exporter.exposition import escaped
from exporter.families.readings import CommandRow, command_rows
from exporter.families.write import OTHER
from exporter.forms import Form, slot

_CALLS, _SECONDS = "redis_commands_total", "redis_commands_duration_seconds_total"
_LATE = ("redis_commands_rejected_calls_total", "redis_commands_failed_calls_total")
# Past this many changed lines all of them are written: each change goes through every text.
_MOST = 6
FAMILIES = (_CALLS, _SECONDS, *_LATE)


def texts(rows: Sequence[CommandRow]) -> list[str]:
    """The lines of these commands by family (the first of FAMILIES), OWN in them; only two families before Redis 6.2."""
    if not rows:
        return []
    names, calls, usec, *late = zip(*rows, strict=True)
    shown = [column for column in late if "" not in column]
    values = calls + usec if len(shown) < len(late) else calls + usec + shown[0] + shown[1]
    return _form(names, len(values) > 2 * len(names)).texts(values)


def rewritten(known: Sequence[str], before: str, after: str) -> list[str] | None:
    """The texts of a commandstats made of those of an earlier one, each command's lines exchanged where they changed.

    Few commands are called between two collections of a quiet node. None where more changed than is worth it, or other
    than the numbers of commands that both have; `known` must have lines of its own for each command.
    """
    old, new = before.split("\r\n"), after.split("\r\n")
    changed = [pair for pair in zip(old, new, strict=False) if pair[0] != pair[1]]
    if len(old) != len(new) or len(changed) > _MOST:
        return None
    texts_now: list[str] | None = list(known)
    for pair in changed:
        texts_now = _exchanged(texts_now, *map(command_rows, pair)) if texts_now else None
    return texts_now


def _exchanged(known: Sequence[str], old: Sequence[CommandRow], new: Sequence[CommandRow]) -> list[str] | None:
    """The texts with the lines of one row in place of those of another; None unless both are of one command."""
    if [row[0] for row in old] != [row[0] for row in new] or not old:
        return None
    gone, come = texts(old), texts(new)
    if not len(gone) == len(come) == len(known) or any(
        line not in text for line, text in zip(gone, known, strict=True)
    ):
        return None
    return [text.replace(was, now, 1) for text, was, now in zip(known, gone, come, strict=True)]


@lru_cache(maxsize=1 << 11)
def _form(names: tuple[str, ...], late: bool) -> Form:
    escapes = [escaped(name) for name in names]
    lines = [(_CALLS, slot(_CALLS, cmd=name)) for name in escapes]
    lines += [(_SECONDS, slot(_SECONDS, "e-6", cmd=name)) for name in escapes]
    lines += [(family, slot(family, cmd=name)) for family in _LATE if late for name in escapes]
    return Form.of(lines)


def together(rows: Sequence[CommandRow], shown: Callable[[str], bool]) -> list[CommandRow]:
    """The rows that have series of their own, and the others as one row."""
    alone = [row for row in rows if shown(row[0])]
    rest = [row for row in rows if not shown(row[0])]
    return [*alone, _other(rest)] if rest else alone


def _other(rows: Sequence[CommandRow]) -> CommandRow:
    def total(column: int) -> str:
        return "" if any(row[column] == "" for row in rows) else str(sum(int(row[column]) for row in rows))

    return OTHER, total(1), total(2), total(3), total(4)
