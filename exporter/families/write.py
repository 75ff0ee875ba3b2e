"""Facts -> lines of the page, one text per family. Pure, and the hot path: a node's 600 lines are made here each collection.

Every function gives (family, text) pairs; `own` is the text of the node's own labels, escaped. Numbers are written as
they came; a unit is changed by an exponent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from itertools import accumulate

from exporter import info
from exporter.exposition import escaped
from exporter.families.facts import Detail, Extra
from exporter.families.readings import CommandRow, LatencyHistogram, pairs, sentinel_masters
from policy import metrics as m
from policy.metrics_redis import CLUSTER_NAMES, REDIS_ROWS

Lines = Iterator[tuple[str, str]]
OTHER = "other"
HISTOGRAM = "redis_commands_latencies_usec"
_FIXED = tuple((field, name, f"{name}{{") for field, name, _, _ in REDIS_ROWS)
_NOT_A_NAME = re.compile(r"[^a-zA-Z0-9_]")
# What redis_exporter reads as numbers.
_WORDS = {"ok": "1", "true": "1", "err": "0", "fail": "0", "false": "0"}
DEFAULT_DATABASES = 16  # of Redis, where CONFIG does not tell


def number(text: str | None) -> str | None:
    """The text of a number, 1 and 0 for Redis' words; None for anything else."""
    if text is None:
        return None
    return text if info.is_number(text) else _WORDS.get(text)


def line(name: str, own: str, value: object, **labels: str) -> tuple[str, str]:
    """One family with one line."""
    more = "".join(f',{label}="{escaped(text)}"' for label, text in labels.items() if text)
    return name, f"{name}{{{own}{more}}} {value}\n"


def fixed(own: str, fields: Mapping[str, str]) -> dict[str, str]:
    """The fields of INFO that have a family each; in one expression, because these are most of a node's families."""
    end, get, is_number, words = f"{own}}} ", fields.get, info.is_number, _WORDS
    return {
        name: f"{start}{end}{words.get(text, text)}\n"
        for field, name, start in _FIXED
        if (text := get(field)) is not None and (is_number(text) or text in words)
    }


def server(own: str, fields: Mapping[str, str], wall: float | None) -> Lines:
    """What a server says of itself, and what follows from it."""
    known = {name: fields.get(name, "") for name in m.INSTANCE_INFO.labels}
    yield line(m.INSTANCE_INFO.name, own, 1, **known)
    if (fork := info.integer(fields, "latest_fork_usec")) is not None:
        yield line("redis_latest_fork_seconds", own, f"{fork}e-6")
    if wall is not None and (uptime := info.integer(fields, "uptime_in_seconds")) is not None:
        yield line("redis_start_time_seconds", own, int(wall) - uptime)


def databases(own: str, fields: Mapping[str, str], configured: str | None, shown: Callable[[str], bool]) -> Lines:
    """Keys of every database that is shown, empty ones too; the others together as `other`."""
    spaces = info.keyspaces(fields)
    found = {space.db for space in spaces}
    rest: list[info.Keyspace] = []
    # A database that holds keys is shown before one that is empty: the limit must not hide what is there.
    for space in spaces:
        if not shown(space.db):
            rest.append(space)
            continue
        yield from _database(own, space)
        if space.avg_ttl:
            yield line("redis_db_avg_ttl_seconds", own, f"{space.avg_ttl}e-3", db=space.db)
        if space.cached:
            yield line("redis_db_keys_cached", own, space.cached, db=space.db)
    if rest:
        keys, expires = sum(int(space.keys) for space in rest), sum(int(space.expires) for space in rest)
        yield from _database(own, info.Keyspace(OTHER, str(keys), str(expires), ""))
    count = 1 if fields.get("cluster_enabled") == "1" else int(configured or DEFAULT_DATABASES)
    empty = [db for at in range(count) if (db := f"db{at}") not in found and shown(db)]
    for name in ("redis_db_keys", "redis_db_keys_expiring"):
        yield name, "".join([f'{name}{{{own},db="{db}"}} 0\n' for db in empty])


def _database(own: str, space: info.Keyspace) -> Lines:
    yield line("redis_db_keys", own, space.keys, db=space.db)
    yield line("redis_db_keys_expiring", own, space.expires, db=space.db)


def commands(own: str, rows: Iterable[CommandRow], shown: Callable[[str], bool]) -> Lines:
    """Calls, time, refusals and failures per command."""
    found = list(rows)
    alone = [row for row in found if shown(row[0])]
    if len(alone) < len(found):
        alone.append(_together([row for row in found if not shown(row[0])]))
    start = f'{{{own},cmd="'
    labelled = [(f'{start}{escaped(row[0])}"}} ', row) for row in alone]
    late = [(labels, row) for labels, row in labelled if row[3]]
    name = "redis_commands_total"
    yield name, "".join([f"{name}{labels}{row[1]}\n" for labels, row in labelled])
    name = "redis_commands_duration_seconds_total"
    yield name, "".join([f"{name}{labels}{row[2]}e-6\n" for labels, row in labelled])
    name = "redis_commands_rejected_calls_total"
    yield name, "".join([f"{name}{labels}{row[3]}\n" for labels, row in late])
    name = "redis_commands_failed_calls_total"
    yield name, "".join([f"{name}{labels}{row[4]}\n" for labels, row in late])


def _together(rows: list[CommandRow]) -> CommandRow:
    def total(column: int) -> str:
        return str(sum(int(row[column] or 0) for row in rows))

    late = rows[0][3] != ""
    return OTHER, total(1), total(2), total(3) if late else "", total(4) if late else ""


def errors(own: str, rows: Iterable[tuple[str, str]], shown: Callable[[str], bool]) -> Lines:
    """Error replies per prefix."""
    rest, over = 0, False
    for name, count in rows:
        if shown(name):
            yield line("redis_errors_total", own, count, err=name)
        else:
            rest, over = rest + int(count), True
    if over:
        yield line("redis_errors_total", own, rest, err=OTHER)


def replication(own: str, fields: Mapping[str, str]) -> Lines:
    """What a primary says of its replicas, and a replica of its primary."""
    for name in info.named(fields, "slave"):
        row = pairs(fields[name])
        who = {f"slave_{key}": row.get(key, "") for key in ("ip", "port", "state")}
        if info.is_number(row.get("offset", "")):
            yield line("redis_connected_slave_offset_bytes", own, row["offset"], **who)
        if info.is_number(row.get("lag", "")):
            yield line("redis_connected_slave_lag_seconds", own, row["lag"], **who)
    if fields.get("role") != "slave":
        return
    to = {key: fields.get(key, "") for key in ("master_host", "master_port")}
    yield line("redis_slave_info", own, 1, **to, read_only=fields.get("slave_read_only", ""))
    yield line("redis_master_link_up", own, int(fields.get("master_link_status") == "up"), **to)
    for field in ("master_last_io_seconds_ago", "master_sync_in_progress", "slave_repl_offset"):
        if (value := number(fields.get(field))) is not None:
            yield line(f"redis_{field}", own, value, **to)


def cluster(own: str, extra: Extra) -> Lines:
    """Every numeric field of CLUSTER INFO that begins with `cluster_`."""
    for field, text in extra.cluster.items():
        if field.startswith("cluster_") and (value := number(text)) is not None:
            yield line(CLUSTER_NAMES.get(field, "redis_" + _NOT_A_NAME.sub("_", field)), own, value)


def unmapped(own: str, extra: Extra) -> Lines:
    """Numeric INFO fields without a family of their own."""
    for section, field, text in extra.unmapped:
        yield line(_NOT_A_NAME.sub("_", f"redis_info_{section}_{field}").lower(), own, text)


def sentinel(own: str, fields: Mapping[str, str]) -> Lines:
    """What a Sentinel's INFO says of each primary."""
    for row in sentinel_masters(fields):
        who = {"master_name": row.get("name", ""), "master_address": row.get("address", "")}
        status = row.get("status", "")
        yield line("redis_sentinel_master_status", own, int(status == "ok"), **who, master_status=status)
        for key in ("slaves", "sentinels"):
            if (value := number(row.get(key))) is not None:
                yield line(f"redis_sentinel_master_{key}", own, value, **who)


@lru_cache(maxsize=256)
def quantile(percent: str) -> str:
    """Redis' percentile as the label of a summary: 99.9 -> 0.999."""
    text = format(Decimal(percent) / 100, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def details(own: str, detail: Detail, shown: Callable[[str], bool]) -> Lines:
    """Everything of the detail tier."""
    for command, (calls, usec) in detail.usage.items():
        if command in detail.latency and shown(command):
            yield (
                "redis_latency_percentiles_usec",
                _summary(own, escaped(command), detail.latency[command], calls, usec),
            )
    yield _histograms(own, detail, shown)
    for key in ("maxmemory", "maxclients", "io-threads"):
        if (value := number(detail.config.get(key))) is not None:
            yield line(f"redis_config_{key.replace('-', '_')}", own, value)
    if detail.slowlog is not None:
        yield line("redis_slowlog_length", own, detail.slowlog.length)
        yield line("redis_slowlog_last_id", own, detail.slowlog.last_id)
        yield line("redis_last_slow_execution_duration_seconds", own, f"{detail.slowlog.last_usec}e-6")
    for event, when, took in detail.spikes:
        yield line("redis_latency_spike_last", own, when, event_name=event)
        yield line("redis_latency_spike_duration_seconds", own, f"{took}e-3", event_name=event)
    for master in detail.masters:
        who = {"master_name": master.name, "master_address": master.address}
        yield line("redis_sentinel_master_ok_sentinels", own, master.ok_sentinels, **who)
        yield line("redis_sentinel_master_ok_slaves", own, master.ok_replicas, **who)
        said, ok = master.quorum
        yield line("redis_sentinel_master_ckquorum_status", own, int(ok), master_name=master.name, message=said)


def _summary(own: str, command: str, quantiles: Iterable[tuple[str, str]], calls: str, usec: str) -> str:
    name, labels = "redis_latency_percentiles_usec", f'{own},cmd="{command}"'
    lines = [f'{name}{{{labels},quantile="{quantile(percent)}"}} {value}\n' for percent, value in quantiles]
    return f"{''.join(lines)}{name}_sum{{{labels}}} {usec}\n{name}_count{{{labels}}} {calls}\n"


def _histograms(own: str, detail: Detail, shown: Callable[[str], bool]) -> tuple[str, str]:
    """Time per command as histograms, those of the names over the limit together as `other`.

    A command that was first called between commandstats and this part has no sum yet: it waits for the next time.
    """
    alone, rest, rest_usec = [], [], 0
    for command, histogram in detail.histograms.items():
        if (usage := detail.usage.get(command)) is None:
            continue
        if shown(command):
            alone.append(_histogram(own, escaped(command), histogram, usage[1]))
        else:
            rest.append(histogram)
            rest_usec += int(usage[1])
    if rest:
        alone.append(_histogram(own, OTHER, _sum_of(rest), str(rest_usec)))
    return HISTOGRAM, "".join(alone)


def _histogram(own: str, command: str, histogram: LatencyHistogram, usec: str) -> str:
    calls, buckets = histogram
    labels = f'{own},cmd="{command}"'
    start = f'{HISTOGRAM}_bucket{{{labels},le="'
    lines = [f'{start}{bound}"}} {count}\n' for bound, count in zip(buckets[::2], buckets[1::2], strict=True)]
    end = f'{start}+Inf"}} {calls}\n{HISTOGRAM}_sum{{{labels}}} {usec}\n{HISTOGRAM}_count{{{labels}}} {calls}\n'
    return f"{''.join(lines)}{end}"


def _sum_of(histograms: Iterable[LatencyHistogram]) -> LatencyHistogram:
    """Several as one. They have different bounds, so calls are counted in the bucket in which each has them first."""
    calls, steps = 0, dict[int, int]()
    for count, buckets in histograms:
        calls += count
        for bound, more, before in zip(buckets[::2], buckets[1::2], (0, *buckets[1::2]), strict=False):
            steps[bound] = steps.get(bound, 0) + more - before
    bounds = sorted(steps)
    totals = accumulate(steps[bound] for bound in bounds)
    return calls, tuple(number for pair in zip(bounds, totals, strict=True) for number in pair)
