"""How one kind of server writes INFO: its lines as one pattern, so that a reply is read in a single call. Pure.

Servers of one version and role write the same lines in the same order; only the values differ, and how many databases,
replicas, errors or masters they list. Where a number stood when the layout was learned, only a number is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

# Characters of a name or value that is looked at: none of Redis is longer, and what is kept of many must be short.
LONGEST = 256
# What a server writes in place of a number that it cannot tell yet: from such a reply nothing can be learned of the field.
_NO_NUMBERS = {"nan", "-nan", "inf", "-inf"}
_WHOLE, _ANY = r"(-?\d{1,20})", r"([^\r\n]*)"
_BROKEN = r"(-?\d{1,20}(?:\.\d{1,20})?(?:[eE][+-]?\d{1,2})?)"
# How much there is of each size, a line for each database and type that has keys; from Redis 8 on.
KEYSIZES = "keysizes"
# What a server numbers or names itself, in as many lines as it likes.
_RUNS = {
    "db": r"db\d{1,20}",
    "slave": r"slave\d{1,20}",
    "master": r"master\d{1,20}",
    "errorstat_": r"errorstat_[^:\r\n]{1,200}",
    "module": "module",
    KEYSIZES: r"db\d+_[^:\r\n]{1,200}",
}
_NAMED = re.compile("|".join(f"(?P<{run}>{pattern})" for run, pattern in _RUNS.items()), re.ASCII)
# Lines of a reply that one is learned from: Redis 8 writes some 200, and a pattern of 20,000 takes seconds to be made.
_MOST_LINES = 1000
# Of the replies of nodes that no layout fitted the last time each one of so many is compared with all again.
_SOUGHT_EACH = 20
# After these lines they come when there are any.
_BEFORE_RUN = {
    "# Keyspace": "db",
    "# Errorstats": "errorstat_",
    "# Modules": "module",
    "# Keysizes": KEYSIZES,
    "connected_slaves": "slave",
}


def kind(name: str) -> str:
    """The run that a field belongs to which the server numbers or names itself, as `db` or `errorstat_`, else ""."""
    return _kind(name) if len(name) < LONGEST else ""


@lru_cache(maxsize=1 << 12)
def _kind(name: str) -> str:
    match = _NAMED.fullmatch(name)
    return "" if match is None else str(match.lastgroup)


@dataclass(frozen=True, eq=False)
class Layout:
    """The pattern of a whole INFO, the place of each field among its groups, and the places of the runs by their kind.

    `numbers` are the fields whose place takes numbers only.
    """

    pattern: re.Pattern[str]
    places: Mapping[str, int]
    runs: Mapping[str, int]
    numbers: frozenset[str]

    def read(self, text: str) -> Fields | None:
        """The fields of an INFO that is written like this, None of any other."""
        match = self.pattern.fullmatch(text)
        return None if match is None else Fields(self, match.groups())


class Fields(Mapping[str, str]):
    """The fields of one INFO; `groups` are the pattern's groups."""

    __slots__ = ("_listed", "groups", "layout")

    def __init__(self, layout: Layout, groups: tuple[str, ...]) -> None:
        self.layout, self.groups = layout, groups
        self._listed: dict[str, str] | None = None

    def __getitem__(self, name: str) -> str:
        place = self.layout.places.get(name)
        return self.listed[name] if place is None else self.groups[place]

    def get(self, name: str, default: Any = None) -> Any:
        """As of any mapping; that of the base class takes four times as long."""
        place = self.layout.places.get(name)
        return self.listed.get(name, default) if place is None else self.groups[place]

    def __iter__(self) -> Iterator[str]:
        yield from self.layout.places
        yield from self.listed

    def __len__(self) -> int:
        return len(self.layout.places) + len(self.listed)

    @property
    def listed(self) -> dict[str, str]:
        """What the server numbers or names itself."""
        if self._listed is None:
            self._listed = _fields("".join([self.groups[place] for place in self.layout.runs.values()]))
        return self._listed


def _fields(text: str) -> dict[str, str]:
    return dict([line.split(":", 1) for line in text.split("\r\n") if line])


@dataclass
class _Draft:
    """A layout in the making. `told` are fields that hold a number or a word, `open` is the run of the next line, maybe."""

    told: Set[str]
    parts: list[str] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    runs: dict[str, int] = field(default_factory=dict)
    numbers: set[str] = field(default_factory=set)
    open: str = ""

    def add(self, line: str) -> bool:
        """Take a line; False when it cannot be told from an earlier one, or its number is none yet."""
        name, colon, value = line.partition(":")
        if not colon or line.startswith("#"):
            self.parts.append(re.escape(line) + r"\r\n")
            return self._begin(_BEFORE_RUN.get(line, ""))
        if listed := kind(name):
            return listed == self.open or self._begin(listed)
        if name in self.places or value in _NO_NUMBERS or (name in self.told and not self._tells(value)):
            return False
        self.places[name] = len(self.places) + len(self.runs)
        self.parts.append(f"{re.escape(name)}:{self._value(name, value)}\\r\\n")
        return self._begin(_BEFORE_RUN.get(name, ""))

    @staticmethod
    def _tells(value: str) -> bool:
        return value.isalpha() or re.fullmatch(_BROKEN, value, re.ASCII) is not None

    def _value(self, name: str, value: str) -> str:
        pattern = next((p for p in (_WHOLE, _BROKEN) if re.fullmatch(p, value, re.ASCII)), _ANY)
        if pattern != _ANY:
            self.numbers.add(name)
        return pattern

    def _begin(self, run: str) -> bool:
        self.open = run
        if run in self.runs:
            return False
        if run:
            self.runs[run] = len(self.places) + len(self.runs)
            self.parts.append(rf"((?:{_RUNS[run]}:[^\r\n]*\r\n)*)")
        return True


def learn(text: str, told: Set[str] = frozenset()) -> Layout | None:
    """The layout of an INFO, None where fields come twice, lines end otherwise or are too many, or a number is none yet.

    Nor is it learned from one where a field of `told` holds neither a number nor a word: every other node of the version
    would be taken for one that does not tell it.
    """
    draft = _Draft(told)
    *lines, rest = text.split("\r\n")
    if len(lines) > _MOST_LINES or rest or not all(map(draft.add, lines)):
        return None
    return Layout(
        re.compile("".join(draft.parts), re.ASCII), dict(draft.places), dict(draft.runs), frozenset(draft.numbers)
    )


class Layouts:
    """Those learned so far. A fleet has a few; past `most` no more are learned, and a reply is read line by line.

    `told` are the fields that hold a number or a word.
    """

    def __init__(self, told: Set[str] = frozenset(), most: int = 64) -> None:
        self._told, self._most = told, most
        self._known: list[Layout] = []
        self._unsought = 0

    def read(self, text: str, like: Layout | None, unlike: bool = False) -> Fields | None:
        """The fields of an INFO, None when no layout fits; the one that fitted last (`like`) is tried first.

        `unlike` says that none fitted last time: among many another search would cost more than to read by lines, and is made
        now and then.
        """
        if like is not None and (fields := like.read(text)) is not None:
            return fields
        if unlike and len(self._known) >= self._most:
            self._unsought += 1
            if self._unsought % _SOUGHT_EACH:
                return None
        for layout in self._known:
            if (fields := layout.read(text)) is not None:
                return fields
        return self._learned(text) if len(self._known) < self._most else None

    def _learned(self, text: str) -> Fields | None:
        layout = learn(text, self._told)
        if layout is None:
            return None
        self._known.append(layout)
        return layout.read(text)
