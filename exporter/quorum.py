"""Whether a Sentinel could fail a master over now, and on how many of the Sentinels that it knows it can count. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import hiredis

from exporter import info

# As Redis and Valkey say it; what follows tells in words which of quorum and majority is not reached.
_USABLE = re.compile(r"(?:OK|NOQUORUM) (\d{1,9}) usable Sentinels\b", re.ASCII)
_LOOK = 1000
"""Milliseconds between two looks of a Sentinel at another one."""


@dataclass(frozen=True, slots=True, order=True)
class Sentinels:
    """Those of a master in the eyes of one of them, itself among them: `usable` are not down, `known` count for the majority."""

    usable: int
    known: int


def reaches_quorum(reply: object) -> bool | None:
    """What CKQUORUM says: OK, or an error NOQUORUM; None for anything else, such as a right that is lacking."""
    if isinstance(reply, hiredis.ReplyError):
        return False if str(reply).startswith("NOQUORUM") else None
    return True if isinstance(reply, bytes) and reply.startswith(b"OK") else None


def sentinels(reply: object, master: Mapping[str, str]) -> Sentinels | None:
    """How many, by CKQUORUM and the master's row of MASTERS.

    None where they say it otherwise or cannot both be right, and where all would be usable and it may not have found out yet: one
    that was started a moment ago believes all of them well for `down-after-milliseconds`.
    """
    said = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)
    usable, others = _USABLE.match(said), info.integer(master, "num-other-sentinels")
    if usable is None or others is None:
        return None
    told = Sentinels(int(usable[1]), others + 1)
    if told.usable == told.known:
        return told if _has_looked(master) else None
    return told if 1 <= told.usable < told.known else None


def _has_looked(master: Mapping[str, str]) -> bool:
    """Whether it has watched the master for long enough to find anyone down. The time begins anew with a failover, too."""
    watched, patience = info.integer(master, "role-reported-time"), info.integer(master, "down-after-milliseconds")
    return watched is not None and patience is not None and watched > patience + _LOOK


def best_view(answers: Iterable[Mapping[str, Sentinels]]) -> dict[str, Sentinels]:
    """Of each master the view of the Sentinel that can count on most: one that is cut off sees the others as down.

    Both numbers are of one and the same. Of equals it is the one that knows more: the other was set up anew.
    """
    found: dict[str, Sentinels] = {}
    for answer in answers:
        found |= {name: max(view, found.get(name, view)) for name, view in answer.items()}
    return found
