"""Facts -> lines of the page: all but those that forms make. Pure.

Every function gives (family, text) pairs; the node's own labels come where forms.braces left their place. Numbers are
written as they came; a unit is changed by an exponent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from exporter import info
from exporter.exposition import escaped
from exporter.families import questions
from exporter.families.facts import Detail, Extra
from exporter.families.readings import Master, pairs, sentinel_masters
from exporter.forms import braces
from exporter.layout import LONGEST
from policy import metrics as m
from policy.metrics_redis import CLUSTER_NAMES

Lines = Iterator[tuple[str, str]]
OTHER = "other"
_NOT_A_NAME = re.compile(r"[^a-zA-Z0-9_]")
# What redis_exporter reads as numbers.
WORDS = {"ok": "1", "true": "1", "err": "0", "fail": "0", "false": "0"}
DEFAULT_DATABASES = 16  # of Redis, where CONFIG does not tell
_MOST_DATABASES = 1024  # that are looked at: a server may say any number


def number(text: str | None) -> str | None:
    """The text of a number, 1 and 0 for Redis' words; None for anything else."""
    if text is None:
        return None
    return text if info.is_number(text) else WORDS.get(text)


def line(name: str, value: object, **labels: str) -> tuple[str, str]:
    """One family with one line."""
    more = ",".join(f'{label}="{escaped(text[:LONGEST])}"' for label, text in labels.items() if text)
    return name, f"{name}{braces(more)} {value}\n"


# The fields, beside those that hold words, of which the lines of this module are made.
READ = (
    *m.INSTANCE_INFO.labels,
    *("latest_fork_usec", "role", "cluster_enabled", "server_mode"),
    *("master_host", "master_port", "master_link_status", "master_last_io_seconds_ago", "master_sync_in_progress"),
    *("slave_read_only", "slave_repl_offset"),
)


def started(fields: Mapping[str, str], wall: float | None) -> int | None:
    """Unix time at which a server that said this at `wall` started, None where it does not tell."""
    uptime = info.integer(fields, "uptime_in_seconds")
    return None if wall is None or uptime is None else int(wall) - uptime


def server(fields: Mapping[str, str], started_at: int | None) -> Lines:
    """What a server says of itself, and what follows from it."""
    said = {
        **{name: fields.get(name, "")[:LONGEST] for name in m.INSTANCE_INFO.labels},
        "redis_mode": info.mode(fields)[:LONGEST],
    }
    yield _instance(tuple(said.values()))
    if (fork := info.integer(fields, "latest_fork_usec")) is not None:
        yield line("redis_latest_fork_seconds", f"{fork}e-6")
    if started_at is not None:
        yield line("redis_start_time_seconds", started_at)


@lru_cache(maxsize=1 << 10)
def _instance(known: tuple[str, ...]) -> tuple[str, str]:
    return line(m.INSTANCE_INFO.name, 1, **dict(zip(m.INSTANCE_INFO.labels, known, strict=True)))


def databases(
    fields: Mapping[str, str],
    configured: str | None,
    shown: Callable[[str], bool],
    beside: Callable[[Sequence[str]], tuple[str, ...]],
) -> Lines:
    """Keys of every database that is shown, then the others together as `other`, then the empty ones that `beside` picks."""
    spaces = info.keyspaces(fields)
    found = {space.db for space in spaces}
    rest: list[info.Keyspace] = []
    for space in spaces:
        if not shown(space.db):
            rest.append(space)
            continue
        yield from _database(space)
        if space.avg_ttl:
            yield line("redis_db_avg_ttl_seconds", f"{space.avg_ttl}e-3", db=space.db)
        if space.cached:
            yield line("redis_db_keys_cached", space.cached, db=space.db)
    if rest:
        keys, expires = sum(int(space.keys) for space in rest), sum(int(space.expires) for space in rest)
        yield from _database(info.Keyspace(OTHER, str(keys), str(expires), ""))
    count = 1 if fields.get("cluster_enabled") == "1" else _whole(configured, DEFAULT_DATABASES)
    yield from _empty(beside([db for db in _names(count) if db not in found]))


def _whole(text: str | None, otherwise: int) -> int:
    """What a server answered where it should have said a number; another word for it must not cost everybody the page."""
    return int(text) if text is not None and info.is_whole(text) else otherwise


@lru_cache(maxsize=8)
def _names(count: int) -> tuple[str, ...]:
    return tuple(f"db{at}" for at in range(min(count, _MOST_DATABASES)))


@lru_cache(maxsize=256)
def _empty(databases: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    names = ("redis_db_keys", "redis_db_keys_expiring")
    return tuple((name, "".join([line(name, 0, db=db)[1] for db in databases])) for name in names)


def _database(space: info.Keyspace) -> Lines:
    yield line("redis_db_keys", space.keys, db=space.db)
    yield line("redis_db_keys_expiring", space.expires, db=space.db)


def errors(rows: Iterable[tuple[str, str]], shown: Callable[[str], bool]) -> Lines:
    """Error replies per prefix."""
    rest, over = 0, False
    for name, count in rows:
        if shown(name):
            yield line("redis_errors_total", count, err=name)
        else:
            rest, over = rest + int(count), True
    if over:
        yield line("redis_errors_total", rest, err=OTHER)


def replication(fields: Mapping[str, str]) -> Lines:
    """What a primary says of its replicas, and a replica of its primary."""
    yield from _replicas([pairs(fields[name]) for name in info.named(fields, "slave")])
    if fields.get("role") != "slave":
        return
    to = {key: fields.get(key, "") for key in ("master_host", "master_port")}
    yield line("redis_slave_info", 1, **to, read_only=fields.get("slave_read_only", ""))
    yield line("redis_master_link_up", int(fields.get("master_link_status") == "up"), **to)
    for field in ("master_last_io_seconds_ago", "master_sync_in_progress", "slave_repl_offset"):
        if (value := number(fields.get(field))) is not None:
            yield line(f"redis_{field}", value, **to)


def _replicas(rows: Iterable[Mapping[str, str]]) -> Lines:
    """Of replicas that have one address, as behind a NAT, the worst: a series that stood there twice would be lost."""
    offsets, lags = dict[tuple[str, ...], str](), dict[tuple[str, ...], str]()
    for row in rows:
        who = tuple(row.get(key, "") for key in ("ip", "port", "state"))
        for key, found, worst in (("offset", offsets, min), ("lag", lags, max)):
            if info.is_number(row.get(key, "")):
                found[who] = worst(found.get(who, row[key]), row[key], key=float)
    for name, found in (("offset_bytes", offsets), ("lag_seconds", lags)):
        for (ip, port, state), value in found.items():
            yield line(f"redis_connected_slave_{name}", value, slave_ip=ip, slave_port=port, slave_state=state)


def cluster(extra: Extra) -> Lines:
    """Every numeric field of CLUSTER INFO that begins with `cluster_`."""
    for field, text in extra.cluster.items():
        if field.startswith("cluster_") and (value := number(text)) is not None:
            yield line(CLUSTER_NAMES.get(field, "redis_" + _NOT_A_NAME.sub("_", field)), value)


def unmapped(extra: Extra) -> Lines:
    """Numeric INFO fields without a family of their own; of two that are written alike the first."""
    found: dict[str, str] = {}
    for section, field, text in extra.unmapped:
        found.setdefault(_NOT_A_NAME.sub("_", f"redis_info_{section}_{field}").lower(), text)
    yield from (line(name, text) for name, text in found.items())


def sentinel(fields: Mapping[str, str]) -> Lines:
    """What a Sentinel's INFO says of each primary."""
    for row in sentinel_masters(fields):
        who = {"master_name": row.get("name", ""), "master_address": row.get("address", "")}
        status = row.get("status", "")
        yield line("redis_sentinel_master_status", int(status == "ok"), **who, master_status=status)
        for key in ("slaves", "sentinels"):
            if (value := number(row.get(key))) is not None:
                yield line(f"redis_sentinel_master_{key}", value, **who)


def details(detail: Detail) -> Lines:
    """Everything of the detail tier but the percentiles."""
    for key in questions.NUMBERS:
        if (value := number(detail.config.get(key))) is not None:
            yield line(f"redis_config_{key.replace('-', '_')}", value)
    yield from _output_limits(detail.config.get("client-output-buffer-limit", ""))
    if detail.slowlog is not None:
        yield line("redis_slowlog_length", detail.slowlog.length)
        yield line("redis_slowlog_last_id", detail.slowlog.last_id)
        yield line("redis_last_slow_execution_duration_seconds", f"{detail.slowlog.last_usec}e-6")
    for event, when, took in detail.spikes:
        yield line("redis_latency_spike_last", when, event_name=event)
        yield line("redis_latency_spike_duration_seconds", f"{took}e-3", event_name=event)
    for master in detail.masters:
        yield from _master(master)


def _output_limits(setting: str) -> Lines:
    """Of `normal 0 0 0 slave 268435456 67108864 60 ...`: class, hard limit, soft limit and seconds above the soft one."""
    words = setting.split()
    for clients, hard, soft, patience in zip(*(words[at::4] for at in range(4)), strict=False):
        name = "redis_config_client_output_buffer_limit"
        for limit, size in (("hard", hard), ("soft", soft)):
            if info.is_number(size):
                yield line(f"{name}_bytes", size, **{"class": clients, "limit": limit})
        if info.is_number(patience):
            yield line(f"{name}_overcome_seconds", patience, **{"class": clients, "limit": "soft"})


# A field of SENTINEL MASTERS, its family, and the exponent that makes base units of it.
_OF_MASTERS = (
    ("quorum", "setting_ckquorum", ""),
    ("failover-timeout", "setting_failover_timeout", ""),
    ("parallel-syncs", "setting_parallel_syncs", ""),
    ("down-after-milliseconds", "setting_down_after_milliseconds", ""),
    ("config-epoch", "config_epoch", ""),
    ("last-ok-ping-reply", "last_ok_ping_reply_seconds", "e-3"),
)


def _master(master: Master) -> Lines:
    who = {"master_name": master.name, "master_address": master.address}
    yield line("redis_sentinel_master_ok_sentinels", master.ok_sentinels, **who)
    yield line("redis_sentinel_master_ok_slaves", master.ok_replicas, **who)
    said, ok = master.quorum
    yield line("redis_sentinel_master_ckquorum_status", int(ok), master_name=master.name, message=said)
    for field, name, unit in _OF_MASTERS:
        if info.is_whole(value := master.said.get(field, "")):
            yield line(f"redis_sentinel_master_{name}", f"{value}{unit}", **who)
