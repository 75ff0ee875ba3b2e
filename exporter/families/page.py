"""A node's families as blocks of lines, and what is kept from one page to the next to make them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from exporter.families import commands, fixed, histograms, latency, readings, write
from exporter.families.facts import Detail, Extra
from exporter.families.write import Lines
from exporter.forms import Block, block
from policy.operations import Collect, Limits

KINDS = ("commands", "errors", "databases")


@dataclass
class Admission:
    """Which names of a kind have a series of their own: the first that came, for as long as the node is watched.

    A name that changed places with `other` later would look like a counter that was reset.
    """

    admitted: dict[str, set[str]] = field(default_factory=lambda: {kind: set() for kind in KINDS})
    over: dict[str, set[str]] = field(default_factory=lambda: {kind: set() for kind in KINDS})

    def shows(self, kind: str, limits: Limits, name: str) -> bool:
        """Whether the name has a series of its own; it is admitted while there is room."""
        return name in self.admitted[kind] or self._takes(kind, getattr(limits, kind), name)

    def _takes(self, kind: str, limit: int, name: str) -> bool:
        admitted, over = self.admitted[kind], self.over[kind]
        if len(admitted) < limit:
            admitted.add(name)
            return True
        # Counted, not kept without bound: the names of one answer are bounded by its size, those of a year are not.
        if len(over) < 10 * limit:
            over.add(name)
        return False


@dataclass
class Kept:
    """What the pages of one node are made with from one to the next.

    `shown` are the names of commands that were all admitted last time; the details change seldom, so that their lines stay.
    """

    admission: Admission = field(default_factory=Admission)
    shown: tuple[str, ...] = ()
    _detail: tuple[tuple[object, ...], Block] | None = None

    def commands(self, own: str, extra: Extra, collect: Collect) -> Iterator[Block]:
        """The lines of commandstats."""
        rows = readings.command_rows(extra.commandstats)
        if not rows:
            return
        names, *columns = zip(*rows, strict=True)
        if names != self.shown:
            shows = partial(self.admission.shows, "commands", collect.limits)
            if all(map(shows, names)):
                self.shown = names
            else:
                names, *columns = zip(*commands.together(rows, shows), strict=True)
        yield commands.block(own, names, columns)

    def rest(self, own: str, fields: Mapping[str, str], extra: Extra, detail: Detail | None, collect: Collect) -> Block:
        """What has lines of its own in each node: who it is, its databases, errors, replicas, cluster, masters."""
        return block(own, _rest(fields, extra, detail, collect, self.admission))

    def detail(self, own: str, detail: Detail, collect: Collect) -> Block:
        """The lines of the detail tier, made anew when it, its labels or the policy changed."""
        made_of = (own, detail, collect)
        if self._detail is None or any(old is not new for old, new in zip(self._detail[0], made_of, strict=True)):
            shows = partial(self.admission.shows, "commands", collect.limits)
            families, texts = block(own, write.details(detail))
            percentiles = latency.block(own, detail, shows)
            self._detail = made_of, Block((*percentiles.families, *families), [*percentiles.texts, *texts])
        return self._detail[1]

    def histograms(self, own: str, detail: Detail, collect: Collect) -> Block:
        """The lines of LATENCY HISTOGRAM."""
        return histograms.lines(own, detail, partial(self.admission.shows, "commands", collect.limits))


def _rest(
    fields: Mapping[str, str], extra: Extra, detail: Detail | None, collect: Collect, admission: Admission
) -> Lines:
    shows = {kind: partial(admission.shows, kind, collect.limits) for kind in KINDS}
    yield from fixed.words(fields)
    yield from write.server(fields, extra.wall)
    yield from write.databases(fields, detail.config.get("databases") if detail else None, shows["databases"])
    yield from write.errors(readings.errorstats(fields), shows["errors"])
    yield from write.replication(fields)
    yield from write.cluster(extra)
    yield from write.unmapped(extra)
    if fields.get("redis_mode") == "sentinel":
        yield from write.sentinel(fields)
