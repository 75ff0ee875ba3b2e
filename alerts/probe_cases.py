"""Test cases of the alerts on latency and availability: each alone, and of a slow node one and not four. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from alerts import ratio_cases, recording
from alerts.counts import below, labels, node, total_of
from alerts.probes import IN_TURN, promise
from alerts.promql import milliseconds, selector
from alerts.ratio_cases import Ratio
from alerts.rule_cases import Case, Watch, counter, edge, gauge, up_to
from policy import metrics
from policy.alerts import ALERTS, AlertSpec, Severity
from policy.buckets import latency_bounds
from policy.metrics import le
from policy.model import Policy
from policy.units import seconds

_LEVELS: tuple[Severity, ...] = ("warning", "critical")
_P95, _P50, _P99, _AVAILABILITY = IN_TURN


def ratios(policy: Policy) -> tuple[Ratio, ...]:
    """Every alert on a row, with probes that break it and no other."""
    return tuple(_ratio(policy, _spec(row, level)) for row in IN_TURN for level in _LEVELS)


def more(policy: Policy, step: int) -> Iterator[Case]:
    """The cases that are about several rows, or about a node that is down."""
    for ratio in ratios(policy):
        yield _down_is_not_slow(policy, ratio, step)
        yield from _slow_after_down(policy, ratio, step)
    for level in _LEVELS:
        yield from _one_page(policy, level, step)
        yield from _flapping(policy, level, step)


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

    return Ratio(
        spec.name, labels(spec, node(policy)), own.hold, over, under, own.record, own.broken, events, own.window
    )


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


def _flapping(policy: Policy, level: Severity, step: int) -> Iterator[Case]:
    """A row that breaks and mends, and so never speaks, does not silence the rows behind it."""
    for index, behind in enumerate(IN_TURN):
        for before in IN_TURN[:index]:
            case = _beside(policy, level, step, before, behind)
            if case is not None:
                yield case


def _beside(policy: Policy, level: Severity, step: int, before: str, behind: str) -> Case | None:
    """`behind` broken all the time beside `before`, broken for one evaluation less than it takes to speak, then well."""
    own, other = promise(policy, behind, level), promise(policy, before, level)
    deltas, broken = milliseconds(policy.rules.rate_window) // step, milliseconds(other.hold) // step - 1
    if (
        deltas < 2
        or broken < 1
        or _p50_hides(policy, level, before, behind)
        or _p99_tells(policy, level, before, behind)
    ):
        return None
    seen = up_to(step, max(step, milliseconds(own.window)))
    fires = seen + up_to(step, milliseconds(own.hold))
    bad = broken + deltas - 1  # it is broken while all that the window holds is bad
    cycles = (fires + 2 * step) // step // (bad + 1) + 2
    ill, well = _side_by_side(policy, level, before, behind)
    series = {name: _alternating(well[name], ill[name], bad, cycles) for name in ill}
    watch = Watch(_spec(behind, level).name)
    expects = (watch.firing(fires, labels(_spec(behind, level), node(policy))),)
    return Case(f"{watch.name}: fires beside a {before} that comes and goes", step, series, expects)


def _p50_hides(policy: Policy, level: Severity, before: str, behind: str) -> bool:
    """Whether half of the probes beyond the bound of p50 are also beyond that of p95, so that one is not without the other."""
    return _P50 in (before, behind) and _bound(policy, _P50, level) >= _bound(policy, _P95, level)


def _p99_tells(policy: Policy, level: Severity, before: str, behind: str) -> bool:
    """Whether what comes and goes is enough to keep p99 broken, which then speaks in the place of availability."""
    return behind == _AVAILABILITY and before != _P99 and _bound(policy, _P99, level) <= _bound(policy, before, level)


def _side_by_side(policy: Policy, level: Severity, before: str, behind: str) -> tuple[dict[str, int], dict[str, int]]:
    """What the series grow by while `before` is just broken, and while it is well; `behind` is broken in both."""
    total = 100_000
    own, other = (below(promise(policy, row, level).least, total)[0] or 0 for row in (behind, before))
    if behind == _AVAILABILITY:
        checks, most = _checks(policy, own, total), total
    else:
        checks, most = {}, own
    found = []
    for least in (other, total):
        limits = {} if behind == _AVAILABILITY else {_bound(policy, behind, level): most}
        counts = {
            bound: min(
                [total, *(n for at, n in (*limits.items(), (_bound(policy, before, level), least)) if bound <= at)]
            )
            for bound in latency_bounds(policy)
        }
        found.append({**probes(policy, counts, total), **checks})
    return found[0], found[1]


def _alternating(well: int, ill: int, bad: int, cycles: int) -> str:
    """A counter from 0 that grows once by `well`, then `bad` times by `ill`, and so on; promtool's notation."""
    parts, value = ["0"], 0
    for _ in range(cycles):
        parts += [str(value + well), counter(ill, bad, value + well + ill)]
        value += well + bad * ill
    return " ".join(parts)
