"""Calls, time, refusals and failures per command. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from exporter.exposition import escaped
from exporter.families.readings import CommandRow
from exporter.families.write import OTHER
from exporter.forms import Block, Form, slot

_CALLS, _SECONDS = "redis_commands_total", "redis_commands_duration_seconds_total"
_LATE = ("redis_commands_rejected_calls_total", "redis_commands_failed_calls_total")


def block(own: str, names: tuple[str, ...], columns: Sequence[tuple[str, ...]]) -> Block:
    """The lines of these commands. `columns` are calls, microseconds, refusals and failures, empty before Redis 6.2."""
    calls, usec, *late = columns
    shown = [column for column in late if "" not in column]
    values = calls + usec if len(shown) < len(late) else calls + usec + shown[0] + shown[1]
    return _form(names, len(values) > 2 * len(names)).filled(own, values)


@lru_cache(maxsize=512)
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
