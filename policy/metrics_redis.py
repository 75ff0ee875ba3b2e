"""Node facts: INFO field, redis_exporter's name for it and type. A number passes through as it stands.

The tables are what redis_exporter 1.86 shows for these fields, types included where they are odd (a gauge that ends in
_total): whatever reads its page reads ours. Older ones show fewer: 1.45, Debian 12's, has the same names, and one type of
another kind (docs/redis_exporter.md).
"""

from __future__ import annotations

from typing import Literal

Row = tuple[str, str, Literal["counter", "gauge"], str]
_UNITS = ("bytes", "seconds")


def unit_of(name: str) -> str:
    """The base unit that a family's name ends in, "" for none."""
    last = name.removesuffix("_total").rpartition("_")[2]
    return last if last in _UNITS else ""


def _rows(kind: Literal["counter", "gauge"], table: str) -> tuple[Row, ...]:
    """Lines of `field name`."""
    pairs = (line.split() for line in table.strip().splitlines())
    return tuple((field, name, kind, unit_of(name)) for field, name in pairs)


_COUNTERS = _rows(
    "counter",
    """
    acl_access_denied_auth redis_acl_access_denied_auth_total
    acl_access_denied_channel redis_acl_access_denied_channel_total
    acl_access_denied_cmd redis_acl_access_denied_cmd_total
    acl_access_denied_key redis_acl_access_denied_key_total
    cached_keys redis_cached_keys_total
    client_output_buffer_limit_disconnections redis_client_output_buffer_limit_disconnections_total
    client_query_buffer_limit_disconnections redis_client_query_buffer_limit_disconnections_total
    total_commands_processed redis_commands_processed_total
    total_connections_received redis_connections_received_total
    used_cpu_sys_children redis_cpu_sys_children_seconds_total
    used_cpu_sys_main_thread redis_cpu_sys_main_thread_seconds_total
    used_cpu_sys redis_cpu_sys_seconds_total
    used_cpu_user_children redis_cpu_user_children_seconds_total
    used_cpu_user_main_thread redis_cpu_user_main_thread_seconds_total
    used_cpu_user redis_cpu_user_seconds_total
    dump_payload_sanitizations redis_dump_payload_sanitizations
    eventloop_cycles redis_eventloop_cycles_total
    eventloop_duration_cmd_sum redis_eventloop_duration_cmd_sum_usec_total
    eventloop_duration_sum redis_eventloop_duration_sum_usec_total
    evicted_clients redis_evicted_clients_total
    evicted_keys redis_evicted_keys_total
    evicted_scripts redis_evicted_scripts_total
    total_eviction_exceeded_time redis_eviction_exceeded_time_ms_total
    expire_cycle_cpu_milliseconds redis_expire_cycle_cpu_time_ms_total
    expired_keys redis_expired_keys_total
    expired_subkeys redis_expired_subkeys_total
    expired_time_cap_reached_count redis_expired_time_cap_reached_total
    io_threaded_reads_processed redis_io_threaded_reads_processed
    io_threaded_writes_processed redis_io_threaded_writes_processed
    keyspace_hits redis_keyspace_hits_total
    keyspace_misses redis_keyspace_misses_total
    total_net_input_bytes redis_net_input_bytes_total
    total_net_output_bytes redis_net_output_bytes_total
    total_net_repl_input_bytes redis_net_repl_input_bytes_total
    total_net_repl_output_bytes redis_net_repl_output_bytes_total
    rejected_connections redis_rejected_connections_total
    reply_buffer_expands redis_reply_buffer_expands_total
    reply_buffer_shrinks redis_reply_buffer_shrinks_total
    storage_provider_read_hits redis_storage_provider_read_hits
    storage_provider_read_misses redis_storage_provider_read_misses
    total_error_replies redis_total_error_replies
    total_reads_processed redis_total_reads_processed
    total_writes_processed redis_total_writes_processed
    unexpected_error_replies redis_unexpected_error_replies
    """,
)
_GAUGES = _rows(
    "gauge",
    """
    active_defrag_running redis_active_defrag_running
    allocator_active redis_allocator_active_bytes
    allocator_allocated redis_allocator_allocated_bytes
    allocator_frag_bytes redis_allocator_frag_bytes
    allocator_frag_ratio redis_allocator_frag_ratio
    allocator_muzzy redis_allocator_muzzy_bytes
    allocator_resident redis_allocator_resident_bytes
    allocator_rss_bytes redis_allocator_rss_bytes
    allocator_rss_ratio redis_allocator_rss_ratio
    aof_base_size redis_aof_base_size_bytes
    aof_buffer_length redis_aof_buffer_length
    aof_current_rewrite_time_sec redis_aof_current_rewrite_duration_sec
    aof_current_size redis_aof_current_size_bytes
    aof_delayed_fsync redis_aof_delayed_fsync
    aof_enabled redis_aof_enabled
    aof_last_bgrewrite_status redis_aof_last_bgrewrite_status
    aof_last_cow_size redis_aof_last_cow_size_bytes
    aof_last_rewrite_time_sec redis_aof_last_rewrite_duration_sec
    aof_last_write_status redis_aof_last_write_status
    aof_pending_bio_fsync redis_aof_pending_bio_fsync
    aof_pending_rewrite redis_aof_pending_rewrite
    aof_rewrite_buffer_length redis_aof_rewrite_buffer_length
    aof_rewrite_in_progress redis_aof_rewrite_in_progress
    aof_rewrite_scheduled redis_aof_rewrite_scheduled
    async_loading redis_async_loading
    blocked_clients redis_blocked_clients
    client_biggest_input_buf redis_client_biggest_input_buf
    client_longest_output_list redis_client_longest_output_list
    client_recent_max_input_buffer redis_client_recent_max_input_buffer_bytes
    client_recent_max_output_buffer redis_client_recent_max_output_buffer_bytes
    clients_in_timeout_table redis_clients_in_timeout_table
    cluster_connections redis_cluster_connections
    cluster_enabled redis_cluster_enabled
    configured_hz redis_configured_hz
    connected_clients redis_connected_clients
    connected_slaves redis_connected_slaves
    current_client_thread redis_current_client_thread
    current_eviction_exceeded_time redis_current_eviction_exceeded_time_ms
    active_defrag_hits redis_defrag_hits
    active_defrag_key_hits redis_defrag_key_hits
    active_defrag_key_misses redis_defrag_key_misses
    active_defrag_misses redis_defrag_misses
    expired_stale_perc redis_expired_stale_percentage
    hz redis_hz
    instantaneous_eventloop_cycles_per_sec redis_instantaneous_eventloop_cycles_per_sec
    instantaneous_eventloop_duration_usec redis_instantaneous_eventloop_duration_usec
    io_threads_active redis_io_threads_active
    lazyfree_pending_objects redis_lazyfree_pending_objects
    lazyfreed_objects redis_lazyfreed_objects
    loading redis_loading_dump_file
    long_lock_waits redis_long_lock_waits_total
    master_repl_offset redis_master_repl_offset
    maxclients redis_max_clients
    mem_aof_buffer redis_mem_aof_buffer_bytes
    mem_clients_normal redis_mem_clients_normal
    mem_clients_slaves redis_mem_clients_slaves
    mem_cluster_links redis_mem_cluster_links_bytes
    mem_fragmentation_bytes redis_mem_fragmentation_bytes
    mem_fragmentation_ratio redis_mem_fragmentation_ratio
    mem_not_counted_for_evict redis_mem_not_counted_for_eviction_bytes
    mem_overhead_db_hashtable_rehashing redis_mem_overhead_db_hashtable_rehashing_bytes
    mem_replication_backlog redis_mem_replication_backlog_bytes
    mem_total_replication_buffers redis_mem_total_replication_buffers_bytes
    maxmemory redis_memory_max_bytes
    maxfragmentationmemory_reservation redis_memory_max_fragmentation_reservation_bytes
    maxfragmentationmemory_desired_reservation redis_memory_max_fragmentation_reservation_desired_bytes
    maxmemory_reservation redis_memory_max_reservation_bytes
    maxmemory_desired_reservation redis_memory_max_reservation_desired_bytes
    used_memory redis_memory_used_bytes
    used_memory_dataset redis_memory_used_dataset_bytes
    used_memory_functions redis_memory_used_functions_bytes
    used_memory_lua redis_memory_used_lua_bytes
    used_memory_overhead redis_memory_used_overhead_bytes
    used_memory_peak redis_memory_used_peak_bytes
    used_memory_rss redis_memory_used_rss_bytes
    used_memory_scripts redis_memory_used_scripts_bytes
    used_memory_scripts_eval redis_memory_used_scripts_eval_bytes
    used_memory_startup redis_memory_used_startup_bytes
    used_memory_vm_eval redis_memory_used_vm_eval_bytes
    used_memory_vm_functions redis_memory_used_vm_functions_bytes
    used_memory_vm_total redis_memory_used_vm_total
    migrate_cached_sockets redis_migrate_cached_sockets_total
    module_fork_in_progress redis_module_fork_in_progress
    module_fork_last_cow_size redis_module_fork_last_cow_size
    number_of_cached_scripts redis_number_of_cached_scripts
    number_of_functions redis_number_of_functions
    number_of_libraries redis_number_of_libraries
    process_id redis_process_id
    pubsub_channels redis_pubsub_channels
    pubsub_clients redis_pubsub_clients
    pubsub_patterns redis_pubsub_patterns
    pubsubshard_channels redis_pubsubshard_channels
    rdb_bgsave_in_progress redis_rdb_bgsave_in_progress
    rdb_changes_since_last_save redis_rdb_changes_since_last_save
    rdb_current_bgsave_time_sec redis_rdb_current_bgsave_duration_sec
    rdb_last_bgsave_time_sec redis_rdb_last_bgsave_duration_sec
    rdb_last_bgsave_status redis_rdb_last_bgsave_status
    rdb_last_cow_size redis_rdb_last_cow_size_bytes
    rdb_last_load_keys_expired redis_rdb_last_load_expired_keys
    rdb_last_load_keys_loaded redis_rdb_last_load_loaded_keys
    rdb_last_save_time redis_rdb_last_save_timestamp_seconds
    rdb_saves redis_rdb_saves_total
    repl_backlog_first_byte_offset redis_repl_backlog_first_byte_offset
    repl_backlog_histlen redis_repl_backlog_history_bytes
    repl_backlog_active redis_repl_backlog_is_active
    sync_partial_ok redis_replica_partial_resync_accepted
    sync_partial_err redis_replica_partial_resync_denied
    sync_full redis_replica_resyncs_full
    repl_backlog_size redis_replication_backlog_bytes
    second_repl_offset redis_second_repl_offset
    sentinel_masters redis_sentinel_masters
    sentinel_running_scripts redis_sentinel_running_scripts
    sentinel_scripts_queue_length redis_sentinel_scripts_queue_length
    sentinel_simulate_failure_flags redis_sentinel_simulate_failure_flags
    sentinel_tilt redis_sentinel_tilt
    server_threads redis_server_threads_total
    slave_expires_tracked_keys redis_slave_expires_tracked_keys
    slave_priority redis_slave_priority
    total_blocking_keys redis_total_blocking_keys
    total_blocking_keys_on_nokey redis_total_blocking_keys_on_nokey
    total_watched_keys redis_total_watched_keys
    tracking_clients redis_tracking_clients
    tracking_total_items redis_tracking_total_items
    tracking_total_keys redis_tracking_total_keys
    tracking_total_prefixes redis_tracking_total_prefixes
    uptime_in_seconds redis_uptime_in_seconds
    watching_clients redis_watching_clients
    """,
)
REDIS_ROWS: tuple[Row, ...] = _COUNTERS + _GAUGES

# Families with labels of their own, or whose value is worked out: kind, name, labels, meaning.
LabelledRow = tuple[str, str, tuple[str, ...], str]


def _labelled(table: str) -> tuple[LabelledRow, ...]:
    """Lines of `kind name labels meaning`, labels joined by commas, "-" for none."""
    rows = (line.split(maxsplit=3) for line in table.strip().splitlines())
    return tuple(
        (kind, name, () if labels == "-" else tuple(labels.split(",")), help_) for kind, name, labels, help_ in rows
    )


LABELLED_ROWS: tuple[LabelledRow, ...] = _labelled("""
    gauge redis_start_time_seconds - Unix time at which the server started.
    gauge redis_latest_fork_seconds - How long the latest fork took.
    gauge redis_db_keys db Keys in the database.
    gauge redis_db_keys_expiring db Keys with an expiry in the database.
    gauge redis_db_keys_cached db Keys in the database's cache (KeyDB).
    gauge redis_db_avg_ttl_seconds db Average time to live in the database.
    counter redis_commands_total cmd Calls per command.
    counter redis_commands_duration_seconds_total cmd Time spent per command.
    counter redis_commands_rejected_calls_total cmd Calls refused before they ran, per command.
    counter redis_commands_failed_calls_total cmd Calls that failed while they ran, per command.
    counter redis_errors_total err Error replies per prefix.
    summary redis_latency_percentiles_usec cmd Microseconds per command since the server started, by quantile.
    histogram redis_commands_latencies_usec cmd Microseconds per command since the server started, by bucket.
    gauge redis_connected_slave_offset_bytes slave_ip,slave_port,slave_state Replication offset that the replica has acknowledged.
    gauge redis_connected_slave_lag_seconds slave_ip,slave_port,slave_state Seconds since the replica's last acknowledgement.
    gauge redis_slave_info master_host,master_port,read_only 1 on a replica.
    gauge redis_slave_repl_offset master_host,master_port Replication offset of the replica.
    gauge redis_master_link_up master_host,master_port 1 when the link to the primary is up.
    gauge redis_master_last_io_seconds_ago master_host,master_port Seconds since the primary last said something.
    gauge redis_master_sync_in_progress master_host,master_port 1 while the replica takes a full copy.
    gauge redis_config_maxmemory - CONFIG GET maxmemory.
    gauge redis_config_maxclients - CONFIG GET maxclients.
    gauge redis_config_io_threads - CONFIG GET io-threads.
    gauge redis_config_repl_backlog_size - CONFIG GET repl-backlog-size, bytes.
    gauge redis_config_client_output_buffer_limit_bytes class,limit Unread output above which a client is cut off: hard, or soft.
    gauge redis_config_client_output_buffer_limit_overcome_seconds class,limit How long a client may stay above the limit.
    gauge redis_slowlog_length - Entries in the slow log.
    gauge redis_slowlog_last_id - Number of the newest entry of the slow log.
    gauge redis_last_slow_execution_duration_seconds - How long the newest entry of the slow log took.
    gauge redis_latency_spike_last event_name Unix time of the event's latest latency spike.
    gauge redis_latency_spike_duration_seconds event_name How long the event's latest latency spike took.
    gauge redis_sentinel_master_status master_name,master_address,master_status 1 when Sentinel finds the primary ok.
    gauge redis_sentinel_master_slaves master_name,master_address Replicas that Sentinel knows.
    gauge redis_sentinel_master_ok_slaves master_name,master_address Replicas that Sentinel does not find down.
    gauge redis_sentinel_master_sentinels master_name,master_address Sentinels that watch the primary.
    gauge redis_sentinel_master_ok_sentinels master_name,master_address Sentinels that are not down, this one included.
    gauge redis_sentinel_master_ckquorum_status master_name,message 1 when a quorum and a majority of Sentinels can be reached.
    gauge redis_sentinel_master_setting_ckquorum master_name,master_address Sentinels that must find the primary down.
    gauge redis_sentinel_master_setting_failover_timeout master_name,master_address Sentinel's failover-timeout, milliseconds.
    gauge redis_sentinel_master_setting_parallel_syncs master_name,master_address Replicas that take a new primary at a time.
    gauge redis_sentinel_master_setting_down_after_milliseconds master_name,master_address Silence after which it is found down.
    gauge redis_sentinel_master_config_epoch master_name,master_address Grows with every failover of the primary.
    gauge redis_sentinel_master_last_ok_ping_reply_seconds master_name,master_address Since the primary last answered Sentinel.
    gauge redis_exporter_last_scrape_error err 1 when the latest collection of the node failed.
    gauge redis_exporter_last_scrape_duration_seconds - How long the latest collection of the node took.
    counter redis_exporter_scrapes_total - Collections of the node.
    summary redis_exporter_scrape_duration_seconds - How long the collections of the node took.
""")

# Families whose names come from the server: CLUSTER INFO, and INFO fields that no table maps.
OPEN_PREFIXES = {"redis_cluster_": "Field {} of CLUSTER INFO.", "redis_info_": "INFO, section and field {}."}
# redis_exporter's names for two of CLUSTER INFO's fields; every other one keeps its own.
CLUSTER_NAMES = {
    "cluster_stats_messages_sent": "redis_cluster_messages_sent_total",
    "cluster_stats_messages_received": "redis_cluster_messages_received_total",
}

# Prefixes of error replies by which a server refuses to write: an alert reads them by name.
REFUSED_WRITES = ("NOREPLICAS", "MISCONF", "OOM")
# And that by which a replica does: another alert reads it.
REFUSED_BY_REPLICA = "READONLY"
# By which it refuses a login, a command without one, and one that the user has no right to.
DENIED = ("WRONGPASS", "NOAUTH", "NOPERM")
