"""Rule tests that follow from the policy: with them `promtool test rules` proves each threshold and duration. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from alerts import discovery_cases, node_down_cases, prober_cases, ratio_cases, record_cases, recording, stack_cases
from alerts.promql import milliseconds, selector
from alerts.ratio_cases import Ratio
from alerts.rule_cases import Case, Expect, Watch, counter, edge, gauge, suite, up_to
from policy import metrics
from policy.alerts import BY_NAME, AlertSpec
from policy.metrics import latency_bounds, le
from policy.model import Policy
from policy.thresholds import Thresholds
from policy.units import plain, seconds

# promtool walks through a test evaluation by evaluation; a `for` of a month is walked in this many steps.
_MAX_EVALUATIONS = 400
_TOO_FEW, _ENOUGH = Decimal("0.999"), Decimal("1.001")
# A node that stands for all of them where none is known before Sentinel has been asked.
SOME_NODE = "192.0.2.1:6379"


def suites(policy: Policy) -> dict[str, dict[str, Any]]:
    """Test files by the stem of the rule file that they test."""
    ratios = {"hit_rate": _hit_rate(policy), "latency": _latency(policy), "memory": _memory(policy)}
    evaluation = milliseconds(policy.rules.liveness_evaluation)
    return {
        "node_down": suite("node_down", evaluation, node_down_cases.cases(policy)),
        **{stem: _ratio_suite(policy, stem, found) for stem, found in ratios.items()},
        "discovery": _discovery_suite(policy),
        "prober": suite("prober", evaluation, prober_cases.silent(policy)),
        "stack": suite("stack", (step := milliseconds(policy.rules.interval)), stack_cases.cases(policy, step)),
    }


def _ratio_suite(policy: Policy, stem: str, ratios: tuple[Ratio, ...]) -> dict[str, Any]:
    step = _step(policy, max(milliseconds(ratio.hold) for ratio in ratios))
    cases = [case for ratio in ratios for case in ratio_cases.cases(policy, ratio, step)]
    if stem == "latency":
        cases += [_down_is_not_slow(policy, ratio, step) for ratio in ratios]
        cases += [case for ratio in ratios for case in _slow_after_down(policy, ratio, step)]
        cases += record_cases.latency(policy, _node(policy), step)
    if stem == "hit_rate":
        cases += [case for ratio in ratios for case in _few_requests(policy, ratio, step)]
        cases += record_cases.hit_rate(policy, _node(policy), step)
    if stem == "memory":
        cases += [_no_limit(policy, ratio, step) for ratio in ratios]
    return suite(stem, step, cases)


def _discovery_suite(policy: Policy) -> dict[str, Any]:
    step = _step(policy, milliseconds(policy.rules.discovery_grace))
    return suite("discovery", step, discovery_cases.cases(policy, step))


def _step(policy: Policy, hold: int) -> int:
    """Milliseconds between two evaluations of a test of an alert that waits for `hold`."""
    interval = milliseconds(policy.rules.interval)
    return interval * max(1, -(-hold // (interval * _MAX_EVALUATIONS)))


def _hit_rate(policy: Policy) -> tuple[Ratio, ...]:
    row = policy.thresholds.hit_rate
    rows = (("CacheLowHitRate", row.warning), ("CacheVeryLowHitRate", row.critical))
    return tuple(_hit_rate_of(policy, BY_NAME[name], level.below, level.for_) for name, level in rows)


def _hit_rate_of(policy: Policy, spec: AlertSpec, below: Decimal, hold: timedelta) -> Ratio:
    # At the start of its series a rate is underestimated, down to a quarter: twice that is well above the minimum.
    total = _total(below, at_least=8 * _least(policy))
    over, under = _below(below, total)
    record = selector(recording.FLEET_HIT_RATIO, fleet=policy.fleet.name)

    def series(hits: int) -> dict[str, int]:
        node = _node(policy)
        names = (selector(metric.name, **node) for metric in (metrics.HITS, metrics.MISSES))
        return dict(zip(names, (hits, total - hits), strict=True))

    labels = _labels(spec, {"fleet": policy.fleet.name})
    return Ratio(spec.name, labels, hold, over, under, record, f"{record} < {plain(below)}", series)


def _least(policy: Policy) -> Decimal:
    """Requests between two samples below which the hit rate is not judged."""
    sample = Decimal(milliseconds(policy.rules.rate_window) // 4) / 1000
    return policy.health.min_requests * sample / seconds(policy.health.window)


def _few_requests(policy: Policy, ratio: Ratio, step: int) -> Iterator[Case]:
    """Nothing but misses: of requests a thousandth below the minimum, and a thousandth above."""
    when = ratio_cases.times(policy, ratio, step)
    watch = Watch(ratio.name)
    few, enough = (_only_misses(policy, share * _least(policy), when.samples) for share in (_TOO_FEW, _ENOUGH))
    yield Case(f"{ratio.name}: silent with too few requests", when.sample, few, (watch.silent_until(when.end),))
    if ratio.over is not None:
        expects = (watch.firing(when.end, ratio.labels),)
        yield Case(f"{ratio.name}: fires with just enough requests", when.sample, enough, expects)


def _only_misses(policy: Policy, each: Decimal, samples: int) -> dict[str, str]:
    """Counters of which one stands still; the other grows by `each`, which promtool lets be a fraction."""
    node = _node(policy)
    return {
        selector(metrics.HITS.name, **node): gauge(0, samples),
        selector(metrics.MISSES.name, **node): f"0+{plain(round(each, 12))}x{samples - 1}",
    }


def _latency(policy: Policy) -> tuple[Ratio, ...]:
    row = policy.thresholds.latency_p95
    rows = (("CacheHighLatency", row.warning), ("CacheVeryHighLatency", row.critical))
    return tuple(_latency_of(policy, BY_NAME[name], level.above, level.for_) for name, level in rows)


def _latency_of(policy: Policy, spec: AlertSpec, above: timedelta, hold: timedelta) -> Ratio:
    share, limit = Thresholds.PERCENTILES["latency_p95"], seconds(above)
    total = _total(share)
    over, under = _below(share, total)
    record = selector(recording.PROBES_WITHIN_RATIO, fleet=policy.fleet.name, le=le(limit))

    def series(within: int) -> dict[str, int]:
        name = metrics.PROBE_DURATION.name
        labels = {**_node(policy), "op": recording.PROBE_OP}
        counts = {le(b): 0 if b < limit else within if b == limit else total for b in latency_bounds(policy)}
        buckets = {selector(f"{name}_bucket", **labels, le=bound): n for bound, n in {**counts, "+Inf": total}.items()}
        return {**buckets, selector(f"{name}_count", **labels): total}

    return Ratio(
        spec.name, _labels(spec, _node(policy)), hold, over, under, record, f"{record} < {plain(share)}", series
    )


def _down_is_not_slow(policy: Policy, ratio: Ratio, step: int) -> Case:
    """All probes of a dead node are slow, and the window remembers it when the node is back; CacheNodeDown spoke."""
    when = ratio_cases.times(policy, ratio, step)
    bad = (when.fires + when.step) // when.sample + 1
    end = up_to(step, bad * when.sample + when.fires + when.window)
    good = end // when.sample + 2 - bad
    verdict = selector(metrics.NODE_UP.name, **_node(policy))
    series = {
        **ratio_cases.turning(ratio, ratio.over or 0, bad, good),
        verdict: f"{gauge(0, bad)} {gauge(1, good)}",
    }
    expects = (Watch(ratio.name).silent_until(end),)
    return Case(f"{ratio.name}: silent about a node that is or was down", when.sample, series, expects)


def _slow_after_down(policy: Policy, ratio: Ratio, step: int) -> Iterator[Case]:
    """A node that was down and is slow since: its wait begins when the window holds no bad verdict any more."""
    if ratio.over is None:
        return
    at = edge(milliseconds(policy.rules.rate_window), step, milliseconds(policy.rules.rate_window) // 4)
    fires = at.outside + up_to(step, milliseconds(ratio.hold))
    samples = fires // at.sample + 2
    verdict = selector(metrics.NODE_UP.name, **_node(policy))
    slow = {name: counter(value, samples) for name, value in ratio.series(ratio.over).items()}
    series = {**slow, verdict: f"{gauge(0, at.last + 1)} {gauge(1, samples)}"}
    expects = Watch(ratio.name).first(fires, step, ratio.labels)
    yield Case(f"{ratio.name}: fires about a node that is slow after it was down", at.sample, series, expects)


def _no_limit(policy: Policy, ratio: Ratio, step: int) -> Case:
    """A limit of 0 is none, and a share of it would be infinite."""
    when = ratio_cases.times(policy, ratio, step)
    used, limit = ratio.series(1)
    series = {used: gauge(1, when.samples), limit: gauge(0, when.samples)}
    expects = (Watch(ratio.name).silent_until(when.end), Expect(when.end, ratio.record))
    return Case(f"{ratio.name}: silent without a limit", when.sample, series, expects)


def _memory(policy: Policy) -> tuple[Ratio, ...]:
    spec, level = BY_NAME["CacheMemoryHigh"], policy.thresholds.memory.warning
    total = _total(level.above)
    record = selector(recording.MEMORY_RATIO, fleet=policy.fleet.name)
    node = _node(policy)

    def series(used: int) -> dict[str, int]:
        limit = selector(metrics.MEMORY_LIMIT.name, **node, source="maxmemory")
        return {selector(metrics.MEMORY_USED.name, **node): used, limit: total}

    over = _whole(level.above * total, ROUND_FLOOR) + 1
    under = max(0, _whole(level.above * total, ROUND_CEILING) - 1)
    broken = f"{record} > {plain(level.above)}"
    return (Ratio(spec.name, _labels(spec, node), level.for_, over, under, record, broken, series, counters=False),)


def _total(ratio: Decimal, at_least: Decimal = Decimal(0)) -> int:
    """So many events that one more or less is a tenth of the threshold's last digit; floats tell them apart."""
    decimals = -int(ratio.normalize().as_tuple().exponent)
    total = int(10 ** min(max(decimals + 1, 3), 9))
    while total < at_least:
        total *= 10
    return total


def _below(threshold: Decimal, total: int) -> tuple[int | None, int]:
    """Nearest counts below the threshold (None below zero) and not below it."""
    over = _whole(threshold * total, ROUND_CEILING) - 1
    return (over if over >= 0 else None), min(total, _whole(threshold * total, ROUND_FLOOR) + 1)


def _whole(number: Decimal, rounding: str) -> int:
    return int(number.to_integral_value(rounding))


def _node(policy: Policy) -> dict[str, str]:
    """The labels of one node of the fleet."""
    fleet = policy.fleet
    if fleet.nodes:
        node = fleet.nodes[0]
        return {"fleet": fleet.name, "shard": node.shard, "instance": node.instance}
    masters = fleet.sentinel.masters if fleet.sentinel else None
    return {"fleet": fleet.name, "shard": masters[0] if masters else "", "instance": SOME_NODE}


def _labels(spec: AlertSpec, of: dict[str, str]) -> dict[str, str]:
    return {"severity": spec.severity, "action": spec.action, **of}
