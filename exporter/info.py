"""INFO text -> fields. Pure; numbers stay text, they pass through to the page as they came."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from exporter.failures import NodeError

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_DB = re.compile(r"keys=(\d+),expires=(\d+),avg_ttl=(\d+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Keyspace:
    """One database of the keyspace section; `avg_ttl` in milliseconds."""

    db: str
    keys: str
    expires: str
    avg_ttl: str


def parse(raw: object) -> dict[str, str]:
    """Fields of an INFO reply; NodeError("protocol") when it is anything else."""
    if not isinstance(raw, bytes):
        raise NodeError("protocol", f"INFO was answered with {type(raw).__name__}, not with text")
    fields = {}
    for line in raw.decode("utf-8", "replace").splitlines():
        name, found, value = line.partition(":")
        if found and not line.startswith("#"):
            fields[name] = value
    if "redis_version" not in fields:
        raise NodeError("protocol", "the answer to INFO has no redis_version: this is no Redis")
    return fields


def number(fields: Mapping[str, str], name: str) -> str | None:
    """The text of a numeric field, None where it is absent or no number."""
    text = fields.get(name)
    return text if text is not None and _NUMBER.fullmatch(text) else None


def integer(fields: Mapping[str, str], name: str) -> int | None:
    """A whole number, None where the field is absent or anything else."""
    text = fields.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else None


def role(fields: Mapping[str, str]) -> str | None:
    """`primary` or `replica`, None where the node says neither."""
    return {"master": "primary", "slave": "replica"}.get(fields.get("role", ""))


def keyspaces(fields: Mapping[str, str]) -> list[Keyspace]:
    """The databases that hold keys."""
    return [
        Keyspace(name, *match.groups())
        for name, text in fields.items()
        if name.startswith("db") and name[2:].isdigit() and (match := _DB.match(text))
    ]


def memory_limit(fields: Mapping[str, str], of_policy: int | None) -> tuple[int, str] | None:
    """Bytes the node may use and where that comes from: maxmemory, else the policy, else the machine's memory."""
    maxmemory, system = integer(fields, "maxmemory"), integer(fields, "total_system_memory")
    if maxmemory:
        return maxmemory, "maxmemory"
    if of_policy:
        return of_policy, "policy"
    return (system, "system") if system else None
