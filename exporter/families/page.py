"""A node's families as text, made once per collection and kept until its facts or its labels change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from exporter.exposition import Texts
from exporter.families import readings, write
from exporter.families.facts import Detail, Extra
from policy.operations import Collect, Limits

KINDS = ("commands", "errors", "databases")
_NO_TEXTS: Texts = {}


@dataclass
class Admission:
    """Which names of a kind have a series of their own: the first that came, for as long as the node is watched.

    A name that changed places with `other` later would look like a counter that was reset.
    """

    admitted: dict[str, set[str]] = field(default_factory=lambda: {kind: set() for kind in KINDS})
    over: dict[str, set[str]] = field(default_factory=lambda: {kind: set() for kind in KINDS})

    def shows(self, kind: str, limits: Limits, name: str) -> bool:
        """Whether the name has a series of its own; it is admitted while there is room."""
        admitted = self.admitted[kind]
        if name in admitted:
            return True
        if len(admitted) < getattr(limits, kind):
            admitted.add(name)
            return True
        # Counted, not kept without bound: the names of one answer are bounded by its size, those of a year are not.
        if len(self.over[kind]) < 10 * getattr(limits, kind):
            self.over[kind].add(name)
        return False


@dataclass
class Kept:
    """The texts of one node and what they were made of."""

    admission: Admission = field(default_factory=Admission)
    _cheap: tuple[object, Texts] = (None, _NO_TEXTS)
    _detail: tuple[object, Texts] = (None, _NO_TEXTS)

    def cheap(
        self, own: str, fields: Mapping[str, str], extra: Extra, detail: Detail | None, collect: Collect
    ) -> Texts:
        """The families of the cheap tier; databases that CONFIG counts come from the detail."""
        made_of = (own, fields, extra, detail)
        if not _same(self._cheap[0], made_of):
            self._cheap = (
                made_of,
                _shown(
                    write.fixed(own, fields), _cheap_lines(own, fields, extra, detail, collect, self.admission), collect
                ),
            )
        return self._cheap[1]

    def detail(self, own: str, detail: Detail, collect: Collect) -> Texts:
        """The families of the detail tier."""
        made_of = (own, detail)
        if not _same(self._detail[0], made_of):
            shown = partial(self.admission.shows, "commands", collect.limits)
            self._detail = made_of, _shown({}, write.details(own, detail, shown), collect)
        return self._detail[1]


def _same(before: object, now: tuple[object, ...]) -> bool:
    """Whether texts were made of these labels and these very facts: facts are frozen, so that identity is enough."""
    if not isinstance(before, tuple) or before[0] != now[0]:
        return False
    return all(old is new for old, new in zip(before[1:], now[1:], strict=True))


def _cheap_lines(
    own: str,
    fields: Mapping[str, str],
    extra: Extra,
    detail: Detail | None,
    collect: Collect,
    admission: Admission,
) -> Iterable[tuple[str, str]]:
    shown = {kind: partial(admission.shows, kind, collect.limits) for kind in KINDS}
    yield from write.server(own, fields, extra.wall)
    yield from write.databases(own, fields, detail.config.get("databases") if detail else None, shown["databases"])
    yield from write.commands(own, extra.commands, shown["commands"])
    yield from write.errors(own, readings.errorstats(fields), shown["errors"])
    yield from write.replication(own, fields)
    yield from write.cluster(own, extra)
    yield from write.unmapped(own, extra)
    if fields.get("redis_mode") == "sentinel":
        yield from write.sentinel(own, fields)


def _shown(texts: dict[str, str], lines: Iterable[tuple[str, str]], collect: Collect) -> Texts:
    """Texts and lines by family, without those that the policy hides and those that are empty."""
    for name, text in lines:
        if text:
            texts[name] = texts[name] + text if name in texts else text
    everything = collect.families.allow == ("*",) and not collect.families.deny
    return texts if everything else {name: text for name, text in texts.items() if collect.families.shows(name)}
