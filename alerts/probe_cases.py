"""Test cases of the alerts on latency and availability: each alone, and of a slow node one and not four. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from alerts import ratio_cases, recording
from alerts.counts import below, labels, node, total_of
from alerts.probes import IN_TURN, promise
from alerts.promql import milliseconds, selector
from alerts.ratio_cases import Ratio
from alerts.rule_cases import Case, Edge, Expect, Watch, counter, edge, gauge, up_to
from policy import metrics
from policy.alerts import ALERTS, BY_NAME, AlertSpec, Severity
from policy.buckets import latency_bounds
from policy.metrics import le
from policy.model import Policy
from policy.units import seconds

LEVELS: tuple[Severity, ...] = ("warning", "critical")
_P95, _P50, _P99, _AVAILABILITY = IN_TURN


def ratios(policy: Policy) -> tuple[Ratio, ...]:
    """Every alert on a row, with probes that break it and no other."""
    return tuple(_ratio(policy, spec(row, level)) for row in IN_TURN for level in LEVELS)


def more(policy: Policy, step: int) -> Iterator[Case]:
    """The cases that are about several rows, or about a node that is down."""
    for ratio in ratios(policy):
        yield _down_is_not_slow(policy, ratio, step)
        yield from _beside_and_down(policy, ratio, step)
        yield from _slow_after_down(policy, ratio, step)
        yield from _goes_on(policy, ratio, step)
        yield from _by_a_hair(policy, ratio, step)
    for level in LEVELS:
        yield from _one_page(policy, level, step)


def spec(row: str, level: Severity) -> AlertSpec:
    """The alert on a row at a level."""
    return next(each for each in ALERTS if (each.row, each.level) == (row, level))


def bound(policy: Policy, row: str, level: Severity) -> Decimal:
    """The seconds within which a row of latency wants its share."""
    return seconds(getattr(getattr(policy.thresholds, row), level).above)


def _ratio(policy: Policy, spec: AlertSpec) -> Ratio:
    row, level = str(spec.row), spec.severity
    own = promise(policy, row, level)
    total = total_of(own.least)
    over, under = below(own.least, total)
    if row == _P50 and bound(policy, row, level) >= bound(policy, _P95, level):
        over = None  # half of the probes slower than that: p95 has spoken before
    series = checks if row == _AVAILABILITY else _probes_of(row, level)

    def events(good: int) -> Mapping[str, int]:
        return series(policy, good, total)

    of_node, keep = labels(spec, node(policy)), policy.rules.keep_firing_for
    return Ratio(spec.name, of_node, own.hold, over, under, own.record, own.broken, events, own.window, keep)


def checks(policy: Policy, good: int, total: int) -> dict[str, int]:
    """Health checks by result; what a primary refuses to write does not count."""
    counts = {"success": good, "refused": total - good, "readonly": total}
    return {selector(metrics.HEALTH_CHECKS.name, **node(policy), result=name): n for name, n in counts.items()}


def _probes_of(row: str, level: Severity) -> Callable[[Policy, int, int], dict[str, int]]:
    """Probes of which so many are within the row's bound; those of p99 are fast then, of the others slower than any less."""

    def series(policy: Policy, within: int, total: int) -> dict[str, int]:
        limit = bound(policy, row, level)
        least = within if row == _P99 else 0
        counts = {b: least if b < limit else within if b == limit else total for b in latency_bounds(policy)}
        return probes(policy, counts, total)

    return series


def probes(policy: Policy, within: Mapping[Decimal, int], total: int) -> dict[str, int]:
    """The series of the histogram from the probes within each bound."""
    name, own = metrics.PROBE_DURATION.name, {**node(policy), "op": recording.PROBE_OP}
    buckets = {le(bound): count for bound, count in within.items()} | {"+Inf": total}
    found = {selector(f"{name}_bucket", **own, le=bound): count for bound, count in buckets.items()}
    return {**found, selector(f"{name}_count", **own): total}


def _down_is_not_slow(policy: Policy, ratio: Ratio, step: int) -> Case:
    """All probes of a dead node are slow, and the window remembers it when the node is back; CacheNodeDown spoke."""
    when = ratio_cases.times(ratio, step)
    bad = (when.fires + when.step) // when.sample + 1
    end = up_to(step, bad * when.sample + when.fires + when.window)
    good = end // when.sample + 2 - bad
    series = {
        **ratio_cases.turning(ratio, ratio.over or 0, bad, good),
        selector(metrics.NODE_UP.name, **node(policy)): f"{gauge(0, bad)} {gauge(1, good)}",
    }
    expects = (Watch(ratio.name).silent_until(end),)
    return Case(f"{ratio.name}: silent about a node that is or was down", when.sample, series, expects)


def _beside_and_down(policy: Policy, ratio: Ratio, step: int) -> Iterator[Case]:
    """It goes on where another row's alert fires as well, as where two began in one moment; when the node dies it ends."""
    if ratio.over is None:
        return
    when, watch = ratio_cases.times(ratio, step), Watch(ratio.name)
    beside = when.fires // when.sample + 2
    goes_on = up_to(step, beside * when.sample)
    down = goes_on // when.sample + 2
    ends = up_to(step, down * when.sample)
    count = ends // when.sample + 2
    own, told = node(policy), {"alertstate": "firing", "fleet": policy.fleet.name, "instance": node(policy)["instance"]}
    series = {
        **{name: counter(value, count) for name, value in ratio.series(ratio.over).items()},
        **{
            selector("ALERTS", alertname=name, **told): f"_x{beside} {gauge(1, count - beside)}"
            for name in _others(ratio)
        },
        selector(metrics.NODE_UP.name, **own): f"{gauge(1, down)} {gauge(0, count - down)}",
    }
    expects = (watch.firing(goes_on, ratio.labels), watch.firing(ends))
    yield Case(
        f"{ratio.name}: goes on beside another one, and ends when the node goes down", when.sample, series, expects
    )


def _others(ratio: Ratio) -> Iterator[str]:
    """The alerts on the other rows at the same level."""
    level = BY_NAME[ratio.name].level
    return (spec.name for spec in ALERTS if spec.row in IN_TURN and spec.level == level and spec.name != ratio.name)


def _slow_after_down(policy: Policy, ratio: Ratio, step: int) -> Iterator[Case]:
    """A node that was down and is slow since: its wait begins when the window holds no bad verdict any more."""
    if ratio.over is None:
        return
    window = milliseconds(ratio.window)
    at = edge(window, step, window // 4)
    fires = at.outside + up_to(step, milliseconds(ratio.hold))
    samples = fires // at.sample + 2
    verdict = selector(metrics.NODE_UP.name, **node(policy))
    slow = {name: counter(value, samples) for name, value in ratio.series(ratio.over).items()}
    series = {**slow, verdict: f"{gauge(0, at.last + 1)} {gauge(1, samples)}"}
    expects = Watch(ratio.name).first(fires, step, ratio.labels)
    yield Case(f"{ratio.name}: fires about a node that is slow after it was down", at.sample, series, expects)


def _goes_on(policy: Policy, ratio: Ratio, step: int) -> Iterator[Case]:
    """Bounds that began within the window: where the alert fires already it goes on, else they are waited for."""
    at = edge(milliseconds(ratio.window), step, milliseconds(ratio.window) // 4)
    seen = up_to(step, (at.last + 2) * at.sample)
    if ratio.over is None or ratio.record.startswith(recording.AVAILABILITY_RATIO) or seen > at.inside:
        return
    hold, own = up_to(step, milliseconds(ratio.hold)), ratio.labels
    samples = (at.outside + hold) // at.sample + 2
    young = f"_x{at.last + 1} "  # from 0 on `rate` would reach back less far: all begin in proportion
    series = {
        name: f"{young if '_bucket' in name else ''}{counter(grows, samples, 1000 * grows)}"
        for name, grows in ratio.series(ratio.over).items()
    }
    first = Watch(ratio.name).first(at.outside + hold, step, own)
    yield Case(f"{ratio.name}: silent about bounds that are younger than the window", at.sample, series, first)
    told = {"alertname": ratio.name, "alertstate": "firing", "fleet": own["fleet"], "instance": own["instance"]}
    found = selector("ALERTS", **told, severity=own["severity"])
    expects = [Expect(seen + hold, found, (selector("ALERTS", **{**own, **told}),))]
    expects += [Expect(seen + hold - step, found)] if seen + hold >= step else []
    beside = {**series, selector("ALERTS", **told): gauge(1, samples)}
    yield Case(
        f"{ratio.name}: goes on about bounds that are younger than the window", at.sample, beside, tuple(expects)
    )


def _by_a_hair(policy: Policy, ratio: Ratio, step: int) -> Iterator[Case]:
    """Bounds of which a sample is missing, so that they count as younger than the window, while their share is exact."""
    if ratio.over is None or ratio.record.startswith(recording.AVAILABILITY_RATIO):
        return
    at, own = edge(milliseconds(ratio.window), step, milliseconds(ratio.window) // 4), ratio.labels
    missing = (at.last + 1) * at.sample
    last = (missing + at.sample - 1) // step * step  # that the newest sample is missing at
    if last >= at.inside - milliseconds(ratio.keep) and 10 * (last - missing) >= at.sample:
        return  # for more than Prometheus fills in: the share is not exact then, and remembered
    samples = at.outside // at.sample + 2
    told = {"alertname": ratio.name, "fleet": own["fleet"], "instance": own["instance"]}
    fires = {selector("ALERTS", **told, alertstate="firing"): gauge(1, samples)}
    goes_on = f"count({selector('ALERTS', **told, severity=own['severity'])})"  # it waits, or fires
    for share, seen, does in ((ratio.over, ("{}",), "goes on"), (ratio.under, (), "does not go on")):
        series = {
            name: _with_a_hole(grows, at) if "_bucket" in name else counter(grows, samples)
            for name, grows in ratio.series(share).items()
        }
        name = f"{ratio.name}: {does} about a young bound, by a hair"
        yield Case(name, at.sample, {**series, **fires}, (Expect(at.inside, goes_on, seen),))


def _with_a_hole(grows: int, at: Edge) -> str:
    """A counter without the sample that follows `at.last`, the first that `at.inside` sees."""
    return f"{counter(grows, at.last + 1)} _ {counter(grows, at.outside // at.sample + 2, grows * (at.last + 2))}"


def _one_page(policy: Policy, level: Severity, step: int) -> Iterator[Case]:
    """A node of which no probe comes back in time, and no check succeeds: the first row speaks, the others never."""
    window = milliseconds(policy.rules.rate_window)
    sample, specs = window // 4, {row: spec(row, level) for row in IN_TURN}
    holds = {row: milliseconds(promise(policy, row, level).hold) for row in IN_TURN}
    first = up_to(step, sample) + up_to(step, holds[_P95])
    end = up_to(step, sample) + up_to(step, max(holds.values())) + window + 4 * step
    count = end // sample + 2
    total = 1000
    failing = {**probes(policy, dict.fromkeys(latency_bounds(policy), 0), total), **checks(policy, 0, total)}
    series = {name: counter(grows, count) for name, grows in failing.items()}
    speaks = Watch(specs[_P95].name)
    expects = [*speaks.first(first, step, labels(specs[_P95], node(policy)))]
    expects += [Watch(specs[row].name).silent_until(end) for row in IN_TURN[1:]]
    name = f"{specs[_P95].name}: the one page of a node that is slow by every measure"
    yield Case(name, sample, series, tuple(expects))
