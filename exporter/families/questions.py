"""What a collection asks a node: one list of commands, sent in one write. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from exporter import info
from exporter.families.readings import master_names
from policy.operations import Families

Command = tuple[str, ...]
INFO: Command = ("INFO",)
# Settings that are a number, each a family of its own, and those of which something else is made.
NUMBERS = ("maxmemory", "maxclients", "io-threads", "repl-backlog-size")
CONFIG_KEYS = (*NUMBERS, "databases", "client-output-buffer-limit")
# What a Redis user (ACL) must be granted for a part; docs/redis_exporter.md has the rule as a whole.
RIGHTS = {
    "info": "+info",
    "commands": "+info",
    "latencystats": "+info",
    "cluster_info": "+cluster|info",
    "config": "+config|get",
    "slowlog": "+slowlog|len +slowlog|get",
    "latency": "+latency|latest",
    "latency_histogram": "+latency|histogram",
    "masters": "+sentinel|masters +sentinel|ckquorum +sentinel|sentinels +sentinel|replicas",
}
# The families that a part is asked for; none of them shown, nothing is asked.
_SHOWN_BY: dict[str, list[str]] = {
    part: [f"redis_{name}" for name in names.split()]
    for part, names in {
        "commands": "commands_total commands_duration_seconds_total commands_rejected_calls_total "
        "commands_failed_calls_total latency_percentiles_usec commands_latencies_usec",
        "latencystats": "latency_percentiles_usec",
        "config": "config_maxmemory config_maxclients config_io_threads config_repl_backlog_size db_keys db_keys_expiring "
        "config_client_output_buffer_limit_bytes config_client_output_buffer_limit_overcome_seconds",
        "slowlog": "slowlog_length slowlog_last_id last_slow_execution_duration_seconds",
        "latency": "latency_spike_last latency_spike_duration_seconds",
        "latency_histogram": "commands_latencies_usec",
        "masters": "sentinel_master_ckquorum_status sentinel_master_ok_slaves sentinel_master_ok_sentinels "
        "sentinel_master_setting_ckquorum sentinel_master_setting_failover_timeout sentinel_master_setting_parallel_syncs "
        "sentinel_master_setting_down_after_milliseconds sentinel_master_config_epoch "
        "sentinel_master_last_ok_ping_reply_seconds",
    }.items()
}


@dataclass(frozen=True, slots=True)
class Question:
    """The commands of one part; it is read when every one of them is answered."""

    part: str
    commands: tuple[Command, ...]


def cheap(fields: Mapping[str, str] | None, families: Families) -> tuple[Question, ...]:
    """What is asked each interval. `fields` are those of the last INFO, None where there was none yet."""
    mode = "" if fields is None else info.mode(fields)
    return _cheap(mode, mode != "sentinel" and _wanted("commands", families.allow, families.deny))


@lru_cache(maxsize=64)
def _cheap(mode: str, commands: bool) -> tuple[Question, ...]:
    asked = [Question("info", (INFO,))]
    if commands:
        asked.append(Question("commands", (("INFO", "commandstats"),)))
    if mode == "cluster":
        asked.append(Question("cluster_info", (("CLUSTER", "INFO"),)))
    return tuple(asked)


def learned(fields: Mapping[str, str]) -> tuple[Question, ...]:
    """What else is cheap, known only once the first INFO of a node was read."""
    cluster = Question("cluster_info", (("CLUSTER", "INFO"),))
    return (cluster,) if info.mode(fields) == "cluster" else ()


def detail(fields: Mapping[str, str], families: Families) -> tuple[Question, ...]:
    """What costs the node more, asked each detail interval."""
    parts = _of_sentinel(fields) if info.mode(fields) == "sentinel" else _of_server(fields)
    return tuple(question for question in parts if _wanted(question.part, families.allow, families.deny))


def _of_server(fields: Mapping[str, str]) -> Iterator[Question]:
    yield Question("latencystats", (("INFO", "latencystats"),))
    yield Question("config", tuple(("CONFIG", "GET", key) for key in CONFIG_KEYS))
    yield Question("slowlog", (("SLOWLOG", "LEN"), ("SLOWLOG", "GET", "1")))
    yield Question("latency", (("LATENCY", "LATEST"),))
    # Before Redis 7 it is an unknown subcommand: its error would read as a part that fails.
    if _major(fields) >= 7:
        yield Question("latency_histogram", (("LATENCY", "HISTOGRAM"),))


def _major(fields: Mapping[str, str]) -> int:
    """The first number of the version, 0 where it has none."""
    first = fields.get("redis_version", "").partition(".")[0]
    return int(first) if first.isascii() and first.isdigit() else 0


def _of_sentinel(fields: Mapping[str, str]) -> Iterator[Question]:
    commands: list[Command] = [("SENTINEL", "MASTERS")]
    for name in master_names(fields):
        commands += [("SENTINEL", word, name) for word in ("CKQUORUM", "SENTINELS", "REPLICAS")]
    yield Question("masters", tuple(commands))


@lru_cache(maxsize=1 << 8)
def _wanted(part: str, allow: tuple[str, ...], deny: tuple[str, ...]) -> bool:
    return any(map(Families(allow=allow, deny=deny).shows, _SHOWN_BY[part]))
