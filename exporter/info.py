"""INFO text -> fields. Pure; numbers stay text, they pass through to the page as they came."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import hiredis

from exporter.failures import NodeError, from_reply
from policy.metrics_redis import REDIS_ROWS

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_DB = re.compile(r"keys=(\d+),expires=(\d+)(?:,avg_ttl=(\d+))?(?:.*,cached_keys=(\d+))?", re.ASCII)
_NAMED = re.compile(r"(db|slave|master)\d+|(errorstat_).+", re.ASCII)
_MAPPED = {field for field, *_ in REDIS_ROWS} | {"latest_fork_usec"}


@dataclass(frozen=True, slots=True)
class Keyspace:
    """One database of the keyspace section; `avg_ttl` in milliseconds; what the server does not say is empty."""

    db: str
    keys: str
    expires: str
    avg_ttl: str
    cached: str = ""


def parse(raw: object) -> dict[str, str]:
    """Fields of an INFO reply; NodeError says why when it is anything else."""
    if isinstance(raw, hiredis.ReplyError):
        raise from_reply(str(raw))
    if not isinstance(raw, bytes):
        raise NodeError("protocol", f"INFO was answered with {type(raw).__name__}, not with text")
    lines = raw.decode("utf-8", "replace").splitlines()
    fields = dict([line.split(":", 1) for line in lines if ":" in line and line[0] != "#"])  # a list is the quicker
    if "redis_version" not in fields:
        raise NodeError("protocol", "the answer to INFO has no redis_version: this is no Redis")
    return fields


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


@lru_cache(maxsize=1 << 12)
def _kind(name: str) -> str | None:
    match = _NAMED.fullmatch(name)
    return None if match is None else match[1] or match[2]


def named(fields: Mapping[str, str], kind: str) -> list[str]:
    """Fields that the server numbers or names itself: `db`, `slave`, `master` with a number, `errorstat_` with a word."""
    return [name for name in fields if _kind(name) == kind]


@lru_cache(maxsize=1 << 16)  # most values of a fleet are the same few: zero, one, a limit
def is_number(text: str) -> bool:
    """Whether a text is a number as Redis writes it."""
    return _NUMBER.fullmatch(text) is not None


def number(fields: Mapping[str, str], name: str) -> str | None:
    """The text of a numeric field, None where it is absent or no number."""
    text = fields.get(name)
    return text if text is not None and is_number(text) else None


def integer(fields: Mapping[str, str], name: str) -> int | None:
    """A whole number, None where the field is absent or anything else."""
    text = fields.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else None


def role(fields: Mapping[str, str]) -> str | None:
    """`primary` or `replica`, None where the node says neither."""
    return {"master": "primary", "slave": "replica"}.get(fields.get("role", ""))


def keyspaces(fields: Mapping[str, str]) -> list[Keyspace]:
    """The databases that hold keys."""
    return [Keyspace(name, *match.groups("")) for name in named(fields, "db") if (match := _DB.match(fields[name]))]


def memory_limit(fields: Mapping[str, str], of_policy: int | None) -> tuple[int, str] | None:
    """Bytes the node may use and where that comes from: maxmemory, else the policy, else the machine's memory."""
    maxmemory, system = integer(fields, "maxmemory"), integer(fields, "total_system_memory")
    if maxmemory:
        return maxmemory, "maxmemory"
    if of_policy:
        return of_policy, "policy"
    return (system, "system") if system else None
