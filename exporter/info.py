"""INFO text -> fields. Pure; numbers stay text, they pass through to the page as they came."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import hiredis

from exporter.failures import NodeError, from_reply
from exporter.layout import LONGEST, Fields, Layouts, kind
from policy.metrics_redis import REDIS_ROWS

# Bytes: what lists more, as replicas by the thousand, is none that can be read in a moment.
MOST = 1024 * 1024
# A number of more digits is none that a server counts, and one that Prometheus cannot read would cost the whole page.
_DIGITS = 20
_NUMBER = re.compile(r"-?\d{1,20}(?:\.\d{1,20})?(?:[eE][+-]?\d{1,2})?", re.ASCII)
_DB = re.compile(r"keys=(\d{1,20}),expires=(\d{1,20})(?:,avg_ttl=(\d{1,20}))?(?:.*,cached_keys=(\d{1,20}))?", re.ASCII)
# What took its protocol and says so in a name of its own, as valkey_version.
_RELATIVE = re.compile(r"^[a-z]\w{1,30}_version:", re.ASCII | re.MULTILINE)
_MAPPED = {field for field, *_ in REDIS_ROWS} | {"latest_fork_usec"}
_LAYOUTS = Layouts(_MAPPED)  # the process's own: what a version of Redis writes does not depend on who asks


@dataclass(frozen=True, slots=True)
class Keyspace:
    """One database of the keyspace section; `avg_ttl` in milliseconds; what the server does not say is empty."""

    db: str
    keys: str
    expires: str
    avg_ttl: str
    cached: str = ""


def parse(raw: object, before: Mapping[str, str] | None = None) -> Mapping[str, str]:
    """Fields of an INFO reply; NodeError says why when it is anything else. `before` are those that the node sent last."""
    if isinstance(raw, hiredis.ReplyError):
        raise from_reply(str(raw))
    if not isinstance(raw, bytes):
        raise NodeError("protocol", f"INFO was answered with {type(raw).__name__}, not with text")
    if len(raw) > MOST:
        raise NodeError("protocol", f"INFO was answered with more than {MOST} bytes")
    text = raw.decode("utf-8", "replace")
    if "\nredis_version:" not in f"\n{text}" and not _RELATIVE.search(text):
        raise NodeError("protocol", "the answer to INFO has no version of a server: this is no Redis")
    like = before.layout if isinstance(before, Fields) else None
    fields = _LAYOUTS.read(text, like, unlike=before is not None and like is None)
    return _by_lines(text) if fields is None else fields


def _by_lines(text: str) -> dict[str, str]:
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line and line[0] != "#")


def unmapped(raw: bytes) -> tuple[tuple[str, str, str], ...]:
    """Section, field and number of every numeric field that no family is made of."""
    section, found = "", []
    for line in raw.decode("utf-8", "replace").splitlines():
        name, colon, text = line.partition(":")
        if line.startswith("# "):
            section = line[2:]
        elif colon and name not in _MAPPED and is_number(text):
            found.append((section, name, text))
    return tuple(found)


def named(fields: Mapping[str, str], which: str) -> list[str]:
    """Fields that the server numbers or names itself: `db`, `slave`, `master` with a number, `errorstat_` with a word."""
    return [name for name in (fields.listed if isinstance(fields, Fields) else fields) if kind(name) == which]


def is_number(text: str) -> bool:
    """Whether a text is a number as Redis writes it."""
    return len(text) < LONGEST and _is_number(text)


@lru_cache(maxsize=1 << 12)  # most values of a fleet are the same few: zero, one, a limit
def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def number(fields: Mapping[str, str], name: str) -> str | None:
    """The text of a numeric field, None where it is absent or no number."""
    text = fields.get(name)
    return text if text is not None and is_number(text) else None


def is_whole(text: str) -> bool:
    """Whether a text is a whole number that a server may have counted."""
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS


def integer(fields: Mapping[str, str], name: str) -> int | None:
    """A whole number, None where the field is absent or anything else."""
    text = fields.get(name, "")
    return int(text) if is_whole(text) else None


def role(fields: Mapping[str, str]) -> str | None:
    """`primary` or `replica`, None where the node says neither."""
    return {"master": "primary", "slave": "replica"}.get(fields.get("role", ""))


def mode(fields: Mapping[str, str]) -> str:
    """`standalone`, `cluster` or `sentinel`, "" where the node says none; Valkey has another name for it from 8 on."""
    return fields.get("redis_mode") or fields.get("server_mode", "")


def keyspaces(fields: Mapping[str, str]) -> list[Keyspace]:
    """The databases that hold keys."""
    return [Keyspace(name, *match.groups("")) for name in named(fields, "db") if (match := _DB.match(fields[name]))]


@dataclass(frozen=True, slots=True)
class Vitals:
    """What verdicts need of an INFO, read once: they are judged each second. Bytes and counts; None where it is not told."""

    role: str | None
    hits: int | None
    misses: int | None
    used_memory: int | None
    maxmemory: int | None
    system_memory: int | None
    evicts: bool | None
    link: str

    def memory_limit(self, of_policy: int | None) -> tuple[int, str] | None:
        """Bytes the node may use and where that comes from: maxmemory, else the policy; the machine's memory, if that is less."""
        told = ((self.maxmemory, "maxmemory"), (of_policy, "policy"))
        limit = next(((size, source) for size, source in told if size), None)
        if self.system_memory and (limit is None or limit[0] > self.system_memory):
            return self.system_memory, "system"
        return limit


def vitals(fields: Mapping[str, str]) -> Vitals:
    """The vitals of an INFO; `link` is a replica's `master_link_status`, empty of a node that has no primary.

    `evicts` is whether a node that is full makes room by evicting keys, and will go on to.
    """
    maxmemory, keys = integer(fields, "maxmemory"), fields.get("maxmemory_policy")
    system = integer(fields, "total_system_memory")
    return Vitals(
        role(fields),
        integer(fields, "keyspace_hits"),
        integer(fields, "keyspace_misses"),
        integer(fields, "used_memory"),
        maxmemory,
        system,
        None if keys is None else 0 < (maxmemory or 0) <= (system or math.inf) and _makes_room(fields, keys),
        fields.get("master_link_status", ""),
    )


def _makes_room(fields: Mapping[str, str], keys: str) -> bool:
    """Whether a maxmemory-policy lets any key go, or those with an expiry where they are half of the keys or more.

    Where they are fewer the others may be what fills the node: they stay until writes are refused.
    """
    if not keys.startswith("volatile-"):
        return keys.startswith("allkeys-")
    held = keyspaces(fields)
    every, expiring = (sum(map(int, counts)) for counts in ([db.keys for db in held], [db.expires for db in held]))
    return 0 < every <= 2 * expiring
