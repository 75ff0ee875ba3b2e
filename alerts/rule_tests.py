"""Rule tests that follow from the policy: with them `promtool test rules` proves each threshold and duration. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

from alerts import (
    discovery_cases,
    memory_cases,
    node_down_cases,
    policy_cases,
    probe_cases,
    prober_cases,
    ratio_cases,
    record_cases,
    recording,
    row_cases,
    stack_cases,
)
from alerts.counts import below, labels, node, total_of
from alerts.promql import milliseconds, selector
from alerts.ratio_cases import Ratio
from alerts.rule_cases import Case, Watch, gauge, suite, up_to
from alerts.server import cases as server
from alerts.slo import cases as slo
from policy import metrics
from policy.alerts import BY_NAME, AlertSpec
from policy.model import Policy
from policy.units import plain, seconds

# promtool walks through a test evaluation by evaluation; a `for` of a month is walked in this many steps.
_MAX_EVALUATIONS = 400
_TOO_FEW, _ENOUGH, _TENTH = Decimal("0.999"), Decimal("1.001"), Decimal("0.1")


def suites(policy: Policy) -> dict[str, dict[str, Any]]:
    """Test files by the stem of the rule file that they test."""
    ratios = {
        "hit_rate": _hit_rate(policy),
        "latency": probe_cases.ratios(policy),
        "memory": memory_cases.ratios(policy),
    }
    evaluation = milliseconds(policy.rules.liveness_evaluation)
    return {
        "node_down": suite("node_down", evaluation, node_down_cases.cases(policy)),
        "failover": _server_suite(policy, "failover", policy.rules.liveness_interval),
        **{stem: _ratio_suite(policy, stem, found) for stem, found in ratios.items()},
        "server": _server_suite(policy, "server", policy.rules.interval),
        "discovery": _discovery_suite(policy),
        "policy": _policy_suite(policy),
        "prober": suite("prober", evaluation, prober_cases.silent(policy)),
        "stack": suite("stack", (step := milliseconds(policy.rules.interval)), stack_cases.cases(policy, step)),
        **slo.suites(policy),
    }


def _ratio_suite(policy: Policy, stem: str, ratios: tuple[Ratio, ...]) -> dict[str, Any]:
    step = _step(policy.rules.interval, max(milliseconds(ratio.hold) for ratio in ratios))
    cases = [case for ratio in ratios for case in ratio_cases.cases(ratio, step)]
    cases.append(ratio_cases.nothing(ratios, step))
    if stem == "latency":
        cases += [*probe_cases.more(policy, step), *row_cases.more(policy, step)]
        cases += record_cases.latency(policy, node(policy), step)
        cases += record_cases.availability(policy, node(policy), step)
    if stem == "hit_rate":
        cases += [case for ratio in ratios for case in _few_requests(policy, ratio, step)]
        cases += record_cases.hit_rate(policy, node(policy), step)
    if stem == "memory":
        cases += memory_cases.more(policy, ratios, step)
    return suite(stem, step, cases)


def _server_suite(policy: Policy, stem: str, interval: timedelta) -> dict[str, Any]:
    step = _step(interval, server.longest(policy, stem))
    return suite(stem, step, {"failover": server.failover, "server": server.server}[stem](policy, step))


def _discovery_suite(policy: Policy) -> dict[str, Any]:
    step = _step(policy.rules.interval, milliseconds(policy.rules.discovery_grace))
    return suite("discovery", step, discovery_cases.cases(policy, step))


def _policy_suite(policy: Policy) -> dict[str, Any]:
    step = _step(policy.rules.interval, milliseconds(policy.rules.rollout_grace))
    return suite("policy", step, policy_cases.cases(policy, step))


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
    rules = policy.rules
    return Ratio(
        spec.name, of_fleet, hold, over, under, record, broken, series, rules.rate_window, rules.keep_firing_for
    )


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
        yield from _fewer_requests(policy, ratio, step)


def _fewer_requests(policy: Policy, ratio: Ratio, step: int) -> Iterator[Case]:
    """Misses alone, then hits alone, then a few misses alone: it goes on for as long as it is kept after the first.

    A low ratio of too few requests, and enough of them before, keep it no longer.
    """
    when, watch = ratio_cases.times(ratio, step), Watch(ratio.name)
    good = -(-(when.mends + 3 * step) // when.sample)
    if not when.kept or good * when.sample + when.window >= when.keep:
        return
    bad = ratio_cases.until_it_fires(when) + when.window // when.sample  # a counter's first window is not full
    goes_on = bad * when.sample // step * step + (when.keep - 1) // step * step
    ends = up_to(step, bad * when.sample + when.mends) + up_to(step, when.keep + 1)
    enough, few = (round(share * _least(policy), 12) for share in (_ENOUGH, _TENTH))
    many = ends // when.sample + 2 - bad - good
    all_bad, all_good = enough * bad, enough * good
    hits, misses = (selector(metric.name, **node(policy)) for metric in (metrics.HITS, metrics.MISSES))
    series = {
        hits: f"{gauge(0, bad + 1)} {plain(enough)}+{plain(enough)}x{good - 1} {plain(all_good)}+0x{many - 1}",
        misses: f"0+{plain(enough)}x{bad} {plain(all_bad)}+0x{good - 1} {plain(all_bad + few)}+{plain(few)}x{many - 1}",
    }
    expects = (watch.firing(goes_on, ratio.labels), watch.firing(ends))
    yield Case(f"{ratio.name}: ends when requests become too few", when.sample, series, expects)


def _only_misses(policy: Policy, each: Decimal, samples: int) -> dict[str, str]:
    """Counters of which one stands still; the other grows by `each`, which promtool lets be a fraction."""
    own = node(policy)
    return {
        selector(metrics.HITS.name, **own): gauge(0, samples),
        selector(metrics.MISSES.name, **own): f"0+{plain(round(each, 12))}x{samples - 1}",
    }
