"""`redis_commands_latencies_usec`: LATENCY HISTOGRAM of each command. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import accumulate

from exporter.exposition import escaped
from exporter.families import readings
from exporter.families.facts import Detail
from exporter.families.readings import LatencyHistogram
from exporter.families.write import OTHER
from exporter.forms import OWN, Block

NAME = "redis_commands_latencies_usec"


def lines(own: str, detail: Detail, shown: Callable[[str], bool]) -> Block:
    """The lines of every command, those of the names over the limit together as `other`.

    A command that was first called between commandstats and this part has no sum yet: it waits for the next time. The
    lines are made for each page: kept, they would be half of what the exporter has in memory.
    """
    text = "".join(list(_texts(detail, shown)))
    return Block((NAME,), [text], own) if text else Block((), ())


def _texts(detail: Detail, shown: Callable[[str], bool]) -> Iterator[str]:
    rest, rest_usec = [], 0
    usec = {row[0]: row[2] for row in readings.command_rows(detail.commandstats)} if detail.histograms else {}
    for command, histogram in detail.histograms.items():
        if command not in usec:
            continue
        if shown(command):
            yield _histogram(escaped(command), histogram, usec[command])
        else:
            rest.append(histogram)
            rest_usec += int(usec[command])
    if rest:
        yield _histogram(OTHER, _sum_of(rest), str(rest_usec))


def _histogram(command: str, histogram: LatencyHistogram, usec: str) -> str:
    calls, buckets = histogram
    return _form(command, buckets[::2]) % (*buckets[1::2], calls, usec, calls)


@lru_cache(maxsize=1 << 12)
def _form(command: str, bounds: tuple[int, ...]) -> str:
    """The lines without their numbers: commands that take about as long have the same bounds on many nodes."""
    labels = f'{OWN},cmd="{command.replace("%", "%%")}"'
    buckets = [f'{NAME}_bucket{{{labels},le="{bound}"}} %d\n' for bound in (*bounds, "+Inf")]
    return f"{''.join(buckets)}{NAME}_sum{{{labels}}} %s\n{NAME}_count{{{labels}}} %d\n"


def _sum_of(histograms: Iterable[LatencyHistogram]) -> LatencyHistogram:
    """Several as one. They have different bounds, so calls are counted in the bucket in which each has them first."""
    calls, steps = 0, dict[int, int]()
    for count, buckets in histograms:
        calls += count
        for bound, more, before in zip(buckets[::2], buckets[1::2], (0, *buckets[1::2]), strict=False):
            steps[bound] = steps.get(bound, 0) + more - before
    bounds = sorted(steps)
    totals = accumulate(steps[bound] for bound in bounds)
    return calls, tuple(number for pair in zip(bounds, totals, strict=True) for number in pair)
