"""Cases of the alerts about Redis itself that stand on counters: evictions, refused connections, refused writes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from alerts.promql import milliseconds, selector
from alerts.rule_cases import Case, Expect, Watch, gauge, up_to
from alerts.server.conditions import (
    ERRORS,
    MAIN_THREAD,
    READONLY,
    RESYNCS,
    Refusals,
    refusals,
    refused_memory,
    refused_window,
)
from alerts.server.proof import Clock, steady
from alerts.server.scenes import Cast
from policy import metrics
from policy.alerts import ACCESS_DENIED, MAIN_THREAD_BUSY
from policy.metrics_redis import DENIED, REFUSED_WRITES
from policy.redis_alerts import Rated
from policy.units import plain

# Of a second's evictions; so close to the threshold that one sample without any is below it.
_OVER, _UNDER = Decimal("1.0001"), Decimal("0.9999")
# Less than one, for how many does not matter; a power of two, so that promtool adds it up without an error that would look
# like a reset.
_EVENT = Decimal(1) / 128
# Samples among which one is that leaves no window with an evaluation.
_LATEST = 100
_REFUSED = Watch("CacheWritesRefused")


def growing(step: Decimal, count: int, start: Decimal | int = 0) -> str:
    """`count` samples of a counter that grows by `step`, which may be a fraction, from `start`."""
    return f"{plain(Decimal(start))}+{plain(step)}x{count - 1}"


def evictions(cast: Cast, clock: Clock) -> Iterator[Case]:
    """All cases of CacheEvictions."""
    series = selector("redis_evicted_keys_total", **cast.primary)
    yield from _rated(cast, clock, "CacheEvictions", cast.policy.alerts.evictions, series)


def access_denied(cast: Cast, clock: Clock) -> Iterator[Case]:
    """All cases of CacheAccessDenied: by one kind of answer, by all together, and by none that denies nobody access."""
    name, level = ACCESS_DENIED, cast.policy.alerts.access_denied
    kinds = {err: selector(ERRORS, **cast.primary, err=err) for err in (*DENIED, *REFUSED_WRITES)}
    yield from _rated(cast, clock, name, level, kinds[DENIED[0]])
    watch, bad, end = Watch(name), _step(clock, level, _OVER), _whole(clock, level) + 4 * clock.step
    count = clock.samples(end)
    # Each is needed: without one of them it is a fifth too little.
    together = {kinds[err]: growing(round(bad * Decimal("0.4"), 12), count, 10**6 * bad) for err in DENIED}
    yield Case(f"{name}: fires by all kinds", clock.sample, together, (watch.firing(end, cast.of_primary(name)),))
    others = {kinds[err]: growing(bad, count, 10**6 * bad) for err in REFUSED_WRITES}
    yield Case(f"{name}: silent about other errors", clock.sample, others, (watch.silent_until(end),))


def main_thread(cast: Cast, clock: Clock) -> Iterator[Case]:
    """All cases of CacheMainThreadBusy: by what the kernel does for it, and by what it does itself."""
    name, level = MAIN_THREAD_BUSY, cast.policy.alerts.main_thread
    system, own = (selector(each, **cast.primary) for each in MAIN_THREAD)
    yield from _rated(cast, clock, name, level, system, own)
    watch, labels, fires = Watch(name), cast.of_primary(name), _whole(clock, level)
    bad, count = _step(clock, level, _OVER), clock.samples(fires)
    alone = {system: steady(0, count), own: growing(bad, count, 10**6 * bad)}
    first = tuple(watch.first(fires, clock.step, labels))
    yield Case(f"{name}: fires at its duration by its own work alone", clock.sample, alone, first)


def _step(clock: Clock, level: Rated, share: Decimal) -> Decimal:
    """What a counter grows by from sample to sample at that share of the level."""
    return round((level.above or _EVENT) * share * Decimal(clock.sample) / 1000, 12)


def _whole(clock: Clock, level: Rated) -> int:
    """When it fires: where any is one too many, two samples tell, else a whole window does."""
    seen = _whole_at(clock, milliseconds(level.within)) if level.above else clock.step
    return seen + up_to(clock.step, milliseconds(level.for_))


def _rated(cast: Cast, clock: Clock, name: str, level: Rated, series: str, *idle: str) -> Iterator[Case]:
    """All cases of an alert on a rate. Its counter has counted for long: a rate is whole once its window is.

    `idle` are counters that it adds, and that do not grow.
    """
    watch, labels, window = Watch(name), cast.of_primary(name), milliseconds(level.within)
    bad, fine = (_step(clock, level, share) for share in (_OVER, _UNDER))
    fires = _whole(clock, level)
    end = fires + 4 * clock.step
    count, ill, start = clock.samples(end), fires // clock.sample + 1, 10**6 * bad
    silent = (watch.silent_until(end),)
    first = (*watch.first(fires, clock.step, labels), watch.firing(end, labels))
    last = start + bad * (ill - 1) + bad / 1000  # a little more than promtool's sum, which a fall would reset
    # Where any is one too many it ends when the window has forgotten the last.
    over = fires + 2 * clock.step if level.above else clock.first_after((ill - 1) * clock.sample + window)
    rest = {each: steady(0, count + clock.samples(over)) for each in idle}
    over_it = {series: growing(bad, count, start), **rest}
    yield Case(f"{name}: fires at its duration, just over", clock.sample, over_it, first)
    ends = f"{growing(bad, ill, start)} {steady(last, clock.samples(over - fires))}"
    expects = (watch.firing(fires, labels), watch.firing(over))
    yield Case(f"{name}: resolves when there are no more", clock.sample, {series: ends, **rest}, expects)
    if level.above:
        under = {series: growing(fine, count, start), **rest}
        yield Case(f"{name}: silent just under", clock.sample, under, silent)
    yield Case(f"{name}: silent without data", clock.sample, {}, silent)
    yield Case(f"{name}: silent without traffic", clock.sample, {series: steady(start, count), **rest}, silent)
    anew = {series: _anew(start, count), **rest}
    yield Case(f"{name}: silent when the counter begins anew", clock.sample, anew, silent)


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


def flapping(cast: Cast, clock: Clock) -> Iterator[Case]:
    """All cases of CacheReplicasFlapping: replicas come back in one moment, and that is seen for as long as the window."""
    name, level = "CacheReplicasFlapping", cast.policy.alerts.replica_flapping
    watch, labels, seen = Watch(name), cast.of_primary(name), 2 * clock.step
    known_until = seen - clock.sample + milliseconds(level.within)
    still, ended = max(seen, clock.last_before(known_until)), clock.first_after(known_until)
    before, after = seen // clock.sample, clock.samples(ended)

    def case(promise: str, full: int, partial: int, expects: Iterable[Expect], replicas: int = 0) -> Case:
        """So many more whole copies, and of what was missed; of the replicas none is there any more."""
        full_series, partial_series = (selector(each, **cast.primary) for each in RESYNCS)
        told = {
            full_series: f"{steady(5, before)} {steady(5 + full, after)}",
            partial_series: f"{steady(7, before)} {steady(7 + partial, after)}",
            selector("redis_connected_slaves", **cast.primary): f"{steady(replicas, before)} {steady(0, after)}",
        }
        return Case(f"{name}: {promise}", clock.sample, told, tuple(expects))

    first, silent, most = watch.first(seen, clock.step, labels), (watch.silent_until(seen + clock.step),), level.above
    over = (*first, watch.firing(still, labels), watch.firing(ended))
    yield case("fires with one whole copy too many, resolves with its window", most + 1, 0, over)
    yield case("fires with one too many of what was missed, resolves with its window", 0, most + 1, over)
    yield case("fires with one too many of both", 1, most, first)
    yield case("silent at as many as are tolerated", 1, most - 1, silent)
    yield case("silent when two replicas share them", most, most, (watch.silent_until(still),), replicas=2)
    yield case("silent when the counters begin anew", -5, -7, silent)
    yield Case(f"{name}: silent without data", clock.sample, {}, silent)


def writes_refused(cast: Cast, step: int) -> Iterator[Case]:
    """All cases of CacheWritesRefused: by the prober, and by callers, whose errors Redis counts."""
    probes, callers = refusals(cast.policy)
    own = selector(metrics.HEALTH_CHECKS.name, **cast.primary, result=READONLY)
    yield from _refused(Refused(cast, step, probes, own), READONLY)
    kinds = [Refused(cast, step, callers, selector(ERRORS, **cast.primary, err=error)) for error in REFUSED_WRITES]
    for refused, error in zip(kinds, REFUSED_WRITES, strict=True):
        yield from _refused(refused, error)
    if kinds[0].most:
        yield kinds[0].moments([refused.series for refused in kinds])


@dataclass(frozen=True, slots=True)
class Refused:
    """Writes that a primary refuses, counted in one series. `step` is milliseconds between evaluations.

    Of samples, which all series of a case have twice as often as the fast scrape, each `each`th may have news.
    """

    cast: Cast
    step: int
    source: Refusals
    series: str

    @property
    def clock(self) -> Clock:
        """That of what is said of nodes."""
        return Clock.between(self.step, milliseconds(self.cast.policy.rules.liveness_interval))

    @property
    def each(self) -> int:
        """So many samples from one that may have news to the next."""
        return up_to(self.clock.sample, milliseconds(self.source.every)) // self.clock.sample

    @property
    def every(self) -> int:
        """The same in milliseconds."""
        return self.each * self.clock.sample

    @property
    def most(self) -> int:
        """So many times there is news in a moment still."""
        return self.source.scrapes(self.cast.policy)

    @property
    def first(self) -> int:
        """When there is news first: if it can be, so that no sample leaves a window with an evaluation (`Clock.first_after`)."""
        later = (late * self.clock.sample for late in range(self.each, self.each + _LATEST))
        return next((first for first in later if not self._on_an_edge(first)), self.every)

    def _on_an_edge(self, first: int) -> bool:
        ends = (first + self.memory, first + self.most * self.every + self.window)
        return not all((end - self.clock.sample) % self.step for end in ends)

    @property
    def fires(self) -> int:
        """The first evaluation after the first news that is more than a moment."""
        return up_to(self.step, self.first + self.most * self.every)

    @property
    def window(self) -> int:
        """Milliseconds for which a refusal is seen."""
        return milliseconds(refused_window(self.cast.policy))

    @property
    def memory(self) -> int:
        """Milliseconds for which it counts as one of several."""
        return milliseconds(refused_memory(self.cast.policy))

    @property
    def well(self) -> dict[str, int | str]:
        """A primary that is up."""
        return {self.cast.up(self.cast.primary): 1, self.cast.role(self.cast.primary, "primary"): 1}

    def told(self, news: int, rest: int = 0) -> str:
        """Samples with news so many times, and then so many without."""
        before = steady(0, self.first // self.clock.sample)
        grown = [steady(_EVENT * index, self.each) for index in range(1, news)]
        return " ".join((before, *grown, steady(_EVENT * news, rest + 1)))

    def always(self, until: int) -> str:
        """Samples with news as often as may be."""
        return self.told(until // self.every + 2)

    def case(
        self, promise: str, refused: Mapping[str, str], nodes: Mapping[str, int | str], *expects: Expect, what: str = ""
    ) -> Case:
        """A case that lasts as long as it is looked at."""
        count = self.clock.samples(max(expect.at for expect in expects))
        scene = {name: value if isinstance(value, str) else gauge(value, count) for name, value in nodes.items()}
        return Case(
            f"{_REFUSED.name}: {promise}{what and f' ({what})'}", self.clock.sample, {**refused, **scene}, expects
        )

    def moments(self, series: Iterable[str]) -> Case:
        """Each series has as much news as a moment may have."""
        silent = _REFUSED.silent_until(self.memory + 2 * self.step)
        told = self.told(self.most, self.clock.samples(silent.at))
        return self.case("silent about a moment of each kind of error", dict.fromkeys(series, told), self.well, silent)


def _refused(refused: Refused, what: str) -> Iterator[Case]:
    cast, clock, labels = refused.cast, refused.clock, refused.cast.of_primary(_REFUSED.name)
    end = refused.fires + 4 * clock.step
    count, silent = clock.samples(end), _REFUSED.silent_until(end)
    refuses = {refused.series: refused.always(end)}
    up, primary, replica = cast.up(cast.primary), *(cast.role(cast.primary, role) for role in ("primary", "replica"))
    first = (*_REFUSED.first(refused.fires, clock.step, labels), _REFUSED.firing(end, labels))
    yield refused.case("fires when it goes on", refuses, refused.well, *first, what=what)
    yield refused.case("silent about a node that is down", refuses, {up: 0, primary: 1}, silent, what=what)
    yield refused.case("silent about a replica", refuses, {up: 1, replica: 1}, silent, what=what)
    if refused.fires > 2 * clock.sample:  # an alert that does not wait speaks before the new role is known
        demoted: dict[str, int | str] = {up: 1, primary: f"{gauge(1, 2)} stale", replica: f"_x2 {gauge(1, count)}"}
        yield refused.case("silent about a primary that hands over", refuses, demoted, silent, what=what)
    yield refused.case(
        "silent while it takes writes", {refused.series: gauge(0, count)}, refused.well, silent, what=what
    )
    yield refused.case("silent without data", {}, {}, silent, what=what)
    yield _over(refused, what)
    if refused.most:
        yield from _seldom(refused, what)


def _over(refused: Refused, what: str) -> Case:
    """It refuses just often enough, and then no more."""
    clock, labels = refused.clock, refused.cast.of_primary(_REFUSED.name)
    # The sample before the last news is seen till then.
    known_until = refused.first + refused.most * refused.every - clock.sample + refused.window
    ended = clock.first_after(known_until)
    still = max(refused.fires, clock.last_before(known_until))
    told = {refused.series: refused.told(refused.most + 1, clock.samples(ended))}
    expects = (_REFUSED.firing(still, labels), _REFUSED.firing(ended))
    return refused.case("resolves when its window is over", told, refused.well, *expects, what=what)


def _seldom(refused: Refused, what: str) -> Iterator[Case]:
    """One more than a moment has, after a while in which the first is hardly remembered, and then is not."""
    clock, labels, most = refused.clock, refused.cast.of_primary(_REFUSED.name), refused.most
    until = refused.first - clock.sample + refused.memory  # the sample before the first news is seen till then
    still, ended = clock.last_before(until), clock.first_after(until)
    last, count = still // clock.sample, clock.samples(ended)
    pause = last - (refused.first + (most - 1) * refused.every) // clock.sample - 1
    told = f"{refused.told(most, pause)} {steady(_EVENT * (most + 1), count)}"
    fires = _REFUSED.first(up_to(clock.step, last * clock.sample), clock.step, labels)
    expects = (*fires, _REFUSED.firing(still, labels), _REFUSED.firing(ended))
    yield refused.case("fires as long as it is remembered", {refused.series: told}, refused.well, *expects, what=what)
    yield _anew_and_more(refused, what)


def _anew_and_more(refused: Refused, what: str) -> Case:
    """A counter that began anew has that in it once too often, until it is remembered no more."""
    clock, most = refused.clock, refused.most
    before = refused.first // clock.sample
    until = refused.first - clock.sample + refused.memory
    still, ended = clock.last_before(until), clock.first_after(until)
    last, count = still // clock.sample, clock.samples(ended)
    parts = (steady(5, before), steady(0, last - most - before + 1), growing(_EVENT, most, _EVENT))
    told = {refused.series: " ".join((*parts, steady(_EVENT * (most + 1), count)))}
    expects = (_REFUSED.silent_until(still), _REFUSED.firing(ended, refused.cast.of_primary(_REFUSED.name)))
    return refused.case("a restart is no refusal", told, refused.well, *expects, what=what)
