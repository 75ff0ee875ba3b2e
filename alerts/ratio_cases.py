"""The test cases that every alert on a ratio must pass: threshold, duration, silence, recovery, swings, counter reset. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from alerts.promql import milliseconds, span
from alerts.rule_cases import LOOKBACK, Case, Expect, Labels, Watch, counter, gauge, gone, up_to


@dataclass(frozen=True, slots=True)
class Ratio:
    """An alert on a ratio, and events that break or keep its promise.

    `series` gives, for a count of good (or used) events, what each input series grows by with every sample, or for
    gauges its value. `over` is the nearest count at which the alert's condition holds, None when none can be that bad;
    `under` the nearest at which it does not. `record` selects the recorded ratio, `broken` is the condition on it;
    `window` is that of its rates; `keep` is how long it goes on once it is not broken any more.
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
    keep: timedelta
    counters: bool = True


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds: between evaluations, between samples, the rate's window; the first ratio and the first firing.

    `keep` is how long it goes on at most, `kept` for how long at least: the last evaluation, or the alert's own series, may
    be as old as what is looked at, or older.
    """

    step: int
    sample: int
    window: int
    seen: int
    fires: int
    keep: int
    kept: int

    @property
    def mends(self) -> int:
        """How long after the last bad sample the ratio may be bad, at an evaluation."""
        return self.window + self.sample

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
    keep = milliseconds(ratio.keep)
    kept = keep if step < min(keep, LOOKBACK) else 0
    return Times(step, sample, window, seen, seen + up_to(step, milliseconds(ratio.hold)), keep, kept)


def cases(ratio: Ratio, step: int) -> Iterator[Case]:
    """All cases of one alert."""
    when = times(ratio, step)
    if ratio.over is not None:
        yield _fires(ratio, ratio.over, when)
        yield from _swings(ratio, ratio.over, when)
    if ratio.counters:
        yield _idle(ratio, when)
        yield _restarts(ratio, when)
        yield from _unseen(ratio, when)
        return
    silent, series = Watch(ratio.name).silent_until(when.end), _steady(ratio, ratio.under, when.samples)
    yield Case(f"{ratio.name}: silent just under", when.sample, series, (silent,))
    if ratio.over is not None:
        yield _exactly(ratio, ratio.over, when)


def nothing(ratios: tuple[Ratio, ...], step: int) -> Case:
    """None of the alerts without any data."""
    whens = [times(ratio, step) for ratio in ratios]
    silent = (Watch(ratio.name).silent_until(when.end) for ratio, when in zip(ratios, whens, strict=True))
    return Case("All of them: silent without data", whens[0].sample, {}, tuple(silent))


def _exactly(ratio: Ratio, over: int, when: Times) -> Case:
    """A gauge at the threshold is not past it. Of rates nobody can say: they are equal to within a float's last digit."""
    series = _steady(ratio, _threshold(ratio, over), when.samples)
    expects = (Watch(ratio.name).silent_until(when.end),)
    return Case(f"{ratio.name}: silent at the threshold itself", when.sample, series, expects)


def _threshold(ratio: Ratio, over: int) -> int:
    return over + (1 if ratio.under > over else -1)


def _steady(ratio: Ratio, count: int, samples: int) -> dict[str, str]:
    write = counter if ratio.counters else gauge
    return {name: write(value, samples) for name, value in ratio.series(count).items()}


def _fires(ratio: Ratio, over: int, when: Times) -> Case:
    """Bad until it has fired, then good: resolved when the window has held nothing bad for as long as it is kept.

    A gauge is good at the threshold itself.
    """
    bad = until_it_fires(when)
    last_bad = (bad - 1) * when.sample
    resolved = up_to(when.step, last_bad + when.mends)
    # Versions of Prometheus differ about a sample on the very edge of what it looks at.
    goes_on = last_bad // when.step * when.step + max(0, when.kept - 1) // when.step * when.step
    resolved += up_to(when.step, when.keep + 1) if when.keep else 0
    watch = Watch(ratio.name)
    first = watch.first(when.fires, when.step, ratio.labels)
    expects = (*first, watch.firing(goes_on, ratio.labels), watch.firing(resolved))
    good = ratio if ratio.counters else replace(ratio, under=_threshold(ratio, over))
    series = turning(good, over, bad, resolved // when.sample + 2 - bad)
    name = f"{ratio.name}: fires at its duration, just over, and resolves when all is good again"
    return Case(name, when.sample, series, expects)


def until_it_fires(when: Times) -> int:
    """So many samples that the last comes with the first firing or after it."""
    return -(-when.fires // when.sample) + 1


def _swings(ratio: Ratio, over: int, when: Times) -> Iterator[Case]:
    """Bad, good and bad again: one alert where it has fired and the good time is shorter than it is kept; else none."""
    good = -(-(when.mends + 2 * when.step) // when.sample)
    watch, hold = Watch(ratio.name), when.fires - when.seen
    if good * when.sample + when.mends >= when.kept - 2 * when.step:
        return
    bad = until_it_fires(when)
    end = (2 * bad + good) * when.sample // when.step * when.step
    number = (end - when.fires) // when.step + 1
    whole = f"count(count_over_time({watch.expr}[{span(end + 1)}]) == {number})"
    series = _swinging(ratio, over, bad, good)
    yield Case(f"{ratio.name}: one alert of what swings", when.sample, series, (Expect(end, whole, ("{}",)),))
    brief = (hold - 2 * when.step) // when.sample
    if ratio.counters or brief < 1:
        return
    series = _swinging(ratio, over, brief, good)
    end = up_to(when.step, (2 * brief + good) * when.sample)
    yield Case(
        f"{ratio.name}: silent about what swings and never lasts", when.sample, series, (watch.silent_until(end),)
    )


def _swinging(ratio: Ratio, over: int, bad: int, good: int) -> dict[str, str]:
    """The series `bad` samples just over, then `good` just under, then bad again."""
    ill, well = ratio.series(over), ratio.series(ratio.under)
    found = {}
    for name, first in turning(ratio, over, bad, good).items():
        before = ill[name] * bad + well[name] * good
        again = counter(ill[name], bad + 2, before) if ratio.counters else gauge(ill[name], bad + 2)
        found[name] = f"{first} {again}"
    return found


def _unseen(ratio: Ratio, when: Times) -> Iterator[Case]:
    """Bad until it has fired, and then nobody looks any more: it is not kept for that."""
    bad = until_it_fires(when)
    ends = up_to(when.step, (bad - 1) * when.sample + when.window + when.step)
    if ratio.over is None or ends >= (bad - 1) * when.sample + when.kept - when.step:
        return
    steady = _steady(ratio, ratio.over, bad)
    series = {name: f"{values} {gone(ends // when.sample + 2)}" for name, values in steady.items()}
    expects = (Watch(ratio.name).firing(ends),)
    yield Case(f"{ratio.name}: not kept where nobody looks any more", when.sample, series, expects)


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
    return Case(f"{ratio.name}: silent just under, and when the counters begin anew", when.sample, series, expects)
