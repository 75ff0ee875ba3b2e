"""Node facts: INFO field, redis_exporter's name for it, type and unit. A number passes through as it stands."""

from __future__ import annotations

from typing import Literal

Row = tuple[str, str, Literal["counter", "gauge"], str]


def _rows(kind: Literal["counter", "gauge"], table: str) -> tuple[Row, ...]:
    """Lines of `field name [unit]`."""
    rows = []
    for line in table.strip().splitlines():
        field, name, unit = [*line.split(), ""][:3]
        rows.append((field, name, kind, unit))
    return tuple(rows)


_COUNTERS = _rows(
    "counter",
    """
    total_commands_processed redis_commands_processed_total
    total_connections_received redis_connections_received_total
    rejected_connections redis_rejected_connections_total
    total_net_input_bytes redis_net_input_bytes_total bytes
    total_net_output_bytes redis_net_output_bytes_total bytes
    expired_keys redis_expired_keys_total
    evicted_keys redis_evicted_keys_total
    keyspace_hits redis_keyspace_hits_total
    keyspace_misses redis_keyspace_misses_total
    used_cpu_sys redis_cpu_sys_seconds_total seconds
    used_cpu_user redis_cpu_user_seconds_total seconds
    used_cpu_sys_children redis_cpu_sys_children_seconds_total seconds
    used_cpu_user_children redis_cpu_user_children_seconds_total seconds
    """,
)
_GAUGES = _rows(
    "gauge",
    """
    uptime_in_seconds redis_uptime_in_seconds seconds
    connected_clients redis_connected_clients
    blocked_clients redis_blocked_clients
    used_memory redis_memory_used_bytes bytes
    used_memory_rss redis_memory_used_rss_bytes bytes
    used_memory_peak redis_memory_used_peak_bytes bytes
    used_memory_overhead redis_memory_used_overhead_bytes bytes
    used_memory_dataset redis_memory_used_dataset_bytes bytes
    maxmemory redis_memory_max_bytes bytes
    mem_fragmentation_ratio redis_mem_fragmentation_ratio
    loading redis_loading_dump_file
    rdb_changes_since_last_save redis_rdb_changes_since_last_save
    rdb_last_save_time redis_rdb_last_save_timestamp_seconds seconds
    aof_enabled redis_aof_enabled
    pubsub_channels redis_pubsub_channels
    pubsub_patterns redis_pubsub_patterns
    connected_slaves redis_connected_slaves
    master_repl_offset redis_master_repl_offset bytes
    cluster_enabled redis_cluster_enabled
    """,
)
REDIS_ROWS: tuple[Row, ...] = _COUNTERS + _GAUGES
