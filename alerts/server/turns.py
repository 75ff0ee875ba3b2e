"""Cases of the alerts about Redis itself in which a fact turns into another, or is told no more. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.promql import milliseconds, selector
from alerts.rule_cases import Case, Watch, gauge, gone, up_to
from alerts.server.proof import Clock
from alerts.server.scenes import Cast
from policy import metrics

_WELL = 4  # samples at the start


def cases(cast: Cast, clock: Clock) -> Iterator[Case]:
    """All of them."""
    yield _all_replicas(cast, clock)
    yield _role_untold(cast, clock)
    yield _silence_untold(cast, clock)
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


def _role_untold(cast: Cast, clock: Clock) -> Case:
    """A primary that answers PING and not INFO stays primary for as long as a restart of the exporter may take."""
    name = "CacheFailoverOverdue"
    hold = milliseconds(cast.policy.alerts.failover.for_)
    known_until = (_WELL - 1) * clock.sample + cast.fast
    fires = clock.first_after(known_until) + up_to(clock.step, hold)
    count = clock.samples(fires)
    series = {key: gauge(1, count) for key in cast.pair()}
    series[cast.role(cast.primary, "primary")] = f"{gauge(1, _WELL)} {gone(count)}"
    last_silent = clock.last_silent(known_until, hold)
    watch = Watch(name)
    expects = (watch.silent_until(last_silent), watch.firing(fires, cast.of_shard(name)))
    return Case(f"{name}: fires when nobody says any more that it is primary", clock.sample, series, expects)


def _silence_untold(cast: Cast, clock: Clock) -> Case:
    """Of a node without a role the exporter says that it got no INFO, then nothing: it may be primary for so long."""
    name = "CacheFailoverOverdue"
    hold = milliseconds(cast.policy.alerts.failover.for_)
    told = _WELL + (((_WELL - 1) * clock.sample + cast.fast) % clock.step == 0)
    known_until = (told - 1) * clock.sample + cast.fast
    fires = clock.first_after(known_until) + up_to(clock.step, hold)
    count = clock.samples(fires)
    replica = (cast.up(cast.replica), cast.role(cast.replica, "replica"))
    series = {key: gauge(1, count) for key in (cast.up(cast.primary), *replica)}
    series[cast.info(cast.primary)] = f"{gauge(0, told)} {gone(count)}"
    watch = Watch(name)
    last_silent = clock.last_silent(known_until, hold)
    expects = (watch.silent_until(last_silent), watch.firing(fires, cast.of_shard(name)))
    return Case(f"{name}: fires about a node of which nothing is told any more", clock.sample, series, expects)


def _sentinel_untold(cast: Cast, clock: Clock) -> Case:
    """A Sentinel among the nodes is known for one while it says so, and for as long as a restart may take."""
    name = "CacheReplicasMissing"
    hold = milliseconds(cast.policy.alerts.replicas.for_)
    sentinel = {**cast.primary, "instance": "192.0.2.9:26379"}
    known_until = (_WELL - 1) * clock.sample + cast.slow
    fires = clock.first_after(known_until) + up_to(clock.step, hold)
    count = clock.samples(fires)
    mode = selector(metrics.INSTANCE_INFO.name, **sentinel, redis_mode="sentinel")
    connected = selector("redis_connected_slaves", **cast.primary)
    series = {key: gauge(1, count) for key in (*cast.pair(), connected, cast.up(sentinel))}
    series[mode] = f"{gauge(1, _WELL)} {gone(count)}"
    last_silent = clock.last_silent(known_until, hold)
    watch = Watch(name)
    expects = (watch.silent_until(last_silent), watch.firing(fires, cast.of_shard(name)))
    return Case(f"{name}: fires about a node that no longer says that it is a Sentinel", clock.sample, series, expects)
