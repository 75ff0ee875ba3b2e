"""Cases of the alerts about Redis itself in which a fact turns into another, or is told no more. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.promql import milliseconds, selector
from alerts.rule_cases import Case, Expect, Watch, gauge, gone, up_to
from alerts.server.conditions import conditions
from alerts.server.facts import REPLICA
from alerts.server.proof import Clock, Values, untold
from alerts.server.scenes import Cast
from policy import metrics

_WELL = 4  # samples at the start


def cases(cast: Cast, clock: Clock) -> Iterator[Case]:
    """All of them."""
    yield _all_replicas(cast, clock)
    yield _role_untold(cast, clock)
    yield _promoted(cast, clock)
    yield _shard_given_up(cast, clock)
    yield _silence_untold(cast, clock)
    yield _cut_untold(cast, clock)
    if cast.policy.alerts.replicas.expected is None:
        yield _sentinel_untold(cast, clock)


def _all_replicas(cast: Cast, clock: Clock) -> Case:
    """A primary that was demoted is none from its own first word, whatever it said before."""
    name = "CacheFailoverOverdue"
    fires = up_to(clock.step, _WELL * clock.sample) + up_to(clock.step, milliseconds(cast.policy.alerts.failover.for_))
    count = clock.samples(fires)
    series = {
        cast.up(cast.primary): gauge(1, count),
        cast.role(cast.primary, "primary"): f"{gauge(1, _WELL)} {gone(count)}",
        cast.role(cast.primary, "replica"): f"_x{_WELL} {gauge(1, count)}",
        cast.up(cast.replica): gauge(1, count),
        cast.role(cast.replica, "replica"): gauge(1, count),
    }
    expects = Watch(name).first(fires, clock.step, cast.of_shard(name))
    return Case(f"{name}: fires when every node says that it is a replica", clock.sample, series, expects)


def _promoted(cast: Cast, clock: Clock) -> Case:
    """A replica that was promoted is none from its own first word."""
    before, after = clock.last_before(_WELL * clock.sample), up_to(clock.step, _WELL * clock.sample)
    count = clock.samples(after)
    series = {
        cast.up(cast.replica): gauge(1, count),
        cast.role(cast.replica, "replica"): f"{gauge(1, _WELL)} {gone(count)}",
        cast.role(cast.replica, "primary"): f"_x{_WELL} {gauge(1, count)}",
    }
    record = selector(REPLICA, **cast.replica)
    expects = (Expect(before, record, (record,)), Expect(after, record))
    return Case(f"{REPLICA}: none about a replica that was promoted", clock.sample, series, expects)


def _role_untold(cast: Cast, clock: Clock) -> Case:
    """A primary that answers PING and not INFO stays primary for as long as a restart of the exporter may take."""
    promise, role = "fires when nobody says any more that it is primary", cast.role(cast.primary, "primary")
    return _untold(cast, clock, "CacheFailoverOverdue", promise, {**cast.pair(), role: 1}, role, cast.fast)


def _shard_given_up(cast: Cast, clock: Clock) -> Case:
    """A shard whose slots went to another: both of its nodes are replicas there now, and nobody is missing here."""
    name = "CacheFailoverOverdue"
    until = up_to(clock.step, _WELL * clock.sample + cast.fast) + up_to(
        clock.step, milliseconds(cast.policy.alerts.failover.for_)
    )
    count = clock.samples(until)
    there = [{**node, "shard": "another"} for node in (cast.primary, cast.replica)]
    chief = {**cast.primary, "shard": "another", "instance": "192.0.2.3:6379"}
    series = {fact: f"{gauge(1, _WELL)} stale" for fact in cast.pair()}
    series |= {cast.up(node): f"_x{_WELL} {gauge(1, count)}" for node in there}
    series |= {cast.role(node, "replica"): f"_x{_WELL} {gauge(1, count)}" for node in there}
    series |= {cast.up(chief): gauge(1, count), cast.role(chief, "primary"): gauge(1, count)}
    quiet = (Watch(name).silent_until(until),)
    return Case(f"{name}: silent about a shard that was given up", clock.sample, series, quiet)


def _silence_untold(cast: Cast, clock: Clock) -> Case:
    """Of a node without a role the exporter says that it got no INFO, then nothing: it may be primary for so long."""
    info, replica = cast.info(cast.primary), {cast.up(cast.replica): 1, cast.role(cast.replica, "replica"): 1}
    scene = {**replica, cast.up(cast.primary): 1, info: 0}
    promise = "fires about a node of which nothing is told any more"
    return _untold(cast, clock, "CacheFailoverOverdue", promise, scene, info, cast.fast)


def _sentinel_untold(cast: Cast, clock: Clock) -> Case:
    """A Sentinel among the nodes is known for one while it says so, and for as long as a restart may take."""
    sentinel = {**cast.primary, "instance": "192.0.2.9:26379"}
    mode = selector(metrics.INSTANCE_INFO.name, **sentinel, redis_mode="sentinel")
    connected = selector("redis_connected_slaves", **cast.primary)
    scene = {**cast.pair(), connected: 1, cast.up(sentinel): 1, mode: 1}
    promise = "fires about a node that no longer says that it is a Sentinel"
    return _untold(cast, clock, "CacheReplicasMissing", promise, scene, mode, cast.slow)


def _cut_untold(cast: Cast, clock: Clock) -> Case:
    """A replica that has said that it is cut off is not missed for as long as a restart may take."""
    link = selector("redis_master_link_up", **cast.replica, master_host="a", master_port="6379")
    connected = selector("redis_connected_slaves", **cast.primary)
    scene = {**cast.pair(), connected: (cast.policy.alerts.replicas.expected or 1) - 1, link: 0}
    promise = "fires about a replica that no longer says that it is cut off"
    return _untold(cast, clock, "CacheReplicasMissing", promise, scene, link, cast.slow)


def _untold(cast: Cast, clock: Clock, name: str, promise: str, scene: Values, fact: str, memory: int) -> Case:
    """One fact of a scene keeps an alert of the shard silent."""
    hold = next(milliseconds(each.hold) for each in conditions(cast.policy, "failover") if each.spec.name == name)
    return untold(Watch(name), promise, clock, scene, fact, memory, hold, cast.of_shard(name))
