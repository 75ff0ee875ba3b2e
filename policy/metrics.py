"""The metric catalogue: every series that Cachewatch emits, with type, unit, labels and meaning.

Emitter, rules and panels read names from here; the exporter refuses to emit what is not declared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache
from typing import Literal, cast

from policy.metrics_redis import LABELLED_ROWS, OPEN_PREFIXES, REDIS_ROWS, unit_of

Kind = Literal["counter", "gauge", "histogram", "summary"]
NODE_LABELS = ("fleet", "shard", "instance")


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family. `labels` are beside the node's own; `info` is the INFO field a node fact is read from."""

    name: str
    kind: Kind
    unit: str
    help: str
    labels: tuple[str, ...] = ()
    info: str = ""


# The classes of `cache_health_checks_total{result}` that a check can end in: a PING, and on primaries the SET before it.
HEALTH_RESULTS = (
    "success",
    "timeout",
    "refused",
    "reset",
    "tls",
    "auth",
    "loading",
    "readonly",
    "cluster_down",
    "link_down",
    "protocol",
)

NODE_UP = Metric("cache_node_up", "gauge", "", "Last health verdict of the node: 1 up, 0 down.")
NODE_ROLE = Metric("cache_node_role", "gauge", "", "1 for the role that the node reports.", ("role",))
HEALTH_CHECKS = Metric("cache_health_checks_total", "counter", "", "Health checks by how they ended.", ("result",))
PROBE_DURATION = Metric(
    "cache_probe_duration_seconds",
    "histogram",
    "seconds",
    "Request to response as the prober saw it; a probe given up counts with the time it waited.",
    ("op",),
)
PROBE_LAG = Metric(
    "cache_probe_schedule_lag_seconds",
    "gauge",
    "seconds",
    "How late the prober sent its probes, worst of the last 15 s: high means that the exporter's machine is overloaded.",
)
POLICY_INFO = Metric(
    "cache_policy_info",
    "gauge",
    "",
    "1, with the fingerprint of what the exporter's policy must have in common with the one that the rules were built from.",
    ("hash",),
)
HITS = Metric(
    "cache_hits_total",
    "counter",
    "",
    "Keyspace hits, as INFO has them; from 0 on where the address moved to another server.",
)
MISSES = Metric(
    "cache_misses_total",
    "counter",
    "",
    "Keyspace misses, as INFO has them; from 0 on where the address moved to another server.",
)
MEMORY_USED = Metric("cache_memory_used_bytes", "gauge", "bytes", "Memory that Redis uses for data and overhead.")
MEMORY_LIMIT = Metric(
    "cache_memory_limit_bytes",
    "gauge",
    "bytes",
    "What the node may use: maxmemory, else the policy's limit; the machine's memory if that is less, or there is none.",
    ("source",),
)
MEMORY_EVICTS = Metric(
    "cache_memory_evicts",
    "gauge",
    "",
    "1 when the full node makes room by evicting: maxmemory is set, and an allkeys policy, or a volatile one and half of the "
    "keys or more have an expiry.",
)
SENTINEL_QUORUM = Metric(
    "cache_sentinel_quorum",
    "gauge",
    "",
    "1 when one of the policy's Sentinels reaches the quorum and the majority that a failover of the shard takes.",
)
SENTINELS_KNOWN = Metric(
    "cache_sentinels_known",
    "gauge",
    "",
    "Sentinels that the one that was asked knows of the shard, itself among them: all of them count for the majority.",
)
SENTINELS_USABLE = Metric(
    "cache_sentinels_usable",
    "gauge",
    "",
    "Those of them that it does not find down, itself among them; 0 when none of the policy's Sentinels answers.",
)
FAILOVERS = Metric(
    "cache_failovers_total",
    "counter",
    "",
    "Failovers of the shard that the exporter saw: a replica became primary, and the primary that it followed is none any more.",
)
FAILOVER_DURATION = Metric(
    "cache_failover_duration_seconds",
    "gauge",
    "seconds",
    "The shard's last failover: first failed check of the old primary to the INFO of the new one; 0 when it was planned.",
)
FAILOVER_LOST = Metric(
    "cache_failover_lost_bytes",
    "gauge",
    "bytes",
    "The shard's last failover: what the old primary had told and the new one had not got, of its replication stream, at least.",
)
BREAKER_STATE = Metric("cache_breaker_state", "gauge", "", "1 for the state of the exporter's breaker.", ("state",))
COLLECT_SUCCESS = Metric("cache_collect_success", "gauge", "", "1 when the last collection got this part.", ("part",))
COLLECT_DURATION = Metric(
    "cache_collect_duration_seconds", "gauge", "seconds", "How long the last collection of this part took.", ("part",)
)
CERTIFICATE_ENDS = Metric(
    "cache_tls_certificate_expiry_timestamp_seconds",
    "gauge",
    "seconds",
    "Unix time at which the certificate ends that the node showed at the last connection.",
)
OWN_CERTIFICATE_ENDS = Metric(
    "cache_tls_client_certificate_expiry_timestamp_seconds",
    "gauge",
    "seconds",
    "Unix time at which the exporter's client certificate ends with which the last new connection to the node was tried.",
)
OVER_LIMIT = Metric(
    "cache_names_over_limit",
    "gauge",
    "",
    "Names that share the series `other` because there are more than collect.limits allows.",
    ("kind",),
)
INSTANCE_INFO = Metric(
    "redis_instance_info",
    "gauge",
    "",
    "What the node says of itself, value 1.",
    (
        "availability_zone",
        "master_replid",
        "maxmemory_policy",
        "os",
        "process_id",
        "redis_build_id",
        "redis_mode",
        "redis_version",
        "role",
        "run_id",
        "tcp_port",
        "valkey_release_stage",
        "valkey_version",
    ),
)
REDIS_UP = Metric("redis_up", "gauge", "", "1 when the last INFO was answered in time.")

SLI: tuple[Metric, ...] = (
    NODE_UP,
    NODE_ROLE,
    HEALTH_CHECKS,
    PROBE_DURATION,
    PROBE_LAG,
    POLICY_INFO,
    HITS,
    MISSES,
    MEMORY_USED,
    MEMORY_LIMIT,
    MEMORY_EVICTS,
    SENTINEL_QUORUM,
    SENTINELS_KNOWN,
    SENTINELS_USABLE,
    FAILOVERS,
    FAILOVER_DURATION,
    FAILOVER_LOST,
    BREAKER_STATE,
    COLLECT_SUCCESS,
    COLLECT_DURATION,
    CERTIFICATE_ENDS,
    OWN_CERTIFICATE_ENDS,
    OVER_LIMIT,
)
NODE_FACTS: tuple[Metric, ...] = tuple(
    Metric(name, kind, unit, f"Field {field} of INFO.", (), field) for field, name, kind, unit in REDIS_ROWS
)
LABELLED: dict[str, Metric] = {
    name: Metric(name, cast(Kind, kind), unit_of(name), text, labels) for kind, name, labels, text in LABELLED_ROWS
}
DB_KEYS = LABELLED["redis_db_keys"]
CATALOGUE: dict[str, Metric] = {
    metric.name: metric for metric in (*SLI, REDIS_UP, INSTANCE_INFO, *NODE_FACTS, *LABELLED.values())
}


@cache
def declared(name: str) -> Metric | None:
    """The family of that name: of the catalogue, or one of those that the server names; None when it is neither."""
    if name in CATALOGUE:
        return CATALOGUE[name]
    for prefix, text in OPEN_PREFIXES.items():
        if name.startswith(prefix):
            return Metric(name, "gauge", "", text.format(name.removeprefix(prefix)))
    return None


NODE_FAMILIES = tuple(name for name in CATALOGUE if name.startswith("redis_"))


def families_like(pattern: str) -> bool:
    """Whether a name or pattern (`*`, `?`, `[...]`) can mean any family of a node's facts."""
    plain = re.split(r"[*?[]", pattern, maxsplit=1)[0]
    open_to_it = (p for p in OPEN_PREFIXES if plain.startswith(p) or (plain != pattern and p.startswith(plain)))
    return any(open_to_it) or any(fnmatchcase(name, pattern) for name in NODE_FAMILIES)


def le(bound: Decimal) -> str:
    """The text of a bucket's `le` label as Prometheus 3 normalizes it: `0.002`, `1.0`, `5e-05`; another would match nothing."""
    return repr(float(bound))
