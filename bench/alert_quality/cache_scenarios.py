"""Faults of the cache itself that come slowly, now and then, or to one server of a shard alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from bench.alert_quality import cache_events as events
from bench.alert_quality.lab import Lab, Where
from bench.alert_quality.scenario import Scenario, fault
from sandbox.slow_path import Pace


class _Trouble(Protocol):
    """What goes on until it is ended."""

    def begin(self, lab: Lab) -> str:
        """Begin it."""

    def end(self, lab: Lab) -> str:
        """End it."""


def _going(
    name: str,
    what: str,
    trouble: _Trouble,
    *nodes: str,
    fleet: tuple[str, ...] = (),
    where: Where = "path",
    also: tuple[str, ...] = (),
    patience: float = 120.0,
    stays: float = 0.0,
) -> Scenario:
    begin, end = trouble.begin, trouble.end
    found = fault(name, what, *nodes, begin=begin, end=end, fleet=fleet, also=also, where=where, patience=patience)
    return replace(found, stays=stays)


CACHE_FAULTS: tuple[Scenario, ...] = (
    _going(
        "low-hit-rate",
        "a crawler asks for keys that are in no cache",
        events.Crawler(),
        fleet=("CacheLowHitRate",),
        where="sentinel",
    ),
    _going(
        "slow-commands",
        "a caller of a primary runs scripts of 3.8 ms",
        events.slow_scripts(0.0038, (0.003, 0.008)),
        "CacheHighLatency",
        where="sentinel",
    ),
    _going(
        "rare-slow-command",
        "a script of 80 ms on a primary each 1.9 s",
        events.slow_scripts(0.080, (1.7, 1.9)),
        "CacheVeryHighLatencyP99",
        where="sentinel",
        patience=150.0,
    ),
    _going(
        "left-behind",
        "a shard is failed over, and a caller goes on writing to the old primary",
        events.left_behind(),
        "CacheWritesToReplica",
        where="sentinel",
    ),
    fault(
        "longer-path",
        "the way to a primary takes almost 1 ms longer",
        "CacheHighLatencyP50",
        begin=events.late(Pace(delay=0.0009)),
        end=events.in_time,
        where="path",
    ),
    fault(
        "much-longer-path",
        "the way to a primary takes 3 ms longer",
        "CacheVeryHighLatencyP50",
        begin=events.late(Pace(delay=0.003)),
        end=events.in_time,
        where="path",
    ),
    fault(
        "bumpy-path",
        "one answer of a primary in 30 is 7 ms late",
        "CacheHighLatencyP99",
        begin=events.late(Pace(delay=0.007, nth=30)),
        end=events.in_time,
        patience=150.0,
        where="path",
    ),
    _going(
        "swinging-path",
        "the way to a primary takes 8 ms longer for 14 s, then none for 10 s, and so on",
        events.late_in_turn((Pace(delay=0.008), 14.0), (Pace(), 10.0)),
        "CacheVeryHighLatency",
        stays=80.0,
    ),
    _going(
        "worsening-path",
        "the way to a primary takes 3 ms longer, and 8 ms from 20 s on",
        events.late_in_turn((Pace(delay=0.003), 20.0), (Pace(delay=0.008), 600.0)),
        "CacheVeryHighLatencyP50",
        stays=45.0,
    ),
    _going(
        "cuts",
        "the connections to a replica are cut each 15 s",
        events.cuts(15.0),
        "CacheLowAvailability",
        patience=150.0,
    ),
    _going(
        "stalls",
        "a replica stalls for 1.3 s each 10 s (SIGSTOP)",
        events.stalls(1.3, 8.7),
        "CacheVeryLowAvailability",
        patience=150.0,
    ),
    fault(
        "replica-detached",
        "somebody tells a replica to follow nobody",
        begin=events.detach,
        end=events.attach,
        fleet=("CacheReplicasMissing",),
        where="path",
    ),
    _going(
        "busy-thread",
        "callers of a primary leave its main thread no pause",
        events.busy_thread(0.0012),
        "CacheMainThreadBusy",
        where="sentinel",
        also=("CacheHighLatency", "CacheHighLatencyP50"),
    ),
    _going(
        "access-denied",
        "callers of a primary have the wrong login, and try five times a second",
        events.strangers(0.2),
        "CacheAccessDenied",
    ),
    replace(
        _going(
            "replicas-flap",
            "the replicas are cut off from their primary each 5 s, and come back at once",
            events.replica_cuts(5.0),
            "CacheReplicasFlapping",
        ),
        rest=180.0,  # it is told until its window is over
    ),
    _going(
        "narrow-link",
        "more is written than the link to a replica carries",
        events.NarrowLink(100_000.0, 0.02),
        "CacheReplicationLag",
    ),
    fault(
        "fragmentation",
        "two of three of many small values are deleted",
        "CacheMemoryFragmentation",
        begin=events.fragment,
        end=events.defragment,
        patience=200.0,
        where="path",
    ),
    fault(
        "nodes-differ",
        "a replica has less memory than its primary",
        begin=events.smaller,
        end=events.as_large,
        fleet=("CacheNodesDiffer",),
        patience=400.0,
        where="path",
    ),
    _going(
        "stalls-in-turn",
        "each server stalls for 1.25 s in turn, one each 8 s",
        events.stalls_in_turn(1.25, 6.75),
        fleet=("CacheErrorBudgetBurnFast",),
        patience=240.0,
    ),
)
