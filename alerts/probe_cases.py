"""Test cases of the alerts on latency and availability: each alone, and of a slow node one and not four. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from alerts import ratio_cases, recording
from alerts.counts import below, labels, node, total_of
from alerts.keeping import alone
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

_LEVELS: tuple[Severity, ...] = ("warning", "critical")
_P95, _P50, _P99, _AVAILABILITY = IN_TURN
_TOTAL = 100_000  # probes between two samples, of which one more or less is just over or just under


def ratios(policy: Policy) -> tuple[Ratio, ...]:
    """Every alert on a row, with probes that break it and no other."""
    return tuple(_ratio(policy, _spec(row, level)) for row in IN_TURN for level in _LEVELS)


def more(policy: Policy, step: int) -> Iterator[Case]:
    """The cases that are about several rows, or about a node that is down."""
    for ratio in ratios(policy):
        yield _down_is_not_slow(policy, ratio, step)
        yield from _beside_and_down(policy, ratio, step)
        yield from _slow_after_down(policy, ratio, step)
        yield from _goes_on(policy, ratio, step)
        yield from _by_a_hair(policy, ratio, step)
    for level in _LEVELS:
        yield from _one_page(policy, level, step)
        yield from _in_turn(policy, level, step)


def _spec(row: str, level: Severity) -> AlertSpec:
    return next(spec for spec in ALERTS if (spec.row, spec.level) == (row, level))


def _bound(policy: Policy, row: str, level: Severity) -> Decimal:
    return seconds(getattr(getattr(policy.thresholds, row), level).above)


def _ratio(policy: Policy, spec: AlertSpec) -> Ratio:
    row, level = str(spec.row), spec.severity
    own = promise(policy, row, level)
    total = total_of(own.least)
    over, under = below(own.least, total)
    if row == _P50 and _bound(policy, row, level) >= _bound(policy, _P95, level):
        over = None  # half of the probes slower than that: p95 has spoken before
    series = _checks if row == _AVAILABILITY else _probes_of(row, level)

    def events(good: int) -> Mapping[str, int]:
        return series(policy, good, total)

    of_node, keep = labels(spec, node(policy)), policy.rules.keep_firing_for
    return Ratio(spec.name, of_node, own.hold, over, under, own.record, own.broken, events, own.window, keep)


def _checks(policy: Policy, good: int, total: int) -> dict[str, int]:
    """Health checks by result; what a primary refuses to write does not count."""
    counts = {"success": good, "refused": total - good, "readonly": total}
    return {selector(metrics.HEALTH_CHECKS.name, **node(policy), result=name): n for name, n in counts.items()}


def _probes_of(row: str, level: Severity) -> Callable[[Policy, int, int], dict[str, int]]:
    """Probes of which so many are within the row's bound; those of p99 are fast then, of the others slower than any less."""

    def series(policy: Policy, within: int, total: int) -> dict[str, int]:
        limit = _bound(policy, row, level)
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
    sample, specs = window // 4, {row: _spec(row, level) for row in IN_TURN}
    holds = {row: milliseconds(promise(policy, row, level).hold) for row in IN_TURN}
    first = up_to(step, sample) + up_to(step, holds[_P95])
    end = up_to(step, sample) + up_to(step, max(holds.values())) + window + 4 * step
    count = end // sample + 2
    total = 1000
    failing = {**probes(policy, dict.fromkeys(latency_bounds(policy), 0), total), **_checks(policy, 0, total)}
    series = {name: counter(grows, count) for name, grows in failing.items()}
    speaks = Watch(specs[_P95].name)
    expects = [*speaks.first(first, step, labels(specs[_P95], node(policy)))]
    expects += [Watch(specs[row].name).silent_until(end) for row in IN_TURN[1:]]
    name = f"{specs[_P95].name}: the one page of a node that is slow by every measure"
    yield Case(name, sample, series, tuple(expects))


def _in_turn(policy: Policy, level: Severity, step: int) -> Iterator[Case]:
    """Each row beside one before it, where that can be broken alone: silent about what that spoke of, or speaking alone."""
    for index, behind in enumerate(IN_TURN):
        for before in IN_TURN[:index]:
            hides, tells = _p50_hides(policy, level, before, behind), _p99_tells(policy, level, before, behind)
            if milliseconds(policy.rules.rate_window) // step < 2 or hides or tells:
                continue
            yield from _hidden(policy, level, step, before, behind)
            yield _goes_first(policy, level, step, before, behind)


_MARGIN = 3
"""Evaluations between what is looked at, for the two windows that are open at their left end in Prometheus 3."""


def _hidden(policy: Policy, level: Severity, step: int, before: str, behind: str) -> Iterator[Case]:
    """`behind` broken all the time, `before` well by a hair, then broken by as little, then well again.

    The one is hidden once the other's condition has held for its wait: also where its alert does not fire yet, for each fired for
    two moments before, so that the other one began to wait anew. Then it does, and hides as long as it stands in the way.
    """
    deltas, hold = (
        milliseconds(time) // step for time in (policy.rules.rate_window, promise(policy, before, level).hold)
    )
    good = deltas + 1
    if hold < _MARGIN + 4 or _fires(policy, level, step, behind) <= (good + deltas) * step:
        return
    speaks = good + deltas + hold + 1
    fires = speaks + hold
    dips = fires + deltas + 2
    ill, well = _side_by_side(policy, level, before, behind, 2 * deltas + 2)
    series = {name: _three(well[name], good, ill[name], fires - good, dips + 2 - fires) for name in ill}
    of_node = {"fleet": policy.fleet.name, "instance": node(policy)["instance"]}
    speaker, hidden = _spec(before, level), _spec(behind, level)
    for at, told in enumerate((speaker, hidden), start=good + deltas):
        fired = selector("ALERTS", alertname=told.name, alertstate="firing", **of_node)
        series[fired] = f"_x{at} 1 stale _x{hold - _MARGIN - 3} 1 stale"
    active = f"count({selector('ALERTS', alertname=hidden.name)})"  # it waits, or fires
    expects = [
        Expect((speaks - _MARGIN) * step, active, ("{}",)),
        Expect(speaks * step, active),
        Watch(speaker.name).firing(fires * step, labels(speaker, node(policy))),
    ]
    left = milliseconds(alone(policy, promise(policy, behind, level).hold))
    if left > (deltas + _MARGIN + 2) * step:
        expects.append(Expect(dips * step, active))
    elif left < deltas * step:
        expects.append(Expect(dips * step, active, ("{}",)))
    yield Case(f"{hidden.name}: hidden by what {before} has spoken of, not before", step, series, tuple(expects))


def _three(well: int, first: int, ill: int, second: int, third: int) -> str:
    """A counter from 0 that grows so many times by `well`, then by `ill`, then by `well` again; promtool's notation."""
    turns, ends = first * well, first * well + second * ill
    return f"{counter(well, first + 1)} {counter(ill, second, turns + ill)} {counter(well, third, ends + well)}"


def _goes_first(policy: Policy, level: Severity, step: int, before: str, behind: str) -> Case:
    """`behind` broken all the time, `before` well by a hair and then broken by as little: who speaks first goes on alone."""
    deltas = milliseconds(policy.rules.rate_window) // step
    hold = up_to(step, milliseconds(promise(policy, before, level).hold))
    good = max(_fires(policy, level, step, behind) - hold, 0) // step + 3
    end = (good + 2 * deltas) * step + hold
    ill, well = _side_by_side(policy, level, before, behind, 2 * deltas + 2)
    count = 2 * deltas + hold // step + 2
    series = {
        name: f"{counter(well[name], good + 1)} {counter(grows, count, good * well[name] + grows)}"
        for name, grows in ill.items()
    }
    first, then = _spec(behind, level), _spec(before, level)
    expects = (Watch(first.name).firing(end, labels(first, node(policy))), Watch(then.name).silent_until(end))
    return Case(f"{first.name}: goes on alone when {before} is broken as well", step, series, expects)


def _fires(policy: Policy, level: Severity, step: int, row: str) -> int:
    """When a row fires that is broken from the start: its window is full then, and its wait over."""
    own = promise(policy, row, level)
    return up_to(step, max(step, milliseconds(own.window))) + up_to(step, milliseconds(own.hold))


def _p50_hides(policy: Policy, level: Severity, before: str, behind: str) -> bool:
    """Whether half of the probes beyond the bound of p50 are also beyond that of p95, so that one is not without the other."""
    return _P50 in (before, behind) and _bound(policy, _P50, level) >= _bound(policy, _P95, level)


def _p99_tells(policy: Policy, level: Severity, before: str, behind: str) -> bool:
    """Whether what comes and goes is enough to keep p99 broken, which then speaks in the place of availability."""
    return behind == _AVAILABILITY and before != _P99 and _bound(policy, _P99, level) <= _bound(policy, before, level)


def _side_by_side(
    policy: Policy, level: Severity, before: str, behind: str, better: int
) -> tuple[dict[str, int], dict[str, int]]:
    """What the series grow by while `before` is just broken, and while it is better by so many; `behind` is broken in both."""
    total = _TOTAL
    own, other = (below(promise(policy, row, level).least, total)[0] or 0 for row in (behind, before))
    if behind == _AVAILABILITY:
        checks, most = _checks(policy, own, total), total
    else:
        checks, most = {}, own
    found = []
    for least in (other, other + better):
        limits = {} if behind == _AVAILABILITY else {_bound(policy, behind, level): most}
        counts = {
            bound: min(
                [total, *(n for at, n in (*limits.items(), (_bound(policy, before, level), least)) if bound <= at)]
            )
            for bound in latency_bounds(policy)
        }
        found.append({**probes(policy, counts, total), **checks})
    return found[0], found[1]
