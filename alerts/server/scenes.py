"""The scenes that prove the alerts about Redis itself: for each, one in which it fires and one in which it just does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from alerts.node_down import verdict_memory
from alerts.promql import milliseconds, selector
from alerts.rule_cases import Labels
from alerts.server import facts
from alerts.server.conditions import PERSISTENCE, SLOTS
from alerts.server.proof import Proof, Values
from policy import metrics
from policy.alerts import BY_NAME
from policy.model import Policy
from policy.units import seconds

_LITTLE = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class Cast:
    """A shard of a primary and a replica, and how long last words count, in milliseconds: of the fast and slow scrape."""

    policy: Policy
    primary: Labels
    replica: Labels
    fast: int
    slow: int

    @classmethod
    def of(cls, policy: Policy) -> Cast:
        """Two nodes under the first name that the policy has for a shard."""
        fleet = policy.fleet
        masters = fleet.sentinel.masters if fleet.sentinel is not None else None
        named = (*(node.shard for node in fleet.nodes if node.shard), *(masters or ()))
        shard = next((name for name in named if name not in fleet.primary_elsewhere), "")
        one, two = ({"fleet": fleet.name, "shard": shard, "instance": f"192.0.2.{n}:6379"} for n in (1, 2))
        return cls(policy, one, two, milliseconds(verdict_memory(policy)), milliseconds(facts.memory(policy)))

    def alert(self, name: str, **labels: str) -> Labels:
        """The labels of an alert of the fleet, with more of its own."""
        spec = BY_NAME[name]
        return {"severity": spec.severity, "action": spec.action, "fleet": self.policy.fleet.name, **labels}

    def of_shard(self, name: str) -> Labels:
        """The labels of an alert of the shard."""
        return self.alert(name, shard=self.primary["shard"])

    def of_primary(self, name: str) -> Labels:
        """The labels of an alert of the primary."""
        return self.alert(name, **self.primary)

    def up(self, node: Labels) -> str:
        """The verdict on a node."""
        return selector(metrics.NODE_UP.name, **node)

    def role(self, node: Labels, role: str) -> str:
        """The role of a node."""
        return selector(metrics.NODE_ROLE.name, **node, role=role)

    def info(self, node: Labels) -> str:
        """Whether a node's INFO was got."""
        return selector(metrics.COLLECT_SUCCESS.name, **node, part="info")

    def lone(self, shard: str) -> Values:
        """A replica of a shard, alone."""
        node = {**self.replica, "shard": shard}
        return {self.up(node): 1, self.role(node, "replica"): 1}

    def pair(self, primary_up: int = 1, replica_up: int = 1) -> Values:
        """Both nodes, with their roles."""
        return {
            self.up(self.primary): primary_up,
            self.role(self.primary, "primary"): 1,
            self.up(self.replica): replica_up,
            self.role(self.replica, "replica"): 1,
        }


def failover(cast: Cast) -> Iterator[Proof]:
    """Proofs of the alerts in the fast file that stand on gauges."""
    yield _failover_overdue(cast)
    yield from _slots(cast)
    yield _replicas_missing(cast)
    if not cast.primary["shard"] and cast.policy.alerts.replicas.expected is None:
        yield _led_twice(cast)


def server(cast: Cast) -> Iterator[Proof]:
    """Proofs of the alerts in the slow file that stand on gauges."""
    yield _link(cast)
    yield _lag(cast)
    yield _clients(cast)
    yield from _persistence(cast)
    yield _fragmentation(cast)
    yield from _nodes_differ(cast)
    yield _collection(cast)


def _failover_overdue(cast: Cast) -> Proof:
    name = "CacheFailoverOverdue"
    alone = {cast.up(cast.primary): 0, cast.role(cast.primary, "primary"): 1}
    promoted = {**cast.pair(0), cast.role(cast.replica, "primary"): 1}
    replica = {cast.up(cast.replica): 1, cast.role(cast.replica, "replica"): 1}
    refuses = {**replica, cast.up(cast.primary): 1, cast.info(cast.primary): 0}
    elsewhere = {**cast.primary, "shard": "another", "instance": "192.0.2.3:6379"}
    far = {
        f"about {shard}, whose primary is elsewhere": cast.lone(shard) for shard in cast.policy.fleet.primary_elsewhere
    }
    return Proof(
        name,
        cast.of_shard(name),
        milliseconds(cast.policy.alerts.failover.for_),
        cast.pair(0),
        cast.pair(),
        {cast.up(cast.replica): cast.fast, cast.role(cast.replica, "replica"): cast.fast},
        {
            "about a shard of which every node has its own page": cast.pair(0, 0),
            "about a node that has no replica": alone,
            "when the replica was promoted": promoted,
            "about a shard of which a node does not say what it is": refuses,
            **far,
        },
        {
            "whatever a dead node did not say": {**cast.pair(0), cast.info(cast.primary): 0},
            "when every node says what it is": {**refuses, cast.info(cast.primary): 1},
            "whatever a replica's last collection missed": {**cast.pair(0), cast.info(cast.replica): 0},
            "whatever a node of another shard does not say": {
                **cast.pair(0),
                cast.up(elsewhere): 1,
                cast.info(elsewhere): 0,
            },
        },
    )


def _slots(cast: Cast) -> Iterator[Proof]:
    name = "CacheSlotsUncovered"
    hold = milliseconds(cast.policy.alerts.slots.for_)
    other = {**cast.primary, "shard": "another", "instance": "192.0.2.3:6379"}
    ok, assigned = (selector(f"redis_cluster_slots_{what}", **cast.primary) for what in ("ok", "assigned"))
    cut_off = selector("redis_cluster_slots_ok", **cast.replica)
    whole = {**cast.pair(), ok: SLOTS, assigned: SLOTS}
    lost = {cast.up(other): 0, cast.role(other, "primary"): 1}
    dead = {**cast.pair(1, 0), selector("redis_cluster_slots_assigned", **cast.replica): SLOTS}
    yield Proof(
        name,
        cast.alert(name),
        hold,
        {**whole, assigned: SLOTS - 1},
        whole,
        {assigned: cast.slow, cast.up(cast.primary): cast.fast},
        fires={
            "whatever else is down": {**whole, **lost, assigned: SLOTS - 1},
            "whatever a dead node said last": {**dead, ok: SLOTS, assigned: SLOTS - 1},
        },
        what="of nobody",
    )
    yield Proof(
        name,
        cast.alert(name),
        hold,
        {**whole, ok: SLOTS - 1},
        whole,
        {ok: cast.slow},
        {
            "about the slots of a primary that is down": {**whole, **lost, ok: SLOTS - 1},
            "about one node that is cut off": {**whole, cut_off: 0},
        },
        what="not served",
    )


def _led_twice(cast: Cast) -> Proof:
    """Of a shard whose name is learned, not listed: a second primary is a replica that is missing."""
    name = "CacheReplicasMissing"
    one, two = ({**node, "shard": "learned"} for node in (cast.primary, cast.replica))
    up = {cast.up(one): 1, cast.up(two): 1, cast.role(one, "primary"): 1}
    connected = selector("redis_connected_slaves", **one)
    over = {**up, cast.role(two, "primary"): 1, connected: 0}
    under = {**up, cast.role(two, "replica"): 1, connected: 1}
    hold, labels = milliseconds(cast.policy.alerts.replicas.for_), cast.alert(name, shard="learned")
    return Proof(name, labels, hold, over, under, {}, what="a second primary")


def _replicas_missing(cast: Cast) -> Proof:
    name, wanted = "CacheReplicasMissing", cast.policy.alerts.replicas
    connected = selector("redis_connected_slaves", **cast.primary)
    enough = wanted.expected or 1
    needed = {
        connected: cast.slow,
        cast.up(cast.primary): cast.fast,
        cast.role(cast.primary, "primary"): cast.fast,
        **({} if wanted.expected else {cast.up(cast.replica): cast.fast}),
    }
    over = {**cast.pair(), connected: enough - 1}
    of_dead = {selector("redis_connected_slaves", **cast.replica): enough, cast.up(cast.replica): 0}
    link = selector("redis_master_link_up", **cast.replica, master_host="a", master_port="6379")
    cut, dead = {**over, link: 0}, {cast.up(cast.replica): 0, link: 0}
    third = {**cast.primary, "instance": "192.0.2.3:6379"}
    two = {**cut, connected: max(0, enough - 2), cast.up(third): 1}
    beside = {"about one beside a replica that is cut off": two} if wanted.expected != 1 else {}
    both = {**{cast.role(each, "primary"): 1 for each in (cast.primary, cast.replica)}, connected: 0}
    both |= {cast.up(each): 1 for each in (cast.primary, cast.replica)}
    fires_twice = bool(cast.primary["shard"] or wanted.expected)
    led_twice = "about two primaries in one shard" if cast.primary["shard"] else "about primaries of no shard"
    sentinel = {**cast.primary, "instance": "192.0.2.9:26379"}
    mode = selector(metrics.INSTANCE_INFO.name, **sentinel, redis_mode="sentinel")
    return Proof(
        name,
        cast.of_shard(name),
        milliseconds(wanted.for_),
        over,
        {**cast.pair(), connected: enough},
        needed,
        {
            "while nobody is primary": {**cast.pair(0), connected: enough - 1},
            "about a replica that says itself that it is cut off": cut,
            "about a Sentinel in the list of nodes": {**cast.pair(), connected: enough, cast.up(sentinel): 1, mode: 1},
            **({} if fires_twice else {led_twice: both}),
        },
        {
            **({led_twice: both} if fires_twice else {}),
            "whatever a dead node said last": {**over, **of_dead},
            "whatever a dead replica said last of its link": {**over, **dead},
            "about one beside a replica whose link is fine": {**over, link: 1},
            **beside,
        },
    )


def _link(cast: Cast) -> Proof:
    name = "CacheReplicaLinkDown"
    link, new = (
        selector("redis_master_link_up", **cast.primary, master_host=host, master_port="6379") for host in ("a", "b")
    )
    hold = milliseconds(cast.policy.alerts.replica_link.for_)
    moved = {"about a link that another took the place of": {link: 0, new: 1}}
    return Proof(name, cast.of_primary(name), hold, {link: 0}, {link: 1}, {link: cast.slow}, moved)


def _lag(cast: Cast) -> Proof:
    name, level = "CacheReplicationLag", cast.policy.alerts.replication_lag
    who = {"slave_ip": "192.0.2.2", "slave_port": "6379"}
    lag = selector("redis_connected_slave_lag_seconds", **cast.primary, **who, slave_state="online")
    labels = {**cast.of_primary(name), **who}
    most, needed = seconds(level.above), {lag: cast.slow}
    return Proof(name, labels, milliseconds(level.for_), {lag: most + _LITTLE}, {lag: most}, needed)


def _clients(cast: Cast) -> Proof:
    name, level = "CacheClientsNearLimit", cast.policy.alerts.clients
    used, most = (selector(f"redis_{what}", **cast.primary) for what in ("connected_clients", "config_maxclients"))
    total = 10**9
    over, under = (
        int((level.above * total).to_integral_value(rounding)) + more
        for rounding, more in ((ROUND_FLOOR, 1), (ROUND_CEILING, -1))
    )
    return Proof(
        name,
        cast.of_primary(name),
        milliseconds(level.for_),
        {used: over, most: total},
        {used: under, most: total},
        {used: cast.slow, most: cast.slow},
        {
            "at the threshold itself": {used: int(level.above * total), most: total},
            "where no limit is known": {used: over, most: 0},
        },
    )


def _persistence(cast: Cast) -> Iterator[Proof]:
    name = "CachePersistenceFailed"
    hold = milliseconds(cast.policy.alerts.persistence.for_)
    fine = {selector(status, **cast.primary): 1 for status in PERSISTENCE}
    for status in fine:
        what = status.partition("{")[0]
        yield Proof(name, cast.of_primary(name), hold, {**fine, status: 0}, fine, {status: cast.slow}, what=what)


def _fragmentation(cast: Cast) -> Proof:
    name, level = "CacheMemoryFragmentation", cast.policy.alerts.fragmentation
    ratio, used = (
        selector(f"redis_{what}", **cast.primary) for what in ("mem_fragmentation_ratio", "memory_used_bytes")
    )
    over: dict[str, Decimal | int] = {ratio: level.above + _LITTLE, used: level.from_}
    return Proof(
        name,
        cast.of_primary(name),
        milliseconds(level.for_),
        over,
        {**over, ratio: level.above},
        {ratio: cast.slow, used: cast.slow},
        {"about few data": {**over, used: level.from_ - 1}},
    )


def _nodes_differ(cast: Cast) -> Iterator[Proof]:
    name = "CacheNodesDiffer"
    hold = milliseconds(cast.policy.alerts.nodes_differ.for_)
    usual = {
        "redis_version": "7.2.4",
        "valkey_version": "9.0.1",
        "maxmemory_policy": "allkeys-lru",
        "redis_mode": "standalone",
    }

    def info(node: Labels, **labels: str) -> str:
        return selector(metrics.INSTANCE_INFO.name, **{**node, **usual, **labels})

    same = {info(cast.primary): 1, info(cast.replica): 1}
    for label, value in (("redis_version", "7.0.15"), ("valkey_version", "9.1.2"), ("maxmemory_policy", "noeviction")):
        other = info(cast.replica, **{label: value})
        sentinel = info(cast.replica, redis_mode="sentinel", **{label: value})
        over = {info(cast.primary): 1, other: 1}
        silent = {"about a Sentinel in the list of nodes": {info(cast.primary): 1, sentinel: 1}}
        if label == "valkey_version":
            silent["about a version that a node of Redis has not"] = {
                info(cast.primary, valkey_version=""): 1,
                other: 1,
            }
        labels = cast.alert(name, differ=label)
        yield Proof(name, labels, hold, over, same, {other: cast.slow}, silent, lingers=cast.slow, what=label)
    yield _sizes_differ(cast, hold)


def _collection(cast: Cast) -> Proof:
    name, up, info = "CacheCollectionFailing", cast.up(cast.primary), cast.info(cast.primary)
    config, enters = (
        selector(metrics.COLLECT_SUCCESS.name, **cast.primary, part=part) for part in ("config", "connect")
    )
    return Proof(
        name,
        cast.of_primary(name),
        milliseconds(cast.policy.alerts.collection.for_),
        {info: 0, up: 1},
        {info: 1, enters: 1, up: 1},
        {info: cast.fast, up: cast.fast},
        {
            "about a node that is down": {info: 0, enters: 0, up: 0},
            "about a part beside INFO": {config: 0, info: 1, enters: 1, up: 1},
        },
        {"about a node that takes no new connection": {enters: 0, info: 1, up: 1}},
    )


def _sizes_differ(cast: Cast, hold: int) -> Proof:
    name, shard = "CacheNodesDiffer", cast.primary["shard"] or "s"
    one, two, far, *alone = (
        selector("redis_memory_max_bytes", **node)
        for node in (
            {**cast.primary, "shard": shard},
            {**cast.replica, "shard": shard},
            {**cast.replica, "shard": "far"},
            {**cast.primary, "shard": ""},
            {**cast.replica, "shard": ""},
        )
    )
    labels = cast.alert(name, shard=shard, differ="maxmemory")
    silent = {
        "about the sizes of two shards": {one: 100, far: 101},
        "about nodes of which nobody says what shard they are": dict(zip(alone, (100, 101), strict=True)),
    }
    needed = {one: cast.slow, two: cast.slow}
    return Proof(name, labels, hold, {one: 100, two: 101}, {one: 100, two: 100}, needed, silent, what="maxmemory")
