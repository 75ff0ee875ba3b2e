"""Cases of the alerts about Redis itself that stand on counters: evictions, refused connections, refused writes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from alerts.promql import milliseconds, selector
from alerts.rule_cases import Case, Expect, Watch, gauge, up_to
from alerts.server.conditions import ERRORS, READONLY, REFUSALS, refused_window
from alerts.server.proof import Clock, steady
from alerts.server.scenes import Cast
from policy import metrics
from policy.units import plain

# Of a second's evictions; so close to the threshold that one sample without any is below it.
_OVER, _UNDER = Decimal("1.0001"), Decimal("0.9999")
# Less than one, for how many does not matter; a power of two, so that promtool adds it up without an error that would look
# like a reset.
_EVENT = Decimal(1) / 128


def growing(step: Decimal, count: int, start: Decimal | int = 0) -> str:
    """`count` samples of a counter that grows by `step`, which may be a fraction, from `start`."""
    return f"{plain(Decimal(start))}+{plain(step)}x{count - 1}"


def evictions(cast: Cast, clock: Clock) -> Iterator[Case]:
    """All cases of CacheEvictions. Its counter has counted for long: a rate is whole once its window is."""
    name, level = "CacheEvictions", cast.policy.alerts.evictions
    series, watch, labels = selector("redis_evicted_keys_total", **cast.primary), Watch(name), cast.of_primary(name)
    seconds = Decimal(clock.sample) / 1000
    bad, fine = (round((level.above or _EVENT) * share * seconds, 12) for share in (_OVER, _UNDER))
    window = milliseconds(level.within)
    # Where any is one too many, two samples tell; and the alert ends when the window has forgotten the last.
    fires = (_whole_at(clock, window) if level.above else clock.step) + up_to(clock.step, milliseconds(level.for_))
    end = fires + 4 * clock.step
    count, ill, start = clock.samples(end), fires // clock.sample + 1, 10**6 * bad
    silent = (watch.silent_until(end),)
    first = (*watch.first(fires, clock.step, labels), watch.firing(end, labels))
    yield Case(f"{name}: fires at its duration, just over", clock.sample, {series: growing(bad, count, start)}, first)
    last = start + bad * (ill - 1) + bad / 1000  # a little more than promtool's sum, which a fall would reset
    over = fires + 2 * clock.step if level.above else clock.first_after((ill - 1) * clock.sample + window)
    ends = f"{growing(bad, ill, start)} {steady(last, clock.samples(over - fires))}"
    expects = (watch.firing(fires, labels), watch.firing(over))
    yield Case(f"{name}: resolves when it evicts no more", clock.sample, {series: ends}, expects)
    if level.above:
        under = growing(fine, count, start)
        yield Case(f"{name}: silent just under", clock.sample, {series: under}, silent)
    yield Case(f"{name}: silent without data", clock.sample, {}, silent)
    yield Case(f"{name}: silent without traffic", clock.sample, {series: steady(start, count)}, silent)
    yield Case(f"{name}: silent when the counter begins anew", clock.sample, {series: _anew(start, count)}, silent)


def _anew(start: Decimal | int, count: int) -> str:
    half = count // 2 + 1
    return f"{steady(start, half)} {gauge(0, half)}"


def _whole_at(clock: Clock, window: int) -> int:
    """The first evaluation at which Prometheus takes a window for full: it adds a tenth more than a sample, no more."""
    time = clock.step
    while 10 * (window - time) > 11 * clock.sample:
        time += clock.step
    return time


def rejected(cast: Cast, clock: Clock) -> Iterator[Case]:
    """All cases of CacheRejectedConnections: one event is enough, and seen for as long as the window."""
    name = "CacheRejectedConnections"
    series, watch = selector("redis_rejected_connections_total", **cast.primary), Watch(name)
    labels, window = cast.of_primary(name), milliseconds(cast.policy.alerts.rejected_connections.within)
    seen = 2 * clock.step
    before = seen // clock.sample
    known_until = seen - clock.sample + window  # the sample before it must be in the window too
    ended = clock.first_after(known_until)
    count = clock.samples(ended)
    told = f"{steady(5, before)} {steady(5 + _EVENT, count)}"
    still = max(seen, clock.last_before(known_until))
    first = (*watch.first(seen, clock.step, labels), watch.firing(still, labels), watch.firing(ended))
    yield Case(f"{name}: fires with the first, resolves when its window is over", clock.sample, {series: told}, first)
    silent = (watch.silent_until(ended),)
    yield Case(f"{name}: silent without data", clock.sample, {}, silent)
    yield Case(f"{name}: silent without traffic", clock.sample, {series: steady(5, count)}, silent)
    yield Case(f"{name}: silent when the counter begins anew", clock.sample, {series: _anew(5, count)}, silent)


def writes_refused(cast: Cast, clock: Clock) -> Iterator[Case]:
    """All cases of CacheWritesRefused: by the prober, and by callers, whose errors Redis counts."""
    yield from _refused(cast, clock, selector(metrics.HEALTH_CHECKS.name, **cast.primary, result=READONLY), READONLY)
    for error in REFUSALS:
        yield from _refused(cast, clock, selector(ERRORS, **cast.primary, err=error), error)


def _refused(cast: Cast, clock: Clock, series: str, what: str) -> Iterator[Case]:
    name, window = "CacheWritesRefused", milliseconds(refused_window(cast.policy))
    watch, labels = Watch(name), cast.of_primary(name)
    fires = up_to(clock.step, clock.sample) + up_to(clock.step, milliseconds(cast.policy.alerts.writes_refused.for_))
    ill = fires // clock.sample + 1
    known_until = (ill - 2) * clock.sample + window
    ended = clock.first_after(known_until)
    end = max(ended, fires + 4 * clock.step)
    count = clock.samples(end)
    refuses, silent = growing(_EVENT, count), (watch.silent_until(end),)

    def case(promise: str, refused: str, nodes: Mapping[str, int | str], *expects: Expect) -> Case:
        scene = {name: value if isinstance(value, str) else gauge(value, count) for name, value in nodes.items()}
        return Case(f"{name}: {promise} ({what})", clock.sample, {series: refused, **scene}, expects)

    up, primary, replica = cast.up(cast.primary), *(cast.role(cast.primary, role) for role in ("primary", "replica"))
    well = {up: 1, primary: 1}
    first = (*watch.first(fires, clock.step, labels), watch.firing(end, labels))
    yield case("fires at its duration, however seldom it refuses", refuses, well, *first)
    ends = f"{growing(_EVENT, ill)} {steady(_EVENT * (ill - 1), count)}"
    still = max(fires, clock.last_before(known_until))
    expects = (watch.firing(still, labels), watch.firing(ended))
    yield case("resolves when its window is over", ends, well, *expects)
    yield case("silent about a node that is down, which has its page", refuses, {up: 0, primary: 1}, *silent)
    yield case("silent about a replica", refuses, {up: 1, replica: 1}, *silent)
    if fires > 2 * clock.sample:  # an alert that does not wait speaks before the new role is known
        demoted: dict[str, int | str] = {up: 1, primary: f"{gauge(1, 2)} stale", replica: f"_x2 {gauge(1, count)}"}
        yield case("silent about a primary that hands over", refuses, demoted, *silent)
    yield case("silent while it takes writes", gauge(0, count), well, *silent)
    yield case("silent when the counter begins anew", _anew(5, count), well, *silent)
    yield Case(f"{name}: silent without data ({what})", clock.sample, {}, silent)
