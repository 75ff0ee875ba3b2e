"""From a scene in which an alert about Redis itself fires, and one in which it just does not: its test cases. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from alerts.rule_cases import Case, Expect, Labels, Watch, gone, up_to
from policy.units import plain

_WELL = 4  # samples until a fact is told no more
Values = Mapping[str, Decimal | int]
"""Input series and the value that each keeps."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Milliseconds between evaluations, and between samples; the first is a multiple of the second."""

    step: int
    sample: int

    @classmethod
    def between(cls, step: int, interval: int) -> Clock:
        """Two samples an `interval`, if it can be halved, so that a window can end between two evaluations."""
        return cls(step, interval if interval % 2 else interval // 2)

    def last_before(self, time: int) -> int:
        """The last evaluation before a time."""
        return (time - 1) // self.step * self.step

    def first_after(self, time: int) -> int:
        """The first evaluation after a time. Before and after, for versions of Prometheus differ at the edge of a window."""
        return (time // self.step + 1) * self.step

    def last_silent(self, known_until: int, hold: int) -> int:
        """The last evaluation of an alert that waits from the end of a window on, at which it is surely silent."""
        # Where an evaluation falls on the very end of the window, versions of Prometheus differ: it may be there already.
        unsure = 0 if known_until % self.step else self.step
        return self.last_before(known_until) + up_to(self.step, hold) - unsure

    def samples(self, until: int) -> int:
        """So many samples last past a time."""
        return until // self.sample + 2


@dataclass(frozen=True, slots=True)
class Proof:
    """An alert that fires `hold` milliseconds after `over` began, and never while it is `under`.

    `needed` are series without which it ends, with the milliseconds for which their last word counts. `silent` and `fires`
    are further scenes by the promise that they prove. After the last bad sample it lasts for `lingers` milliseconds, where
    a fact that is over is another series. `what` tells proofs of one alert apart.
    """

    alert: str
    labels: Labels
    hold: int
    over: Values
    under: Values
    needed: Mapping[str, int]
    silent: Mapping[str, Values] = field(default_factory=dict)
    fires: Mapping[str, Values] = field(default_factory=dict)
    lingers: int = 0
    what: str = ""

    def named(self, promise: str) -> str:
        """The name of a case."""
        return f"{self.alert}: {promise}{f' ({self.what})' if self.what else ''}"


def steady(value: Decimal | int, count: int) -> str:
    """`count` samples of the same value, which may be a fraction."""
    return f"{plain(Decimal(value))}+0x{count - 1}"


def cases(proof: Proof, clock: Clock) -> Iterator[Case]:
    """All cases of one proof."""
    watch, fires = Watch(proof.alert), up_to(clock.step, proof.hold)
    end = fires + 4 * clock.step
    count = clock.samples(end)

    def case(promise: str, scene: Mapping[str, str], *expects: Expect) -> Case:
        return Case(proof.named(promise), clock.sample, scene, expects)

    def always(values: Values) -> dict[str, str]:
        return {name: steady(value, count) for name, value in values.items()}

    first = (*watch.first(fires, clock.step, proof.labels), watch.firing(end, proof.labels))
    yield case("fires at its duration, just over", always(proof.over), *first)
    for promise, values in proof.fires.items():
        yield case(f"fires {promise}", always(values), *first)
    for promise, values in {"just under": proof.under, "without data": {}, **proof.silent}.items():
        yield case(f"silent {promise}", always(values), watch.silent_until(end))
    yield _resolves(proof, clock)
    yield from (forgets(proof, clock, name, memory) for name, memory in proof.needed.items())


def _resolves(proof: Proof, clock: Clock) -> Case:
    """With the first good sample, or once the last bad one counts no more."""
    watch, fires = Watch(proof.alert), up_to(clock.step, proof.hold)
    bad = fires // clock.sample + (2 if proof.lingers else 1)
    last = (bad - 1) * clock.sample
    good = clock.first_after(last + proof.lingers) if proof.lingers else up_to(clock.step, bad * clock.sample)
    names = {**proof.under, **proof.over}
    rest = clock.samples(good) - bad
    series = {name: f"{_part(proof.over, name, bad)} {_part(proof.under, name, rest)}" for name in names}
    expects = (watch.firing(max(fires, clock.last_before(last + proof.lingers)), proof.labels), watch.firing(good))
    return Case(proof.named("resolves when all is good again"), clock.sample, series, expects)


def _part(values: Values, name: str, count: int) -> str:
    if name in values:
        return steady(values[name], count)
    return gone(count)


def forgets(proof: Proof, clock: Clock, name: str, memory: int, *then: Labels) -> Case:
    """The exporter, the node or the fact is gone: its last word counts for as long as a restart may take, no longer.

    `then` are the alerts that take the place of this one.
    """
    watch, fires = Watch(proof.alert), up_to(clock.step, proof.hold)
    told = fires // clock.sample + 2
    # Where the last word would leave the window with an evaluation, one more: see `Clock.first_after`.
    told += ((told - 1) * clock.sample + memory) % clock.step == 0
    last = (told - 1) * clock.sample
    ended = clock.first_after(last + memory)
    rest = clock.samples(ended) - told
    series = {
        each: f"{steady(value, told)} {gone(rest)}" if each == name else steady(value, told + rest)
        for each, value in proof.over.items()
    }
    still = max(fires, clock.last_before(last + memory))
    expects = (watch.firing(still, proof.labels), watch.firing(ended, *then))
    return Case(proof.named(f"ends when {name.partition('{')[0]} is gone for long"), clock.sample, series, expects)


def untold(
    watch: Watch, promise: str, clock: Clock, scene: Values, fact: str, memory: int, hold: int, *alerts: Labels
) -> Case:
    """One fact of a scene keeps some of `alerts` silent, for `memory` ms from its last word on; `hold` ms later all fire."""
    # Where its last word would leave the window with an evaluation, one more: see `Clock.first_after`.
    told = _WELL + (((_WELL - 1) * clock.sample + memory) % clock.step == 0)
    known_until = (told - 1) * clock.sample + memory
    fires = clock.first_after(known_until) + up_to(clock.step, hold)
    count = clock.samples(fires)
    series = {name: steady(value, count) for name, value in scene.items()}
    series[fact] = f"{steady(scene[fact], told)} {gone(count)}"
    until = clock.last_silent(known_until, hold)
    # Of one alert nothing may have fired at all; of several, never as many as all.
    not_all = Expect(until, f"count({watch.expr}) == {len(alerts)}")
    quiet = watch.silent_until(until) if len(alerts) == 1 else not_all
    return Case(f"{watch.name}: {promise}", clock.sample, series, (quiet, watch.firing(fires, *alerts)))
