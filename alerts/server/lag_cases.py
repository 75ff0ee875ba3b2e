"""Test cases of CacheReplicationLag about a replica that acknowledges and does not keep up. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat

from alerts.promql import milliseconds, selector
from alerts.rule_cases import Case, Expect, Labels, Watch, counter, gauge, gone, up_to
from alerts.server.proof import Clock
from alerts.server.replication_lag import ACKNOWLEDGED, LAG, WRITTEN, behind_after
from alerts.server.scenes import Cast
from policy.units import seconds

_NAME = "CacheReplicationLag"
_WATCH = Watch(_NAME)
_START = 10**6
_WELL = 4  # samples at the start


@dataclass(frozen=True, slots=True)
class _Pair:
    """A primary that writes a byte with each sample, and its replica; times in milliseconds."""

    cast: Cast
    clock: Clock
    after: int
    hold: int

    @property
    def shift(self) -> int:
        """As many samples may a replica be behind: what it has then was written just so long ago."""
        return -(-self.after // self.clock.sample)

    @property
    def fires(self) -> int:
        """The first firing about one that is behind from the start."""
        return up_to(self.clock.step, self.after) + up_to(self.clock.step, self.hold)

    @property
    def written(self) -> str:
        """How much the primary has written."""
        return selector(WRITTEN, **self.cast.primary)

    def acknowledged(self, port: str = "6379", state: str = "online") -> str:
        """How much a replica has."""
        return selector(ACKNOWLEDGED, **self.cast.primary, **_who(port), slave_state=state)

    def labels(self, port: str = "6379") -> Labels:
        """Those of the alert."""
        return {**self.cast.of_primary(_NAME), **_who(port)}

    def behind(self, by: int, count: int) -> str:
        """The samples of a replica that is so many samples behind."""
        return counter(1, count, _START - by)

    def case(self, promise: str, series: Mapping[str, str], *expects: Expect) -> Case:
        """A case about this alert."""
        return Case(f"{_NAME}: {promise}", self.clock.sample, series, expects)


def _who(port: str) -> dict[str, str]:
    return {"slave_ip": "192.0.2.2", "slave_port": port}


def behind(cast: Cast, clock: Clock) -> Iterator[Case]:
    """All cases."""
    policy = cast.policy
    pair = _Pair(cast, clock, milliseconds(behind_after(policy)), milliseconds(policy.alerts.replication_lag.for_))
    yield from _steady(pair)
    yield _both(pair)
    yield _resolves(pair)
    yield _unnamed(pair)
    yield _forgotten(pair)
    yield _nothing_written(pair)
    yield _restart(pair)
    yield _away(pair)
    yield _history(pair)


def _steady(pair: _Pair) -> Iterator[Case]:
    """Just behind enough, and just not; another replica, and one that still gets its copy."""
    end = pair.fires + 4 * pair.clock.step
    count = pair.clock.samples(end)
    writes = {pair.written: counter(1, count, _START)}
    over, under = (pair.behind(pair.shift + more, count) for more in (1, 0))
    first = _WATCH.first(pair.fires, pair.clock.step, pair.labels())
    quiet = _WATCH.silent_until(end)
    beside = {pair.acknowledged(): over, pair.acknowledged("6380"): under}
    yield pair.case("fires about one of two that acknowledges and is too far behind", {**writes, **beside}, *first)
    yield pair.case("silent about one that is just not too far behind", {**writes, pair.acknowledged(): under}, quiet)
    copying = {**writes, pair.acknowledged(state="send_bulk"): over}
    yield pair.case("silent about one that still gets its copy", copying, quiet)


def _both(pair: _Pair) -> Case:
    """It acknowledges nothing and is behind: one alert."""
    count = pair.clock.samples(pair.fires)
    lag = selector(LAG, **pair.cast.primary, **_who("6379"), slave_state="online")
    most = int(seconds(pair.cast.policy.alerts.replication_lag.above))
    series = {
        pair.written: counter(1, count, _START),
        pair.acknowledged(): gauge(_START - pair.shift - 1, count),
        lag: gauge(most + 1, count),
    }
    return pair.case(
        "once about one that is behind and acknowledges nothing", series, _WATCH.firing(pair.fires, pair.labels())
    )


def _resolves(pair: _Pair) -> Case:
    """With the first word that it has all."""
    bad = pair.fires // pair.clock.sample + 1
    good = up_to(pair.clock.step, bad * pair.clock.sample)
    rest = pair.clock.samples(good) - bad
    acked = f"{pair.behind(pair.shift + 1, bad)} {counter(1, rest, _START + bad)}"
    series = {pair.written: counter(1, bad + rest, _START), pair.acknowledged(): acked}
    return pair.case("resolves when it has all", series, _WATCH.firing(pair.fires, pair.labels()), _WATCH.firing(good))


def _unnamed(pair: _Pair) -> Case:
    """Its primary goes on and names it no more: that is CacheReplicasMissing's story."""
    told = pair.fires // pair.clock.sample + 1
    ended = up_to(pair.clock.step, told * pair.clock.sample)
    rest = pair.clock.samples(ended) - told
    series = {
        pair.written: counter(1, told + rest, _START),
        pair.acknowledged(): f"{pair.behind(pair.shift + 1, told)} {gone(rest)}",
    }
    expects = (_WATCH.firing(pair.fires, pair.labels()), _WATCH.firing(ended))
    return pair.case("ends as soon as the primary names it no more", series, *expects)


def _forgotten(pair: _Pair) -> Case:
    """Nothing is told of either any more: the last word counts for as long as a restart of the exporter may take."""
    return _untold(pair, "ends when nothing is told of either for long", lambda _told, rest: gone(rest))


def _nothing_written(pair: _Pair) -> Case:
    """The same where the replica alone is told of."""
    promise = "ends when what the primary writes is not told for long"
    return _untold(pair, promise, lambda told, rest: gauge(_START - pair.shift - 2 + told, rest))


def _untold(pair: _Pair, promise: str, acknowledged: Callable[[int, int], str]) -> Case:
    """What the primary writes is told no more; the replica's samples then, by how many were told before and how many they are."""
    clock, memory = pair.clock, pair.cast.slow
    told = _told(pair, pair.fires // clock.sample + 2, memory)
    last = (told - 1) * clock.sample
    ended = clock.first_after(last + memory)
    rest = clock.samples(ended) - told
    series = {
        pair.written: f"{counter(1, told, _START)} {gone(rest)}",
        pair.acknowledged(): f"{pair.behind(pair.shift + 1, told)} {acknowledged(told, rest)}",
    }
    still = max(pair.fires, clock.last_before(last + memory))
    return pair.case(promise, series, _WATCH.firing(still, pair.labels()), _WATCH.firing(ended))


def _restart(pair: _Pair) -> Case:
    """The exporter is away and back: what fires goes on."""
    clock = pair.clock
    told, away = pair.fires // clock.sample + 2, pair.cast.slow // clock.sample - 1
    end = up_to(clock.step, (told + away) * clock.sample + pair.after) + clock.step
    rest = clock.samples(end) - told - away
    series = _gap(pair, told, away, rest)
    expects = map(_WATCH.firing, range(pair.fires, end + 1, clock.step), repeat(pair.labels()))
    return pair.case("goes on while the exporter restarts", series, *expects)


def _away(pair: _Pair) -> Case:
    """It is away for longer: what was written before it left counts no more, and the wait begins anew."""
    clock, memory = pair.clock, pair.cast.slow
    told = _told(pair, _WELL, memory + pair.after)
    last = (told - 1) * clock.sample
    away = -(-(memory + clock.step) // clock.sample) - 1
    # What was said before is forgotten then, and what is said again not old enough.
    nothing = clock.first_after(last + memory + pair.after)
    fires = up_to(clock.step, last + (away + 1) * clock.sample + pair.after) + up_to(clock.step, pair.hold)
    rest = clock.samples(fires)
    series = _gap(pair, told, away, rest)
    neither = Expect(nothing, selector("ALERTS", alertname=_NAME))
    expects = (neither, _WATCH.firing(fires, pair.labels()))
    return pair.case("waits anew when the exporter was away for long", series, *expects)


def _gap(pair: _Pair, told: int, away: int, rest: int) -> dict[str, str]:
    """Both are told so many times, for so many samples not, and again, the replica too far behind throughout."""
    values = ((pair.written, 0), (pair.acknowledged(), pair.shift + away + 1))
    return {
        name: f"{counter(1, told, _START - by)} {gone(away)} {counter(1, rest, _START + told + away - by)}"
        for name, by in values
    }


def _told(pair: _Pair, least: int, memory: int) -> int:
    """So many samples that the last leaves a window of `memory` ms with no evaluation: see `Clock.first_after`."""
    clock = pair.clock
    return least + (((least - 1) * clock.sample + memory) % clock.step == 0)


def _history(pair: _Pair) -> Case:
    """The primary begins a history anew: what it had written before it counts for nothing."""
    clock, old = pair.clock, pair.shift + 2
    # Anew from this sample on; the replica has nothing of what follows its first byte.
    begun = up_to(clock.step, old * clock.sample)
    old = begun // clock.sample
    fires = up_to(clock.step, begun + pair.after) + up_to(clock.step, pair.hold)
    rest = clock.samples(fires) - old
    series = {
        pair.written: f"{gauge(_START, old)} {gauge(10, rest)}",
        pair.acknowledged(): f"{gauge(_START, old)} {gauge(9, rest)}",
    }
    first = _WATCH.first(fires, clock.step, pair.labels())
    return pair.case("compares nothing with a history before", series, *first)
