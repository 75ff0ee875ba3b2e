"""Calls, time, refusals and failures per command. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from weakref import WeakValueDictionary

from exporter.exposition import escaped
from exporter.families.readings import CommandRow, command_row
from exporter.families.write import OTHER
from exporter.forms import NUMBER, Form, slot

_CALLS, _SECONDS = "redis_commands_total", "redis_commands_duration_seconds_total"
_LATE = ("redis_commands_rejected_calls_total", "redis_commands_failed_calls_total")
# Past this many changed lines all of them are written: each change goes through every text.
_MOST = 6
FAMILIES = (_CALLS, _SECONDS, *_LATE)


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Shared:
    """The form of all nodes that have these commands, for as long as one of them holds it: half a kilobyte a command."""

    form: Form


_shared: WeakValueDictionary[tuple[tuple[str, ...], bool], Shared] = WeakValueDictionary()


def texts(rows: Sequence[CommandRow]) -> tuple[list[bytes], Shared | None]:
    """The lines of these commands by family (the first of FAMILIES), labels yet to come; two families before Redis 6.2.

    And what they were made with, to be held until the next time.
    """
    if not rows:
        return [], None
    names, calls, usec, *late = zip(*rows, strict=True)
    shown = [column for column in late if "" not in column]
    values = calls + usec if len(shown) < len(late) else calls + usec + shown[0] + shown[1]
    shared = _share(names, len(values) > 2 * len(names))
    return shared.form.texts(values), shared


def rewritten(known: Sequence[bytes], before: str, after: str) -> list[bytes] | None:
    """The texts of a commandstats made of those of an earlier one, each number exchanged where it changed.

    Few commands are called between two collections of a quiet node. None where more changed than is worth it, or other
    than the numbers of commands that both have; `known` must have lines of its own for each command.
    """
    old, new = before.split("\r\n"), after.split("\r\n")
    changed = [(was, now) for was, now in zip(old, new, strict=False) if was != now]
    if len(old) != len(new) or len(changed) > _MOST:
        return None
    found: list[bytes] | None = list(known)
    for was, now in changed:
        found = _exchanged(found, command_row(was), command_row(now)) if found else None
    return found


def _exchanged(known: list[bytes], was: CommandRow | None, now: CommandRow | None) -> list[bytes] | None:
    """The texts with the numbers of one row in place of those of another; None unless both are of one command."""
    if was is None or now is None or was[0] != now[0] or (len(known) > 2) != (now[-1] != ""):
        return None
    for at, (head, end) in enumerate(_around(now[0])[: len(known)]):
        old, new = was[1 + at], now[1 + at]
        if old != new:
            exchanged = known[at].replace(f"{head}{old}{end}".encode(), f"{head}{new}{end}".encode(), 1)
            if exchanged == known[at]:
                return None
            known[at] = exchanged
    return known


@lru_cache(maxsize=1 << 11)
def _around(name: str) -> tuple[tuple[str, str], ...]:
    """What stands before and after each of a command's numbers."""
    return tuple((before, after) for before, after in (line.split(NUMBER) for _, line in _lines(escaped(name), True)))


def _share(names: tuple[str, ...], late: bool) -> Shared:
    found = _shared.get((names, late))
    if found is None:
        lines = chain.from_iterable(zip(*[_lines(escaped(name), late) for name in names], strict=True))
        found = _shared[names, late] = Shared(Form.of(lines))
    return found


def _lines(name: str, late: bool) -> Iterable[tuple[str, str]]:
    """The form of one command's line in each family."""
    yield _CALLS, slot(_CALLS, cmd=name)
    yield _SECONDS, slot(_SECONDS, "e-6", cmd=name)
    if late:
        yield from ((family, slot(family, cmd=name)) for family in _LATE)


def together(rows: Sequence[CommandRow], shown: Callable[[str], bool]) -> list[CommandRow]:
    """The rows that have series of their own, and the others as one row."""
    alone = [row for row in rows if shown(row[0])]
    rest = [row for row in rows if not shown(row[0])]
    return [*alone, _other(rest)] if rest else alone


def _other(rows: Sequence[CommandRow]) -> CommandRow:
    def total(column: int) -> str:
        return "" if any(row[column] == "" for row in rows) else str(sum(int(row[column]) for row in rows))

    return OTHER, total(1), total(2), total(3), total(4)
