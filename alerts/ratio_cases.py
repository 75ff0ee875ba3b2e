"""The test cases that every alert on a ratio must pass: threshold, duration, silence, recovery, counter reset. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from alerts.promql import milliseconds, span
from alerts.rule_cases import Case, Expect, Labels, Watch, counter, gauge, up_to


@dataclass(frozen=True, slots=True)
class Ratio:
    """An alert on a ratio, and events that break or keep its promise.

    `series` gives, for a count of good (or used) events, what each input series grows by with every sample, or for
    gauges its value. `over` is the nearest count at which the alert's condition holds, None when none can be that bad;
    `under` the nearest at which it does not. `record` selects the recorded ratio, `broken` is the condition on it;
    `window` is that of its rates.
    """

    name: str
    labels: Labels
    hold: timedelta
    over: int | None
    under: int
    record: str
    broken: str
    series: Callable[[int], Mapping[str, int]]
    window: timedelta
    counters: bool = True


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds: between evaluations, between samples, the rate's window; the first ratio and the first firing."""

    step: int
    sample: int
    window: int
    seen: int
    fires: int

    @property
    def end(self) -> int:
        """An evaluation well past the first firing."""
        return up_to(self.step, self.fires + self.window + 4 * max(self.sample, self.step))

    @property
    def samples(self) -> int:
        """How many samples last until the end."""
        return self.end // self.sample + 2


def times(ratio: Ratio, step: int) -> Times:
    """The time table of an alert whose condition holds from the start, evaluated each `step`."""
    sample = milliseconds(ratio.window) // 4
    if ratio.counters:
        seen, window = up_to(step, sample), milliseconds(ratio.window)  # a rate needs two samples
    else:
        seen, window = 0, 0
    return Times(step, sample, window, seen, seen + up_to(step, milliseconds(ratio.hold)))


def cases(ratio: Ratio, step: int) -> Iterator[Case]:
    """All cases of one alert."""
    when = times(ratio, step)
    if ratio.over is not None:
        yield _fires(ratio, ratio.over, when)
        yield _resolves(ratio, ratio.over, when)
    silent = Watch(ratio.name).silent_until(when.end)
    yield Case(f"{ratio.name}: silent just under", when.sample, _steady(ratio, ratio.under, when.samples), (silent,))
    yield Case(f"{ratio.name}: silent without data", when.sample, {}, (silent,))
    if ratio.counters:
        yield _idle(ratio, when)
        yield _restarts(ratio, when)
    elif ratio.over is not None:
        yield _exactly(ratio, ratio.over, when)


def _fires(ratio: Ratio, over: int, when: Times) -> Case:
    watch = Watch(ratio.name)
    expects = (*watch.first(when.fires, when.step, ratio.labels), watch.firing(when.end, ratio.labels))
    series = _steady(ratio, over, when.samples)
    return Case(f"{ratio.name}: fires at its duration, just over", when.sample, series, expects)


def _exactly(ratio: Ratio, over: int, when: Times) -> Case:
    """A gauge at the threshold is not past it. Of rates nobody can say: they are equal to within a float's last digit."""
    exact = over + (1 if ratio.under > over else -1)
    series = _steady(ratio, exact, when.samples)
    expects = (Watch(ratio.name).silent_until(when.end),)
    return Case(f"{ratio.name}: silent at the threshold itself", when.sample, series, expects)


def _steady(ratio: Ratio, count: int, samples: int) -> dict[str, str]:
    write = counter if ratio.counters else gauge
    return {name: write(value, samples) for name, value in ratio.series(count).items()}


def _resolves(ratio: Ratio, over: int, when: Times) -> Case:
    """Bad until it has fired, then good: resolved as soon as the window holds nothing bad."""
    bad = -(-when.fires // when.sample) + 1  # the last bad sample comes with the first firing or after it
    last_bad = (bad - 1) * when.sample
    resolved = up_to(when.step, last_bad + when.window + when.sample)
    watch = Watch(ratio.name)
    expects = (watch.firing(last_bad // when.step * when.step, ratio.labels), watch.firing(resolved))
    series = turning(ratio, over, bad, resolved // when.sample + 2 - bad)
    return Case(f"{ratio.name}: resolves when all is good again", when.sample, series, expects)


def turning(ratio: Ratio, over: int, bad: int, good: int) -> dict[str, str]:
    """The series with `bad` samples just over, then `good` samples just under."""
    ill, well = ratio.series(over), ratio.series(ratio.under)
    if not ratio.counters:
        return {name: f"{gauge(ill[name], bad)} {gauge(well[name], good)}" for name in ill}
    return {
        name: f"{counter(ill[name], bad)} {counter(well[name], good, ill[name] * (bad - 1) + well[name])}"
        for name in ill
    }


def _idle(ratio: Ratio, when: Times) -> Case:
    """Counters that stand still give no ratio; 0/0 would be NaN and poison what is computed from it."""
    series = {name: gauge(value, when.samples) for name, value in ratio.series(ratio.under).items()}
    expects = (Watch(ratio.name).silent_until(when.end), Expect(when.end, ratio.record))
    return Case(f"{ratio.name}: silent without traffic", when.sample, series, expects)


def _restarts(ratio: Ratio, when: Times) -> Case:
    """All counters begin anew in the middle: at every evaluation there is a ratio, and it is a good one.

    Seen on the ratio and not on the alert, whose duration would forgive a moment.
    """
    half = when.samples // 2 + 1
    series = {
        name: f"{counter(step, half, 10 * step)} {counter(step, half)}"
        for name, step in ratio.series(ratio.under).items()
    }
    evaluations = (when.end - when.seen) // when.step + 1
    expects = (
        Expect(when.end, f"count_over_time(({ratio.broken})[{span(when.end)}:{span(when.step)}])"),
        Expect(when.end, f"count(count_over_time({ratio.record}[{span(when.end + 1)}]) == {evaluations})", ("{}",)),
        Watch(ratio.name).silent_until(when.end),
    )
    return Case(f"{ratio.name}: silent when the counters begin anew", when.sample, series, expects)
