"""Test cases of recorded ratios: a burst of events is seen for exactly the window, at each level and bound. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from alerts import recording
from alerts.promql import milliseconds, selector
from alerts.rule_cases import Case, Edge, Expect, counter, edge
from policy import metrics
from policy.buckets import latency_bounds
from policy.metrics import le
from policy.model import Policy

# Few, so that a second has less than one: the guard of the divisor is `> 0`, not `> 1`. Counted before it begins.
_HITS, _MISSES, _BEFORE = 3, 1, 1000
_LEVELS = {"fleet": ("fleet",), "shard": ("fleet", "shard"), "instance": ("fleet", "shard", "instance")}


def hit_rate(policy: Policy, node: Mapping[str, str], step: int) -> Iterator[Case]:
    """The hit ratios of fleet, shard and node."""
    at = _edge(policy.rules.rate_window, step)
    counts = {metrics.HITS.name: _HITS, metrics.MISSES.name: _MISSES}
    series = {selector(name, **node): _burst(at, count) for name, count in counts.items()}
    expects = []
    for level, labels in _LEVELS.items():
        record = selector(f"{level}:cache_hit_ratio:rate", fleet=policy.fleet.name)
        own = {name: node[name] for name in labels}
        expects += [_percent(at, record, 100 * _HITS // (_HITS + _MISSES), own), Expect(at.outside, record)]
    yield Case("hit ratios: of exactly the window, and none without requests", at.sample, series, tuple(expects))


def latency(policy: Policy, node: Mapping[str, str], step: int) -> Iterator[Case]:
    """The share of probes within each bound that is recorded."""
    at = _edge(policy.rules.rate_window, step)
    recorded = recording.latency_judged(policy)
    total = len(recorded) + 1
    within = {bound: sum(each <= bound for each in recorded) for bound in latency_bounds(policy)}
    labels = {**node, "op": recording.PROBE_OP}
    name = metrics.PROBE_DURATION.name
    series = {
        **{selector(f"{name}_bucket", **labels, le=le(bound)): _burst(at, count) for bound, count in within.items()},
        selector(f"{name}_count", **labels): _burst(at, total),
    }
    expects = []
    for bound in recorded:
        own = {**node, "le": le(bound)}
        record = selector(recording.PROBES_WITHIN_RATIO, fleet=policy.fleet.name, le=le(bound))
        # Of ten probes at most none is half a thousandth, which the last digit of a float would round.
        share = Expect(
            at.inside, f"round(1000 * {record}) == bool {round(1000 * within[bound] / total)}", (selector("", **own),)
        )
        expects += [share, *(Expect(at.outside, each) for each in (record, _young(policy, le(bound))))]
    yield Case("shares of probes: of exactly the window, and none without probes", at.sample, series, tuple(expects))
    yield from _bounds_change(policy, node, at)


def _young(policy: Policy, bound: str) -> str:
    return selector(recording.PROBES_WITHIN_YOUNG_RATIO, fleet=policy.fleet.name, le=bound)


def _bounds_change(policy: Policy, node: Mapping[str, str], at: Edge) -> Iterator[Case]:
    """All bounds are told from the sample after `at.last` on, as after a reload; or one sample less than the window holds."""
    own, name = {**node, "op": recording.PROBE_OP}, metrics.PROBE_DURATION.name
    samples, newest = at.outside // at.sample + 2, at.outside // at.sample
    probes = {selector(f"{name}_count", **own): counter(1, samples)}
    bounds = {le(bound): selector(f"{name}_bucket", **own, le=le(bound)) for bound in recording.latency_judged(policy)}

    def judged(when: int, bound: str, fairly: bool) -> Iterator[Expect]:
        fair = selector(recording.PROBES_WITHIN_RATIO, fleet=policy.fleet.name, le=bound)
        for record, there in ((fair, fairly), (_young(policy, bound), not fairly)):
            yield Expect(when, f"{record} >= bool 0", (selector("", **node, le=bound),) if there else ())

    def case(promise: str, told: str, fairly: Mapping[int, bool]) -> Case:
        expects = (each for bound in bounds for when, fair in fairly.items() for each in judged(when, bound, fair))
        series = {**probes, **dict.fromkeys(bounds.values(), told)}
        return Case(f"shares of probes: {promise}", at.sample, series, tuple(expects))

    begins = f"_x{at.last + 1} {counter(1, samples)}"
    yield case("none within a bound that is younger than they", begins, {at.inside: False, at.outside: True})
    ends = f"{counter(1, newest)} stale"
    yield case("none within a bound that is told no more", ends, {at.outside: False})


def availability(policy: Policy, node: Mapping[str, str], step: int) -> Iterator[Case]:
    """The share of good health checks."""
    at = _edge(policy.health.window, step)
    counts = {"success": _HITS, "refused": _MISSES}
    series = {
        selector(metrics.HEALTH_CHECKS.name, **node, result=result): _burst(at, count)
        for result, count in counts.items()
    }
    record = selector(recording.AVAILABILITY_RATIO, fleet=policy.fleet.name)
    expects = (_percent(at, record, 100 * _HITS // (_HITS + _MISSES), node), Expect(at.outside, record))
    yield Case("share of good checks: of exactly the window, and none without checks", at.sample, series, expects)


def _edge(window: timedelta, step: int) -> Edge:
    return edge(milliseconds(window), step, milliseconds(window) // 4)


def _burst(at: Edge, count: int) -> str:
    """A counter that grows once, with the sample after the one that leaves. All begin in proportion: see `rate`."""
    before, after = _BEFORE * count, (_BEFORE + 1) * count
    samples = at.outside // at.sample + 2
    return f"{before}+0x{at.last} {after}+0x{samples}"


def _percent(at: Edge, record: str, value: int, labels: Mapping[str, str]) -> Expect:
    return Expect(at.inside, f"round(100 * {record}) == bool {value}", (selector("", **labels),))
