"""What the alerts about Redis itself tolerate, and for how long, beside the rows of the thresholds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import Field, model_validator

from policy.base import Fault, Model, merge
from policy.units import Bytes, Duration, Factor, Rate, Ratio, parse_duration

DEFAULTS: dict[str, dict[str, Any]] = {
    # A node that crashes at each start is down, up and down again: one page, not one for each round.
    "node_down": {"keep_firing_for": "1m"},
    # A replica that restarts takes its copy and is back within one or two minutes.
    "replica_link": {"for": "3m"},
    # Its own restart, its primary's, a failover: each brings a replica back once or twice.
    "replica_flapping": {"above": 4, "within": "30m"},
    # A replica acknowledges each second; Redis gives it up after repl-timeout, 60 s by default.
    "replication_lag": {"above": "10s", "for": "3m"},
    # The seed's second RTO, "Cluster fully recovered" at T+5min: the count of replicas is restored.
    "replicas": {"for": "5m"},
    # The seed's RTO: "< 1 minute (automatic failover)".
    "failover": {"for": "60s"},
    # The old primary of a planned failover refuses writes for some seconds before its new role is known.
    "writes_refused": {"for": "30s"},
    # Callers of a planned failover follow within seconds; a job that is wrong, or somebody's mistake, is over in minutes.
    "writes_to_replica": {"for": "5m"},
    # A full cache evicts: that is no fault. So many keys a second, for so long, is a cache that is too small.
    "evictions": {"above": "100/s", "within": "5m", "for": "10m"},
    # One caller without its password tries now and then; so many tries for so long are a service that lost its login.
    "access_denied": {"above": "1/s", "within": "5m", "for": "5m"},
    # One thread runs every command. What is left takes a shard's failover, or the next campaign; a nightly job is over by then.
    "main_thread": {"above": "90%", "within": "5m", "for": "10m"},
    # Redis refuses a connection only when maxclients is reached: each one is a caller that got an error.
    "rejected_connections": {"within": "5m"},
    # The first mark of memory, "> 85%": what is left takes one more deployment's worth of connections.
    "clients": {"above": "85%", "for": "5m"},
    # The next save may succeed: by default Redis tries again five seconds after one that failed.
    "persistence": {"for": "2m"},
    # Redis' own advice: above 1.5 is fragmented. What the allocator holds makes the ratio of a small node meaningless.
    "fragmentation": {"above": 1.5, "from": "100MiB", "for": "30m"},
    # A failover of the Cluster takes 1.5 times cluster-node-timeout, 23 s by default; then the seed's RTO counts.
    "slots": {"for": "60s"},
    # A Sentinel restarts in seconds, one after the other.
    "quorum": {"for": "60s"},
    # A rolling restart of all of them is over by then.
    "sentinels": {"for": "5m"},
    # A rolling upgrade of a fleet is over in an hour, or somebody wants to know.
    "nodes_differ": {"for": "1h"},
    # As long as a source of nodes may fail: who changes a node's users mends it in that time, or somebody wants to know.
    "collection": {"for": "5m"},
    # Time for two people's holidays; a certificate of 90 days that renews itself does so with 30 days left.
    "certificate": {"before": "14d"},
}


class Lasting(Model):
    """An alert once it has lasted `for_`."""

    for_: Duration = Field(alias="for")


class NodeDown(Model):
    """A node's page goes on until it has been up for so long; at least while an exporter that restarts is waited for."""

    keep_firing_for: Duration


class Lag(Lasting):
    """A replica whose last acknowledgement is older than `above`."""

    above: Duration

    def _faults(self) -> Iterator[Fault]:
        if self.above < parse_duration("2s"):
            yield "above", "must be at least 2s: a replica acknowledges once a second"


class Flapping(Model):
    """A replica that came back to its primary more often than `above` times `within` so long."""

    above: int = Field(ge=1, le=1000, strict=True)
    within: Duration


class Replicas(Lasting):
    """A shard with fewer connected replicas than `expected`; None: as many as are watched of it."""

    expected: int | None = Field(default=None, ge=1, le=100, strict=True)


class Failover(Lasting):
    """A shard whose replicas live while nobody is primary, for as long as the recovery time objective."""

    def _faults(self) -> Iterator[Fault]:
        if not self.for_:
            yield "for", "must be more than zero: it is the time in which a failover has to succeed"


class Rated(Lasting):
    """More of what is counted a second than `above`, on average of `within`."""

    above: Rate
    within: Duration


class Busy(Rated):
    """A thread that works for more than this share of the time, on average of `within`."""

    above: Ratio

    def _faults(self) -> Iterator[Fault]:
        if not 0 < self.above < 1:
            yield "above", "must lie between 0% and 100%: one thread has no more than the time that there is"


class Rejected(Model):
    """Connections refused `within` so long."""

    within: Duration


class Clients(Lasting):
    """More connections than this share of maxclients."""

    above: Ratio

    def _faults(self) -> Iterator[Fault]:
        if not 0 < self.above < 1:
            yield "above", "must lie between 0% and 100%: at 100% connections are refused already"


class Fragmentation(Lasting):
    """The process holds more than `above` times what the data take; not asked below `from_` bytes of data."""

    above: Factor
    from_: Bytes = Field(alias="from")

    def _faults(self) -> Iterator[Fault]:
        if self.above <= 1:
            yield "above", "must be more than 1: a process holds at least what its data take"


class Certificate(Model):
    """A node's certificate, or the exporter's own, that ends in less than `before`."""

    before: Duration


class RedisAlerts(Model):
    """Every alert about Redis itself; what the file leaves out keeps its default."""

    node_down: NodeDown
    replica_link: Lasting
    replica_flapping: Flapping
    replication_lag: Lag
    replicas: Replicas
    failover: Failover
    writes_refused: Lasting
    writes_to_replica: Lasting
    evictions: Rated
    access_denied: Rated
    main_thread: Busy
    rejected_connections: Rejected
    clients: Clients
    persistence: Lasting
    fragmentation: Fragmentation
    slots: Lasting
    quorum: Lasting
    sentinels: Lasting
    nodes_differ: Lasting
    collection: Lasting
    certificate: Certificate

    @model_validator(mode="before")
    @classmethod
    def _over_the_defaults(cls, data: Any) -> Any:
        return merge(DEFAULTS, data)
