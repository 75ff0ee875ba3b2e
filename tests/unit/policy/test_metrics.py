"""The catalogue of series: names as the ecosystem expects them, and buckets that hold every threshold exactly."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from policy import metrics
from policy.buckets import latency_bounds
from policy.loader import parse
from policy.metrics import CATALOGUE, SLI, le
from policy.model import Policy

ALL = list(CATALOGUE.values())
# Types that contradict the name: redis_exporter has them so, and what reads its page reads ours.
ODD_AS_THE_PEERS = {
    f"redis_{name}"
    for name in """
    memory_used_vm_total rdb_saves_total long_lock_waits_total migrate_cached_sockets_total server_threads_total
    dump_payload_sanitizations io_threaded_reads_processed io_threaded_writes_processed storage_provider_read_hits
    storage_provider_read_misses total_error_replies total_reads_processed total_writes_processed
    unexpected_error_replies
    """.split()
}


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: str(metric.name))
def test_a_series_is_named_after_its_origin_its_type_and_its_unit(metric: metrics.Metric) -> None:
    assert re.fullmatch(r"(redis|cache)_[a-z0-9]+(_[a-z0-9]+)*", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter") or metric.name in ODD_AS_THE_PEERS
    assert metric.help.endswith(".")
    assert not set(metric.labels) & {*metrics.NODE_LABELS, "le"}


@pytest.mark.parametrize("metric", SLI, ids=lambda metric: str(metric.name))
def test_what_only_cachewatch_knows_is_called_cache_and_carries_its_unit(metric: metrics.Metric) -> None:
    assert metric.name.startswith("cache_")
    assert metric.unit in ("", *re.split("_", metric.name.removesuffix("_total"))[-1:])


def test_no_series_is_declared_twice() -> None:
    declared = (*SLI, metrics.REDIS_UP, metrics.INSTANCE_INFO, *metrics.LABELLED)
    assert len(CATALOGUE) == len(declared) + len(metrics.NODE_FACTS)


def test_a_family_that_the_server_names_is_declared_by_its_beginning_and_no_other_is() -> None:
    assert metrics.declared("redis_cluster_stats_messages_ping_sent")
    assert metrics.declared("redis_info_stats_total_forks")
    assert metrics.declared("redis_secrets") is None


def test_every_latency_threshold_is_a_bucket_bound_exactly() -> None:
    text = """
thresholds:
  latency_p50: {target: 0.3ms, warning: {above: 0.7ms}, critical: {above: 1.1ms}}
  latency_p99: {target: 3ms, warning: {above: 7ms}, critical: {above: 33ms}}
"""
    bounds = latency_bounds(parse(text, "p.yaml", Path("/")).policy)
    assert {Decimal(n) for n in "0.0003 0.0007 0.0011 0.001 0.002 0.005 0.003 0.007 0.033".split()} <= set(bounds)
    assert list(bounds) == sorted(set(bounds))


def test_the_seeds_buckets_are_these() -> None:
    """Written down: a change of the buckets cuts every recorded series."""
    assert [le(bound) for bound in latency_bounds(Policy())] == (
        "5e-05 0.0001 0.0002 0.0005 0.001 0.002 0.005 0.01 0.02 0.05 0.1 0.2 0.5 1.0 2.0 5.0 10.0".split()
    )
