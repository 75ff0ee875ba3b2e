"""A node's families as blocks of lines, and what is kept from one page to the next to make them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import islice
from typing import Any, NamedTuple

from exporter import info
from exporter.families import commands, fixed, histograms, latency, readings, write
from exporter.families.facts import Detail, Extra
from exporter.families.write import Lines
from exporter.forms import Block, Own, block
from exporter.layout import KEYSIZES, Fields, Layout
from policy.metrics_redis import DENIED, REFUSED_BY_REPLICA, REFUSED_WRITES
from policy.operations import Collect, Limits

KINDS = ("commands", "errors", "databases")
# Names that always have a series of their own, beside the limit: an alert reads them, and among a hundred errors that a
# script made up it would never fire.
_ALWAYS = {"errors": frozenset((*REFUSED_WRITES, REFUSED_BY_REPLICA, *DENIED))}


@dataclass
class Admission:
    """Which names of a kind have a series of their own: the first that came, for as long as the node is watched.

    A name that changed places with `other` later would look like a counter that was reset.
    """

    admitted: dict[str, set[str]] = field(default_factory=lambda: {kind: set() for kind in KINDS})
    over: dict[str, set[str]] = field(default_factory=lambda: {kind: set() for kind in KINDS})

    def shows(self, kind: str, limits: Limits, name: str) -> bool:
        """Whether the name has a series of its own; it is admitted while there is room."""
        if name in self.admitted[kind] or name in _ALWAYS.get(kind, ()):
            return True
        return name != write.OTHER and self._takes(kind, getattr(limits, kind), name)

    def beside(self, kind: str, limits: Limits, names: Sequence[str]) -> tuple[str, ...]:
        """Which names that have nothing to tell have a series: those that had something, others while there is room.

        They are not admitted: one that has something to tell later must not find the places taken by those.
        """
        admitted = self.admitted[kind]
        room = getattr(limits, kind) - len(admitted)
        others = set(islice((name for name in names if name not in admitted), max(room, 0)))
        return tuple([name for name in names if name in admitted or name in others])

    def _takes(self, kind: str, limit: int, name: str) -> bool:
        admitted, over = self.admitted[kind], self.over[kind]
        if len(admitted) < limit:
            admitted.add(name)
            return True
        # Counted, not kept without bound: the names of one answer are bounded by its size, those of a year are not.
        if len(over) < 10 * limit:
            over.add(name)
        return False


class Made(NamedTuple):
    """Lines of a part that stay until what they were made of changes; `own` is yet to come into them."""

    of: tuple[Any, ...]
    block: Block


class Packed(NamedTuple):
    """Made lines that take less room."""

    of: tuple[Any, ...]
    lines: bytes


@dataclass
class Kept:
    """What the pages of one node are made with from one to the next: a part that has not changed is not written again.

    `_alone` says that each command had lines of its own last time.
    """

    admission: Admission = field(default_factory=Admission)
    _commands: Made | None = None
    _alone: bool = False
    _shared: commands.Shared | None = None
    _rest: Made | None = None
    _detail: Made | None = None
    _histograms: Packed | None = None

    def commands(self, own: Own, extra: Extra, collect: Collect) -> Block:
        """The lines of commandstats."""
        of = extra.commandstats, collect
        if self._commands is None or self._commands.of != of:
            texts = self._changed(*of) or self._written(*of)
            self._commands = Made(of, Block(commands.FAMILIES[: len(texts)], texts))
        return self._commands.block._replace(own=own)

    def _changed(self, commandstats: str, collect: Collect) -> list[bytes] | None:
        """The texts of last time with what has changed, None where that is too much."""
        if self._commands is None or not self._alone or self._commands.of[1] is not collect:
            return None
        return commands.rewritten(self._commands.block.texts, self._commands.of[0], commandstats)

    def _written(self, commandstats: str, collect: Collect) -> list[bytes]:
        rows, shows = readings.command_rows(commandstats), partial(self.admission.shows, "commands", collect.limits)
        self._alone = all(shows(row[0]) for row in rows)
        texts, self._shared = commands.texts(rows if self._alone else commands.together(rows, shows))
        return texts

    def rest(self, own: Own, fields: Mapping[str, str], extra: Extra, detail: Detail | None, collect: Collect) -> Block:
        """What has lines of its own in each node: who it is, its databases, errors, replicas, cluster, masters."""
        configured = detail.config.get("databases") if detail else None
        started = write.started(fields, extra.wall)
        of = _read(fields), extra.cluster, extra.unmapped, configured, started, collect
        if self._rest is None or self._rest.of != of:
            lines = _rest(fields, extra, configured, started, collect, self.admission)
            self._rest = Made(of, block(lines))
        return self._rest.block._replace(own=own)

    def detail(self, own: Own, detail: Detail, collect: Collect) -> Block:
        """The lines of the detail tier, made anew when it or the policy changed."""
        of = detail, collect
        if self._detail is None or not _same(self._detail.of, of):
            percentiles = latency.lines(detail, partial(self.admission.shows, "commands", collect.limits))
            self._detail = Made(of, block((percentiles, *write.details(detail))))
        return self._detail.block._replace(own=own)

    def forget_detail(self) -> None:
        """Let go of lines whose detail is over: old and new ones would be in memory together until the next page."""
        self._detail = self._histograms = None

    def histograms(self, own: Own, detail: Detail, collect: Collect) -> Block:
        """The lines of LATENCY HISTOGRAM."""
        of = detail, collect
        if self._histograms is None or not _same(self._histograms.of, of):
            shows = partial(self.admission.shows, "commands", collect.limits)
            self._histograms = Packed(of, histograms.packed(detail, shows))
        return histograms.lines(own, self._histograms.lines)


def _same(of: tuple[Any, ...], others: tuple[Any, ...]) -> bool:
    """Whether they are the very same: to compare all that is in a detail would take as long as to write it."""
    return all(one is other for one, other in zip(of, others, strict=True))


def _read(fields: Mapping[str, str]) -> tuple[object, ...]:
    """What `_rest` reads of INFO: of one that no layout fits, all."""
    return (fields.layout, _picker(fields.layout)(fields.groups)) if isinstance(fields, Fields) else (fields,)


@lru_cache(maxsize=256)
def _picker(layout: Layout) -> fixed.Pick:
    names = dict.fromkeys((*write.READ, *fixed.worded(layout)))
    places = [layout.places[name] for name in names if name in layout.places]
    return fixed.picker([*places, *(place for run, place in layout.runs.items() if run != KEYSIZES)])


def _rest(
    fields: Mapping[str, str],
    extra: Extra,
    configured: str | None,
    started: int | None,
    collect: Collect,
    admission: Admission,
) -> Lines:
    shows = {kind: partial(admission.shows, kind, collect.limits) for kind in KINDS}
    yield from fixed.words(fields)
    yield from write.server(fields, started)
    empty = partial(admission.beside, "databases", collect.limits)
    yield from write.databases(fields, configured, shows["databases"], empty)
    yield from write.errors(readings.errorstats(fields), shows["errors"])
    yield from write.replication(fields)
    yield from write.cluster(extra)
    yield from write.unmapped(extra)
    if info.mode(fields) == "sentinel":
        yield from write.sentinel(fields)
