"""Rule tests that follow from the policy: with them `promtool test rules` proves each threshold and duration. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from alerts import (
    discovery_cases,
    node_down_cases,
    probe_cases,
    prober_cases,
    ratio_cases,
    record_cases,
    recording,
    stack_cases,
)
from alerts.counts import below, labels, node, total_of, whole
from alerts.promql import milliseconds, selector
from alerts.ratio_cases import Ratio
from alerts.rule_cases import Case, Expect, Watch, gauge, suite
from alerts.server import cases as server
from alerts.slo import cases as slo
from policy import metrics
from policy.alerts import ALERTS, BY_NAME, AlertSpec
from policy.model import Policy
from policy.units import plain, seconds

# promtool walks through a test evaluation by evaluation; a `for` of a month is walked in this many steps.
_MAX_EVALUATIONS = 400
_TOO_FEW, _ENOUGH = Decimal("0.999"), Decimal("1.001")


def suites(policy: Policy) -> dict[str, dict[str, Any]]:
    """Test files by the stem of the rule file that they test."""
    ratios = {"hit_rate": _hit_rate(policy), "latency": probe_cases.ratios(policy), "memory": _memory(policy)}
    evaluation = milliseconds(policy.rules.liveness_evaluation)
    return {
        "node_down": suite("node_down", evaluation, node_down_cases.cases(policy)),
        "failover": _server_suite(policy, "failover", policy.rules.liveness_interval),
        **{stem: _ratio_suite(policy, stem, found) for stem, found in ratios.items()},
        "server": _server_suite(policy, "server", policy.rules.interval),
        "discovery": _discovery_suite(policy),
        "prober": suite("prober", evaluation, prober_cases.silent(policy)),
        "stack": suite("stack", (step := milliseconds(policy.rules.interval)), stack_cases.cases(policy, step)),
        **slo.suites(policy),
    }


def _ratio_suite(policy: Policy, stem: str, ratios: tuple[Ratio, ...]) -> dict[str, Any]:
    step = _step(policy.rules.interval, max(milliseconds(ratio.hold) for ratio in ratios))
    cases = [case for ratio in ratios for case in ratio_cases.cases(ratio, step)]
    if stem == "latency":
        cases += probe_cases.more(policy, step)
        cases += record_cases.latency(policy, node(policy), step)
        cases += record_cases.availability(policy, node(policy), step)
    if stem == "hit_rate":
        cases += [case for ratio in ratios for case in _few_requests(policy, ratio, step)]
        cases += record_cases.hit_rate(policy, node(policy), step)
    if stem == "memory":
        cases += [_no_limit(policy, ratio, step) for ratio in ratios]
        cases += _makes_room(policy, ratios[-1], step)
        cases += [case for ratio in ratios for case in _of_a_pair(policy, ratio, step)]
    return suite(stem, step, cases)


def _server_suite(policy: Policy, stem: str, interval: timedelta) -> dict[str, Any]:
    step = _step(interval, server.longest(policy, stem))
    return suite(stem, step, {"failover": server.failover, "server": server.server}[stem](policy, step))


def _discovery_suite(policy: Policy) -> dict[str, Any]:
    step = _step(policy.rules.interval, milliseconds(policy.rules.discovery_grace))
    return suite("discovery", step, discovery_cases.cases(policy, step))


def _step(evaluated: timedelta, hold: int) -> int:
    """Milliseconds between two evaluations of a test of an alert that waits for `hold`."""
    interval = milliseconds(evaluated)
    return interval * max(1, -(-hold // (interval * _MAX_EVALUATIONS)))


def _hit_rate(policy: Policy) -> tuple[Ratio, ...]:
    row = policy.thresholds.hit_rate
    rows = (("CacheLowHitRate", row.warning), ("CacheVeryLowHitRate", row.critical))
    return tuple(_hit_rate_of(policy, BY_NAME[name], level.below, level.for_) for name, level in rows)


def _hit_rate_of(policy: Policy, spec: AlertSpec, least: Decimal, hold: timedelta) -> Ratio:
    # At the start of its series a rate is underestimated, down to a quarter: twice that is well above the minimum.
    total = total_of(least, at_least=8 * _least(policy))
    over, under = below(least, total)
    record = selector(recording.FLEET_HIT_RATIO, fleet=policy.fleet.name)

    def series(hits: int) -> dict[str, int]:
        names = (selector(metric.name, **node(policy)) for metric in (metrics.HITS, metrics.MISSES))
        return dict(zip(names, (hits, total - hits), strict=True))

    of_fleet, broken = labels(spec, {"fleet": policy.fleet.name}), f"{record} < {plain(least)}"
    return Ratio(spec.name, of_fleet, hold, over, under, record, broken, series, policy.rules.rate_window)


def _least(policy: Policy) -> Decimal:
    """Requests between two samples below which the hit rate is not judged."""
    sample = Decimal(milliseconds(policy.rules.rate_window) // 4) / 1000
    return policy.health.min_requests * sample / seconds(policy.health.window)


def _few_requests(policy: Policy, ratio: Ratio, step: int) -> Iterator[Case]:
    """Nothing but misses: of requests a thousandth below the minimum, and a thousandth above."""
    when = ratio_cases.times(ratio, step)
    watch = Watch(ratio.name)
    few, enough = (_only_misses(policy, share * _least(policy), when.samples) for share in (_TOO_FEW, _ENOUGH))
    yield Case(f"{ratio.name}: silent with too few requests", when.sample, few, (watch.silent_until(when.end),))
    if ratio.over is not None:
        expects = (watch.firing(when.end, ratio.labels),)
        yield Case(f"{ratio.name}: fires with just enough requests", when.sample, enough, expects)


def _only_misses(policy: Policy, each: Decimal, samples: int) -> dict[str, str]:
    """Counters of which one stands still; the other grows by `each`, which promtool lets be a fraction."""
    own = node(policy)
    return {
        selector(metrics.HITS.name, **own): gauge(0, samples),
        selector(metrics.MISSES.name, **own): f"0+{plain(round(each, 12))}x{samples - 1}",
    }


def _no_limit(policy: Policy, ratio: Ratio, step: int) -> Case:
    """A limit of 0 is none, and a share of it would be infinite."""
    when = ratio_cases.times(ratio, step)
    used, limit = ratio.series(1)
    series = {used: gauge(1, when.samples), limit: gauge(0, when.samples)}
    expects = (Watch(ratio.name).silent_until(when.end), Expect(when.end, ratio.record))
    return Case(f"{ratio.name}: silent without a limit", when.sample, series, expects)


def _memory(policy: Policy) -> tuple[Ratio, ...]:
    return tuple(_memory_of(policy, spec) for spec in ALERTS if spec.row == "memory")


def _memory_of(policy: Policy, spec: AlertSpec) -> Ratio:
    level = getattr(policy.thresholds.memory, spec.severity)
    total = total_of(level.above)
    record = selector(recording.MEMORY_RATIO, fleet=policy.fleet.name)

    def series(used: int) -> dict[str, int]:
        return _used_of(policy, used, total, "maxmemory")

    over = whole(level.above * total, ROUND_FLOOR) + 1
    under = max(0, whole(level.above * total, ROUND_CEILING) - 1)
    of_node, broken, window = labels(spec, node(policy)), f"{record} > {plain(level.above)}", policy.rules.rate_window
    return Ratio(spec.name, of_node, level.for_, over, under, record, broken, series, window, counters=False)


def _used_of(policy: Policy, used: int, limit: int, source: str) -> dict[str, int]:
    return _used_by(node(policy), used, limit, source)


def _used_by(own: dict[str, str], used: int, limit: int, source: str) -> dict[str, int]:
    return {
        selector(metrics.MEMORY_USED.name, **own): used,
        selector(metrics.MEMORY_LIMIT.name, **own, source=source): limit,
    }


def _makes_room(policy: Policy, ratio: Ratio, step: int) -> Iterator[Case]:
    """A full node that may evict any key, with a maxmemory at which it does, pages nobody; every other full node does."""
    when, watch = ratio_cases.times(ratio, step), Watch(ratio.name)
    fires, silent = (watch.firing(when.end, ratio.labels),), (watch.silent_until(when.end),)
    ways = {
        "silent about a node that evicts": ("allkeys-lru", "maxmemory", silent),
        "fires on a node that evicts only some keys": ("volatile-lru", "maxmemory", fires),
        "fires on a node that evicts none": ("noeviction", "maxmemory", fires),
        "fires where no maxmemory makes it evict": ("allkeys-lru", "system", fires),
    }
    for promise, (evicts, source, expects) in ways.items():
        mode = selector(metrics.INSTANCE_INFO.name, **node(policy), maxmemory_policy=evicts)
        scene = {**_used_of(policy, 101, 100, source), mode: 1}
        series = {name: gauge(value, when.samples) for name, value in scene.items()}
        yield Case(f"{ratio.name}: {promise}", when.sample, series, expects)


def _of_a_pair(policy: Policy, ratio: Ratio, step: int) -> Iterator[Case]:
    """Of a primary and its replica that are both full the primary's alert tells; a replica that is full alone has its own."""
    when, watch = ratio_cases.times(ratio, step), Watch(ratio.name)
    spec = BY_NAME[ratio.name]
    level = getattr(policy.thresholds.memory, spec.severity).above
    total = total_of(level)
    full, at = total + 1, whole(level * total, ROUND_FLOOR)
    for promise, primary, shard, mode, told in (
        ("once for a full primary and its replica", ratio.over or full, "a", "noeviction", (1,)),
        ("on a full replica whose primary is not", ratio.under, "a", "noeviction", (2,)),
        ("on a full replica whose primary is at the threshold itself", at, "a", "noeviction", (2,)),
        ("on each of two nodes of which nobody knows that they are a pair", full, "", "noeviction", (1, 2)),
        ("on a full replica whose primary evicts", full, "a", "allkeys-lru", (2,) if spec.pages else (1,)),
    ):
        pair = [{**node(policy), "shard": shard, "instance": f"192.0.2.{number}:6379"} for number in (1, 2)]
        scene = {
            **_used_by(pair[0], primary, total, "maxmemory"),
            **_used_by(pair[1], full, total, "maxmemory"),
            selector(metrics.NODE_ROLE.name, **pair[0], role="primary"): 1,
            selector(metrics.NODE_ROLE.name, **pair[1], role="replica"): 1,
            selector(metrics.INSTANCE_INFO.name, **pair[0], maxmemory_policy=mode): 1,
        }
        series = {name: gauge(value, when.samples) for name, value in scene.items()}
        alerts = [labels(spec, pair[number - 1]) for number in told]
        yield Case(f"{ratio.name}: fires {promise}", when.sample, series, (watch.firing(when.end, *alerts),))
