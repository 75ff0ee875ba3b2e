"""Test cases of the alerts on memory: who is full, who makes room by itself, and what an exporter said last. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR

from alerts import keeping, ratio_cases, recording
from alerts.counts import labels, node, total_of, whole
from alerts.node_down import verdict_memory
from alerts.promql import milliseconds, selector
from alerts.ratio_cases import Ratio
from alerts.rule_cases import LOOKBACK, Case, Expect, Labels, Watch, gauge, gone, up_to
from alerts.server.proof import Clock, Proof, forgets, untold
from policy import metrics
from policy.alerts import ALERTS, BY_NAME, AlertSpec
from policy.model import Policy
from policy.units import plain

_FULL, _LIMIT = 101, 100
_WELL = 4  # samples until a fact is told no more


def ratios(policy: Policy) -> tuple[Ratio, ...]:
    """The alerts on memory, each as one on a ratio of gauges."""
    return tuple(_ratio(policy, spec) for spec in ALERTS if spec.row == "memory")


def _ratio(policy: Policy, spec: AlertSpec) -> Ratio:
    level = getattr(policy.thresholds.memory, spec.severity)
    total = total_of(level.above)
    record = selector(recording.MEMORY_RATIO, fleet=policy.fleet.name)

    def series(used: int) -> dict[str, int]:
        return _used_by(node(policy), used, total)

    over = whole(level.above * total, ROUND_FLOOR) + 1
    under = max(0, whole(level.above * total, ROUND_CEILING) - 1)
    of_node, broken = labels(spec, node(policy)), f"{record} > {plain(level.above)}"
    window = 4 * policy.rules.liveness_interval  # so that samples come as often as the fast scrape brings them
    keep = policy.rules.keep_firing_for
    return Ratio(spec.name, of_node, level.for_, over, under, record, broken, series, window, keep, counters=False)


def _used_by(own: Labels, used: int, limit: int, source: str = "maxmemory") -> dict[str, int]:
    return {
        selector(metrics.MEMORY_USED.name, **own): used,
        selector(metrics.MEMORY_LIMIT.name, **own, source=source): limit,
    }


def more(policy: Policy, found: tuple[Ratio, ...], step: int) -> Iterator[Case]:
    """The cases beside those that every ratio has, evaluated each `step` milliseconds."""
    clock = Clock.between(step, milliseconds(policy.rules.liveness_interval))
    for ratio in found:
        yield _no_limit(ratio, step)
        yield from _of_a_pair(policy, ratio, step)
        yield from _takes_over(policy, ratio, clock)
        yield from _restarts(policy, ratio, clock)
        yield from _roles_untold(policy, ratio, clock)
    yield from _makes_room(policy, found[-1], step)
    yield from _evicts_untold(policy, found[-1], clock)


def _no_limit(ratio: Ratio, step: int) -> Case:
    """A limit of 0 is none, and a share of it would be infinite."""
    when = ratio_cases.times(ratio, step)
    used, limit = ratio.series(1)
    series = {used: gauge(1, when.samples), limit: gauge(0, when.samples)}
    expects = (Watch(ratio.name).silent_until(when.end), Expect(when.end, ratio.record))
    return Case(f"{ratio.name}: silent without a limit", when.sample, series, expects)


def _makes_room(policy: Policy, ratio: Ratio, step: int) -> Iterator[Case]:
    """A full node that makes room by itself pages nobody; one that does not, or does not say, does."""
    when, watch = ratio_cases.times(ratio, step), Watch(ratio.name)
    own, evicts = node(policy), selector(metrics.MEMORY_EVICTS.name, **node(policy))
    for promise, more_series, expect in (
        ("silent about a node that evicts", {evicts: 1}, watch.silent_until(when.end)),
        ("fires on a node that does not evict", {evicts: 0}, watch.firing(when.end, ratio.labels)),
        ("fires on a node that does not say", {}, watch.firing(when.end, ratio.labels)),
    ):
        series = _steady({**_used_by(own, _FULL, _LIMIT), **more_series}, when.samples)
        yield Case(f"{ratio.name}: {promise}", when.sample, series, (expect,))


def _evicts_untold(policy: Policy, ratio: Ratio, clock: Clock) -> Iterator[Case]:
    """A node that evicts is known for one for as long as a restart of the exporter may take."""
    fact = selector(metrics.MEMORY_EVICTS.name, **node(policy))
    scene = {**_used_by(node(policy), _FULL, _LIMIT), fact: 1}
    yield _untold(policy, ratio, clock, scene, fact, "no longer says that it evicts", ratio.labels)
    yield from _waits_for_the_primary(policy, ratio, clock)
    if clock.step < LOOKBACK:
        yield _evicts_no_more(policy, ratio, clock)


def _waits_for_the_primary(policy: Policy, ratio: Ratio, clock: Clock) -> Iterator[Case]:
    """Before the replica's alert fires: its wait ends when the primary's begins."""
    memory = milliseconds(verdict_memory(policy))
    told = _WELL + (((_WELL - 1) * clock.sample + memory) % clock.step == 0)
    forgotten = (told - 1) * clock.sample + memory
    waits, turns = clock.last_before(forgotten), clock.first_after(forgotten)
    if turns >= milliseconds(ratio.hold):
        return  # the replica's alert fires already
    count = clock.samples(turns)
    series = _steady(_pair(policy, (_FULL, _FULL), _LIMIT, evicts=1), count)
    series[selector(metrics.MEMORY_EVICTS.name, **_member(policy, "a", 1))] = f"{gauge(1, told)} {gone(count)}"
    expects = (_pending(policy, ratio, waits, 2), _pending(policy, ratio, turns, 1))
    yield Case(f"{ratio.name}: waits about the node that tells, or that evicts no more", clock.sample, series, expects)


def _pending(policy: Policy, ratio: Ratio, at: int, number: int) -> Expect:
    """One of the pair waits, and no other."""
    waiting = {"alertname": ratio.name, "alertstate": "pending"}
    node = selector("ALERTS", **labels(BY_NAME[ratio.name], _member(policy, "a", number)), **waiting)
    return Expect(at, selector("ALERTS", **waiting), (node,))


def _evicts_no_more(policy: Policy, ratio: Ratio, clock: Clock) -> Case:
    """The same of a primary whose replica is told of."""
    memory = milliseconds(verdict_memory(policy))
    told = up_to(clock.step, milliseconds(ratio.hold)) // clock.sample + 2
    # Where its last word would leave the window with an evaluation, one more: see `Clock.first_after`.
    told += ((told - 1) * clock.sample + memory) % clock.step == 0
    turns = clock.first_after((told - 1) * clock.sample + memory)
    expects = _until_the_primary(policy, ratio, turns, clock.step)
    count = clock.samples(expects[-1].at)
    series = _steady(_pair(policy, (_FULL, _FULL), _LIMIT, evicts=1), count)
    series[selector(metrics.MEMORY_EVICTS.name, **_member(policy, "a", 1))] = f"{gauge(1, told)} {gone(count)}"
    return Case(f"{ratio.name}: fires on a primary that no longer says that it evicts", clock.sample, series, expects)


def _restarts(policy: Policy, ratio: Ratio, clock: Clock) -> Iterator[Case]:
    """What fires goes on while the exporter restarts, and ends when it is away for longer."""
    scene = ratio.series(ratio.over or _FULL)
    memory = milliseconds(verdict_memory(policy))
    proof = Proof(ratio.name, ratio.labels, milliseconds(ratio.hold), scene, {}, dict.fromkeys(scene, memory))
    yield from (forgets(proof, clock, name, memory) for name in scene)


def _of_a_pair(policy: Policy, ratio: Ratio, step: int) -> Iterator[Case]:
    """Of a primary and its replica that are both full the primary's alert tells; a replica that is full alone has its own."""
    when, watch = ratio_cases.times(ratio, step), Watch(ratio.name)
    spec = BY_NAME[ratio.name]
    level = getattr(policy.thresholds.memory, spec.severity).above
    total = total_of(level)
    full, at = total + 1, whole(level * total, ROUND_FLOOR)
    for promise, primary, shard, evicts, told in (
        ("once for a full primary and its replica", ratio.over or full, "a", 0, (1,)),
        ("on a full replica whose primary is not", ratio.under, "a", 0, (2,)),
        ("on a full replica whose primary is at the threshold itself", at, "a", 0, (2,)),
        ("on each of two nodes of which nobody knows that they are a pair", full, "", 0, (1, 2)),
        ("on a full replica whose primary evicts", full, "a", 1, (2,) if spec.pages else (1,)),
    ):
        scene = _pair(policy, (primary, full), total, shard, evicts)
        alerts = [labels(spec, _member(policy, shard, number)) for number in told]
        # From the first evaluation on: in all later ones the primary's own alert would silence the replica's.
        expects = (watch.firing(when.fires, *alerts), watch.firing(when.end, *alerts))
        yield Case(f"{ratio.name}: fires {promise}", when.sample, _steady(scene, when.samples), expects)


def _takes_over(policy: Policy, ratio: Ratio, clock: Clock) -> Iterator[Case]:
    """A replica that is full alone is told of until its primary is; when that is well it waits, and takes over again.

    The primary is well at the threshold itself.
    """
    step, hold = clock.step, up_to(clock.step, milliseconds(ratio.hold))
    if step >= LOOKBACK:
        return  # no alert sees what it did at its last evaluation
    alone = hold // clock.sample + 2
    turns = up_to(step, alone * clock.sample)
    full = (turns + hold + step) // clock.sample + 1 - alone
    waits = up_to(step, (alone + full) * clock.sample) + up_to(step, milliseconds(keeping.alone(policy, ratio.hold)))
    level = getattr(policy.thresholds.memory, BY_NAME[ratio.name].severity).above
    total = total_of(level)
    most, well = ratio.over or total + 1, whole(level * total, ROUND_FLOOR)
    series = _steady(_pair(policy, (well, most), total), waits // clock.sample + 2)
    used = selector(metrics.MEMORY_USED.name, **_member(policy, "a", 1))
    series[used] = f"{gauge(well, alone)} {gauge(most, full)} {series[used]}"
    expects = _until_the_primary(policy, ratio, turns, step)
    if hold:
        expects = (*expects, _pending(policy, ratio, waits, 2))
    yield Case(f"{ratio.name}: goes on about a replica until its primary is told of", clock.sample, series, expects)


def _until_the_primary(policy: Policy, ratio: Ratio, turns: int, step: int) -> tuple[Expect, ...]:
    """The replica's alert fires when the primary's begins its wait, and one evaluation longer than that waits."""
    primary, replica = (labels(BY_NAME[ratio.name], _member(policy, "a", number)) for number in (1, 2))
    watch, speaks = Watch(ratio.name), turns + up_to(step, milliseconds(ratio.hold))
    begins = watch.firing(turns, *([replica] if speaks > turns else [primary, replica]))
    return begins, watch.firing(speaks, primary, replica), watch.firing(speaks + step, primary)


def _member(policy: Policy, shard: str, number: int) -> dict[str, str]:
    """The labels of the first or second node of a pair."""
    return {**node(policy), "shard": shard, "instance": f"192.0.2.{number}:6379"}


def _pair(policy: Policy, used: tuple[int, int], limit: int, shard: str = "a", evicts: int = 0) -> dict[str, int]:
    """A primary that uses so much, and may evict, and its replica."""
    primary, replica = (_member(policy, shard, number) for number in (1, 2))
    return {
        **_used_by(primary, used[0], limit),
        **_used_by(replica, used[1], limit),
        selector(metrics.NODE_ROLE.name, **primary, role="primary"): 1,
        selector(metrics.NODE_ROLE.name, **replica, role="replica"): 1,
        selector(metrics.MEMORY_EVICTS.name, **primary): evicts,
    }


def _roles_untold(policy: Policy, ratio: Ratio, clock: Clock) -> Iterator[Case]:
    """A pair is known for one for as long as a restart may take; whoever is promoted is no replica from then on."""
    scene = _pair(policy, (_FULL, _FULL), _LIMIT)
    primary, replica = (_member(policy, "a", number) for number in (1, 2))
    both = [labels(BY_NAME[ratio.name], each) for each in (primary, replica)]
    for own, role in ((primary, "primary"), (replica, "replica")):
        fact = selector(metrics.NODE_ROLE.name, **own, role=role)
        yield _untold(policy, ratio, clock, scene, fact, f"is no longer told as {role}", *both)
    for own, role, new in ((primary, "primary", "replica"), (replica, "replica", "primary")):
        told = up_to(clock.step, _WELL * clock.sample) + up_to(clock.step, milliseconds(ratio.hold))
        count = clock.samples(told)
        series = _steady(scene, count)
        series[selector(metrics.NODE_ROLE.name, **own, role=role)] = f"{gauge(1, _WELL)} {gone(count)}"
        series[selector(metrics.NODE_ROLE.name, **own, role=new)] = f"_x{_WELL} {gauge(1, count)}"
        expects = (Watch(ratio.name).firing(told, *both),)
        yield Case(f"{ratio.name}: fires on both of a pair whose {role} is {new} now", clock.sample, series, expects)
    yield _role_untold_without_shard(policy, ratio, clock)


def _role_untold_without_shard(policy: Policy, ratio: Ratio, clock: Clock) -> Case:
    """Of which nobody knows that they are a pair, whatever one said of itself last."""
    told = up_to(clock.step, _WELL * clock.sample) + up_to(clock.step, milliseconds(ratio.hold))
    count = clock.samples(told)
    members = [_member(policy, "", number) for number in (1, 2)]
    series = _steady(_pair(policy, (_FULL, _FULL), _LIMIT, ""), count)
    fact = selector(metrics.NODE_ROLE.name, **members[1], role="replica")
    series[fact] = f"{gauge(1, _WELL)} {gone(count)}"
    expects = (Watch(ratio.name).firing(told, *(labels(BY_NAME[ratio.name], each) for each in members)),)
    return Case(
        f"{ratio.name}: fires on a replica without a shard that tells its role no more", clock.sample, series, expects
    )


def _untold(
    policy: Policy, ratio: Ratio, clock: Clock, scene: Mapping[str, int], fact: str, what: str, *alerts: Labels
) -> Case:
    """From its own word on a fact counts for as long as the exporter may be away; then, and the wait later, all is told."""
    memory, hold = milliseconds(verdict_memory(policy)), milliseconds(ratio.hold)
    promise = f"fires on a node that {what}"
    return untold(Watch(ratio.name), promise, clock, scene, fact, memory, hold, *alerts)


def _steady(scene: Mapping[str, int], samples: int) -> dict[str, str]:
    return {name: gauge(value, samples) for name, value in scene.items()}
