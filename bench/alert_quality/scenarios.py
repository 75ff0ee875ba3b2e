"""The faults that somebody must be told of, and the harmless events that nobody must, each with what is expected."""

from __future__ import annotations

from typing import Literal

from bench.alert_quality import events
from bench.alert_quality.cache_scenarios import CACHE_FAULTS
from bench.alert_quality.scenario import Scenario, Step, fault
from bench.alert_quality.stack_scenarios import STACK_FAULTS, STACK_HARMLESS


def _fault(
    name: str,
    what: str,
    *nodes: str,
    fleet: tuple[str, ...] = (),
    also: tuple[str, ...] = (),
    begin: Step | None = None,
    end: Step | None = None,
    where: Literal["sentinel", "cluster"] = "sentinel",
    rest: float = 90.0,
) -> Scenario:
    """By default a fault of the demo of that name."""
    begin, end = begin or events.breaking(name), end or events.healing(name)
    return fault(name, what, *nodes, begin=begin, end=end, fleet=fleet, also=also, where=where, rest=rest)


def _harmless(name: str, what: str, begin: Step, end: Step = events.nothing, *, long: bool = False) -> Scenario:
    return Scenario(name, "harmless", what, begin, end, long=long)


# Of a dead node nobody hears that its shard misses a replica: its page says so.
FAULTS: tuple[Scenario, ...] = (
    _fault("node-down", "a primary is killed", "CacheNodeDown"),
    _fault("node-hang", "a primary hangs (SIGSTOP)", "CacheNodeDown"),
    _fault("latency", "slow scripts on a primary", "CacheVeryHighLatency"),
    _fault("replica-down", "a replica is killed", "CacheNodeDown"),
    # The primary refuses the commands of replication, twice a second: that is told as well, if it lasts.
    _fault(
        "replica-cut",
        "a replica and its primary lose each other",
        "CacheReplicaLinkDown",
        also=("CacheAccessDenied",),
    ),
    _fault("memory", "the memory of a primary that evicts is nearly full", "CacheMemoryHigh"),
    _fault(
        "memory-for-good",
        "the memory of a primary that does not evict is nearly full",
        "CacheMemoryVeryHigh",
        begin=events.full_for_good,
        end=events.room_again,
    ),
    _fault(
        "memory-and-exporter",
        "the exporter restarts while a primary is nearly full",
        "CacheMemoryVeryHigh",
        begin=events.full_while_the_exporter_restarts,
        end=events.room_again,
    ),
    _fault("evictions", "more is written than fits", "CacheEvictions", "CacheMemoryHigh"),
    _fault("hit-rate", "keys that are in no cache are asked for", fleet=("CacheVeryLowHitRate",)),
    _fault("read-only", "a primary takes no writes", "CacheWritesRefused"),
    _fault("connections", "a primary has no room for connections", "CacheClientsNearLimit", "CacheRejectedConnections"),
    _fault("password", "a replica wants a password that nobody knows", "CacheNodeDown"),
    _fault("persistence", "a primary cannot write its snapshot", "CachePersistenceFailed"),
    _fault(
        "sentinel",
        "one of three Sentinels is killed",
        fleet=("CacheSentinelMissing",),
        begin=events.lose_sentinel,
        end=events.start_sentinel,
    ),
    # Between the return of the one and of the other a Sentinel is missing.
    _fault(
        "sentinels",
        "two of three Sentinels are killed",
        fleet=("CacheSentinelQuorumLost",),
        also=("CacheSentinelMissing",),
    ),
    _fault(
        "no-failover",
        "a primary is killed, and too few Sentinels live to replace it",
        "CacheNodeDown",
        fleet=("CacheSentinelQuorumLost", "CacheFailoverOverdue"),
        also=("CacheReplicasMissing", "CacheSentinelMissing"),
        begin=events.leaderless,
        end=events.led_again,
    ),
    _fault(
        "crash-loop",
        "a replica crashes, is started and crashes again",
        "CacheNodeDown",
        begin=events.crash_loop,
        end=events.healing("replica-down"),
    ),
    _fault("exporter", "the exporter is killed", "CacheNodeDown"),
    _fault(
        "node-and-exporter",
        "the exporter dies while a replica is down",
        "CacheNodeDown",
        begin=events.unwatched_while_down("exporter"),
        end=events.watched_again("exporter"),
    ),
    _fault(
        "node-and-prober",
        "the prober dies, and each new one, while a replica is down",
        "CacheNodeDown",
        also=("CacheProberDown",),
        begin=events.unwatched_while_down("prober"),
        end=events.watched_again("prober"),
    ),
    _fault("prober", "the prober is killed, and each new one", "CacheProberDown"),
    # Prometheus is reloaded for it, and knows no Alertmanager for some seconds: what ends then is told a minute later.
    _fault(
        "metrics",
        "Prometheus refuses the page of node facts (sample_limit)",
        "CacheMetricsMissing",
        begin=events.limit_scrape,
        end=events.lift_limit,
        rest=240.0,
    ),
    _fault(
        "info",
        "a primary refuses INFO to the exporter",
        "CacheCollectionFailing",
        begin=events.refuse_info,
        end=events.permit_info,
    ),
    _fault("notifier", "the notifier is killed", "CacheNotifierDown"),
    _fault(
        "alertmanager-restart",
        "Alertmanager restarts while a node is down",
        "CacheNodeDown",
        begin=events.alertmanager_restart,
        end=events.healing("replica-down"),
    ),
    # Of the slots of a primary that is down nobody hears beside its page.
    _fault(
        "shard-lost",
        "a primary of a Cluster and its replica are killed",
        "CacheNodeDown",
        begin=events.lose_shard,
        end=events.restore_shard,
        where="cluster",
    ),
    _fault(
        "slots",
        "slots of a Cluster belong to nobody",
        fleet=("CacheSlotsUncovered",),
        begin=events.lose_slots,
        end=events.give_slots,
        where="cluster",
    ),
    *CACHE_FAULTS,
    *STACK_FAULTS,
)

HARMLESS: tuple[Scenario, ...] = (
    _harmless("rolling-restart", "every node restarts, one after the other", events.rolling_restart),
    _harmless("planned-failover", "Sentinel is told to fail over", events.planned_failover),
    _harmless("no-traffic", "nobody asks for anything", events.no_traffic, events.traffic_again, long=True),
    _harmless("burst", "five times the traffic", events.burst),
    _harmless("cold-cache", "the cache is emptied", events.cold_cache),
    _harmless("counter-reset", "CONFIG RESETSTAT on every node", events.reset_counters),
    _harmless("slow-query", "one script of 200 ms", events.slow_query),
    _harmless("short-hang", "a primary hangs for 0.7 s", events.short_hang),
    _harmless("exporter-deploy", "the exporter restarts", events.exporter_deploy),
    _harmless("prober-restart", "the prober is killed once", events.prober_once),
    _harmless("prometheus-restart", "Prometheus restarts", events.prometheus_restart),
    _harmless("silence", "a replica dies under a silence", events.silenced_death, events.end_silence, long=True),
    _harmless(
        "clock-step",
        "the clock of the stack jumps an hour ahead, and back",
        events.clock_ahead,
        events.clock_back,
        long=True,
    ),
    *STACK_HARMLESS,
)

SCENARIOS = {scenario.name: scenario for scenario in (*FAULTS, *HARMLESS)}
