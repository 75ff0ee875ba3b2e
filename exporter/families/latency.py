"""`redis_latency_percentiles_usec`: a summary per command, of latencystats and the commandstats of the same moment. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import chain

from exporter.exposition import escaped
from exporter.families import readings
from exporter.families.facts import Detail
from exporter.families.write import OTHER
from exporter.forms import Form, slot

NAME = "redis_latency_percentiles_usec"


@lru_cache(maxsize=256)
def quantile(percent: str) -> str:
    """Redis' percentile as the label of a summary: 99.9 -> 0.999."""
    text = format(Decimal(percent) / 100, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def lines(detail: Detail, shown: Callable[[str], bool]) -> tuple[str, str]:
    """The family with the lines of every command that has percentiles and calls, labels yet to come; "" where none has.

    Those that are not shown have a sum and a count together; percentiles cannot be added.
    """
    percents, rows = readings.latency_rows(detail.latencystats)
    usage = {row[0]: (row[2], row[1]) for row in readings.command_rows(detail.commandstats)}
    told = [row for row in rows if row[0] in usage]
    found = [row for row in told if shown(row[0])]
    names = tuple([row[0] for row in found])
    alone = set(names)
    rest = [usage[row[0]] for row in told if row[0] not in alone]
    numbers = chain.from_iterable([(*row[1:], *usage[row[0]]) for row in found])
    return NAME, _form(names, percents).woven(list(numbers)) + (_other(rest) if rest else "")


def _other(usages: Sequence[tuple[str, str]]) -> str:
    spent, calls = (sum(map(int, numbers)) for numbers in zip(*usages, strict=True))
    lines = ((NAME, slot(f"{NAME}_{suffix}", cmd=OTHER)) for suffix in ("sum", "count"))
    return Form.of(lines).woven([str(spent), str(calls)])


@lru_cache(maxsize=64)
def _form(names: tuple[str, ...], percents: tuple[str, ...]) -> Form:
    lines = []
    for cmd in map(escaped, names):
        lines += [(NAME, slot(NAME, cmd=cmd, quantile=quantile(percent))) for percent in percents]
        lines += [(NAME, slot(f"{NAME}_{suffix}", cmd=cmd)) for suffix in ("sum", "count")]
    return Form.of(lines)
