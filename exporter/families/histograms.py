"""`redis_commands_latencies_usec`: LATENCY HISTOGRAM of each command. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import accumulate

from isal import isal_zlib

from exporter.exposition import escaped
from exporter.families import readings
from exporter.families.facts import Detail
from exporter.families.readings import LatencyHistogram
from exporter.families.write import OTHER
from exporter.forms import Block, Own, braces

NAME = "redis_commands_latencies_usec"
_LEVEL = 1


def packed(detail: Detail, shown: Callable[[str], bool]) -> bytes:
    """The lines of every command, those of the names over the limit together as `other`; labels yet to come.

    A command that was first called between commandstats and this part has no sum yet: it waits for the next time. As
    they are, the lines would be half of what the exporter has in memory; packed they are an eighth of that or less, and
    ready for a page three times to twelve times sooner than they are made.
    """
    made = isal_zlib.compress("".join(list(_texts(detail, shown))).encode(), _LEVEL)
    return bytes(memoryview(made))  # a copy: what is made stands at the head of 16 KiB, which would be lost to all else


def lines(own: Own, packed: bytes) -> Block:
    """The lines as a page has them."""
    text = isal_zlib.decompress(packed)
    return Block((NAME,), [text], own) if text else Block((), ())


def _texts(detail: Detail, shown: Callable[[str], bool]) -> Iterator[str]:
    rest, rest_usec = [], 0
    usec = {row[0]: row[2] for row in readings.command_rows(detail.commandstats)} if detail.histograms else {}
    for one in detail.histograms:
        if one.command not in usec:
            continue
        if shown(one.command):
            yield _histogram(one, usec[one.command])
        else:
            rest.append(one)
            rest_usec += int(usec[one.command])
    if rest:
        yield _histogram(_sum_of(rest), str(rest_usec))


def _histogram(one: LatencyHistogram, usec: str) -> str:
    return _form(escaped(one.command), one.bounds) % (*one.counts, one.calls, usec, one.calls)


@lru_cache(maxsize=1 << 12)
def _form(command: str, bounds: tuple[int, ...]) -> str:
    """The lines without their numbers: commands that take about as long have the same bounds on many nodes."""
    label = f'cmd="{command.replace("%", "%%")}"'
    places = [braces(f'{label},le="{bound}"') for bound in (*bounds, "+Inf")]
    buckets = [f"{NAME}_bucket{place} %d\n" for place in places]
    return f"{''.join(buckets)}{NAME}_sum{braces(label)} %s\n{NAME}_count{braces(label)} %d\n"


def _sum_of(histograms: Iterable[LatencyHistogram]) -> LatencyHistogram:
    """Several as one. They have different bounds, so calls are counted in the bucket in which each has them first."""
    calls, steps = 0, dict[int, int]()
    for one in histograms:
        calls += one.calls
        for bound, more, before in zip(one.bounds, one.counts, (0, *one.counts), strict=False):
            steps[bound] = steps.get(bound, 0) + more - before
    bounds = tuple(sorted(steps))
    return LatencyHistogram(OTHER, bounds, tuple(accumulate(steps[bound] for bound in bounds)), calls)
