"""Replies -> facts. Pure; every reading refuses what it cannot read with NodeError("protocol")."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, cast

import hiredis

from exporter import info
from exporter.failures import NodeError, from_reply
from exporter.layout import LONGEST

_NAME = r"([^:\r\n]{1,200})"  # a command's: a longer one is none, and would be kept
_CALLED = rf"cmdstat_{_NAME}:calls=([0-9]{{1,20}}),usec=([0-9]{{1,20}}),usec_per_call=[0-9.]+"
_LATE = r",rejected_calls=([0-9]{1,20}),failed_calls=([0-9]{1,20})"
# Two patterns, because one with an optional end takes half as long again.
_COMMAND, _EARLY_COMMAND = re.compile(_CALLED + _LATE), re.compile(_CALLED + "()()")
_LATENCY = re.compile(r"^latency_percentiles_usec_[^:\r\n]+:([^\r\n]*)", re.MULTILINE)
_PERCENT = re.compile(r"p(\d{1,3}(?:\.\d{1,20})?)=", re.ASCII)

# Name, calls, microseconds, rejected and failed calls as they stand; the last two are empty before Redis 6.2.
CommandRow = tuple[str, str, str, str, str]
_INT64 = "q"  # of array: what a number of Redis' protocol is


@dataclass(frozen=True, slots=True)
class Master:
    """A primary as Sentinel sees it; `quorum` is CKQUORUM's text and whether it was OK, `said` its row of SENTINEL MASTERS."""

    name: str
    address: str
    ok_sentinels: int
    ok_replicas: int
    quorum: tuple[str, bool]
    said: Mapping[str, str]


class LatencyHistogram(NamedTuple):
    """One command's: the buckets' upper bounds in microseconds, ascending, the calls at or below each, and all calls."""

    command: str
    bounds: tuple[int, ...]
    counts: Sequence[int]
    calls: int


@dataclass(frozen=True, slots=True)
class LatencyHistograms(Iterable[LatencyHistogram]):
    """A node's. `heads` are command and bounds, which nodes share; `numbers` of each in turn its counts, then its calls.

    Packed: a node has some hundred numbers, and as objects they take four times the room.
    """

    heads: tuple[tuple[str, tuple[int, ...]], ...] = ()
    numbers: array[int] = field(default_factory=lambda: array(_INT64))

    def __bool__(self) -> bool:
        return bool(self.heads)

    def __iter__(self) -> Iterator[LatencyHistogram]:
        at = 0
        for command, bounds in self.heads:
            end = at + len(bounds)
            yield LatencyHistogram(command, bounds, self.numbers[at:end], self.numbers[end])
            at = end + 1


@dataclass(frozen=True, slots=True)
class Slowlog:
    """Length, the newest entry's number, and its microseconds; zeros when the log is empty."""

    length: int
    last_id: int = 0
    last_usec: int = 0


def commandstats(reply: object) -> str:
    """INFO commandstats as it came: its rows are read where they are written (`command_rows`), or never."""
    return _text(reply)


def command_rows(commandstats: str) -> list[CommandRow]:
    """Rows of INFO commandstats by name: two servers that have seen the same commands give them in the same order."""
    late = ",rejected_calls=" in commandstats
    return sorted((_COMMAND if late else _EARLY_COMMAND).findall(commandstats))


def command_row(line: str) -> CommandRow | None:
    """One line of it, None of any other line."""
    found = _COMMAND.match(line) or _EARLY_COMMAND.match(line)
    return None if found is None else cast(CommandRow, found.groups())


def errorstats(fields: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Error prefix and count."""
    rows = ((name, fields[name].removeprefix("count=")) for name in info.named(fields, "errorstat_"))
    return tuple((name.removeprefix("errorstat_"), count) for name, count in rows if info.is_whole(count))


def latencystats(reply: object) -> str:
    """INFO latencystats as it came (`latency_rows`); without rows before Redis 7."""
    return _text(reply)


def latency_rows(latencystats: str) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The percentiles that the server keeps, the same for each command, and rows by name: command, microseconds of each.

    A percentile that is set twice is taken once: it would be one series twice.
    """
    first = _LATENCY.search(latencystats)
    percents = tuple(_PERCENT.findall(first[1])) if first else ()
    found = sorted(_latencies(percents).findall(latencystats)) if percents else []
    return tuple(dict.fromkeys(percents)), found


@lru_cache(maxsize=16)
def _latencies(percents: tuple[str, ...]) -> re.Pattern[str]:
    number = r"[0-9]{1,20}(?:\.[0-9]{1,20})?"
    values = ",".join(
        rf"p{re.escape(percent)}=" + (f"(?:{number})" if percent in percents[:at] else f"({number})")
        for at, percent in enumerate(percents)
    )
    return re.compile(rf"usec_{_NAME}:{values}\r\n")


def cluster_info(reply: object) -> dict[str, str]:
    """Fields of CLUSTER INFO."""
    return dict(line.split(":", 1) for line in _text(reply).splitlines() if ":" in line)


def config(replies: Iterable[object]) -> dict[str, str]:
    """Settings of several CONFIG GET; a setting that this version lacks is absent."""
    return {text(name): text(value) for reply in replies for name, value in _paired(_list(reply))}


def slowlog(length: object, newest: object) -> Slowlog:
    """The slow log's length and its newest entry."""
    entries = _list(newest)
    entry = _list(entries[0]) if entries else [0, 0, 0]
    numbers = (length, entry[0], entry[2] if len(entry) > 2 else 0)
    if not all(isinstance(number, int) for number in numbers):
        raise NodeError("protocol", "SLOWLOG was not answered with numbers")
    return Slowlog(*numbers)  # type: ignore[arg-type]  # looked at above


def latency_latest(reply: object) -> tuple[tuple[str, str, str], ...]:
    """Event, Unix time and milliseconds of its latest spike."""
    rows = [row for row in map(_list, _list(reply)) if len(row) > 2]
    if not all(isinstance(number, int) for row in rows for number in row[1:3]):
        raise NodeError("protocol", "LATENCY LATEST was not answered with numbers")
    return tuple((text(row[0]), str(row[1]), str(row[2])) for row in rows)


def latency_histogram(reply: object) -> LatencyHistograms:
    """Each command's histogram. Redis leaves out a bucket that holds no more than the one before it."""
    heads, numbers = [], array(_INT64)
    try:
        for command, row in _paired(_list(reply)):
            said = {text(name): value for name, value in _paired(_list(row))}
            buckets = list(_paired(_list(said.get("histogram_usec"))))
            heads.append(_head(text(command)[:LONGEST], tuple([bound for bound, _ in buckets])))
            numbers.extend([count for _, count in buckets])
            numbers.append(said["calls"])
    except (TypeError, KeyError) as error:
        raise NodeError("protocol", "LATENCY HISTOGRAM was not answered with calls and buckets") from error
    return LatencyHistograms(tuple(heads), numbers)


@lru_cache(maxsize=1 << 12)
def _head(command: str, bounds: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    """One and the same pair for all nodes. TypeError when a bound is no number."""
    return command, tuple(array(_INT64, bounds))


def masters(names: Sequence[str], replies: Sequence[object]) -> tuple[Master, ...]:
    """SENTINEL MASTERS, then for each named primary CKQUORUM, SENTINELS and REPLICAS; one that left meanwhile is left out."""
    known = {row.get("name", ""): row for row in map(_mapping, _list(replies[0]))}
    asked = {name: replies[1 + 3 * at : 4 + 3 * at] for at, name in enumerate(names)}
    return tuple(_master(known[name], *answers) for name, answers in asked.items() if name in known)


def _master(row: Mapping[str, str], quorum: object, sentinels: object, replicas: object) -> Master:
    address = f"{row.get('ip', '')}:{row.get('port', '')}"
    ok = not isinstance(quorum, hiredis.ReplyError)
    said = text(quorum) if ok else str(quorum)
    if said.startswith("NOPERM"):
        raise from_reply(said)
    return Master(row.get("name", ""), address, 1 + _well(sentinels), _well(replicas), (said, ok), row)


def _well(rows: object) -> int:
    """How many of the instances Sentinel finds neither subjectively nor objectively down."""
    flags = (_mapping(row).get("flags", "s_down") for row in _list(rows))
    return sum("s_down" not in flag and "o_down" not in flag for flag in flags)


def master_names(fields: Mapping[str, str]) -> list[str]:
    """Names of the primaries in a Sentinel's INFO."""
    return [row["name"] for row in sentinel_masters(fields) if "name" in row]


def sentinel_masters(fields: Mapping[str, str]) -> list[dict[str, str]]:
    """What Sentinel's INFO says of each primary: name, status, address, slaves, sentinels."""
    return [pairs(fields[name]) for name in info.named(fields, "master")]


def pairs(line: str) -> dict[str, str]:
    """`a=1,b=2` -> its parts."""
    return dict(part.split("=", 1) for part in line.split(",") if "=" in part)


def text(item: object) -> str:
    """A reply's text: bytes that are no UTF-8 spoil themselves only."""
    return item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item)


def _text(reply: object) -> str:
    if isinstance(reply, hiredis.ReplyError):
        raise from_reply(str(reply))
    if not isinstance(reply, bytes):
        raise NodeError("protocol", f"answered with {type(reply).__name__}, not with text")
    if len(reply) > info.MOST:
        raise NodeError("protocol", f"answered with more than {info.MOST} bytes")
    return reply.decode("utf-8", "replace")


def _list(reply: object) -> list[Any]:
    if isinstance(reply, hiredis.ReplyError):
        raise from_reply(str(reply))
    if not isinstance(reply, list):
        raise NodeError("protocol", f"answered with {type(reply).__name__}, not with a list")
    return reply


def _paired(items: list[Any]) -> Iterator[tuple[Any, Any]]:
    """A list of names and values in turn."""
    if len(items) % 2:
        raise NodeError("protocol", "answered with a name that has no value")
    return zip(items[::2], items[1::2], strict=True)


def _mapping(row: object) -> dict[str, str]:
    flat = [text(item) for item in _list(row)]
    return dict(zip(flat[::2], flat[1::2], strict=False))
