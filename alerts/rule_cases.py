"""Unit tests of rules as `promtool test rules` reads them: made-up series, and what must be so at which time. Pure.

Times are milliseconds from the start of a test. What fires is read from the series `ALERTS`, with exactly its labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from alerts.promql import selector, span

Labels = Mapping[str, str]
LOOKBACK = 300_000
"""So long an instant selector sees a sample; one that is exactly as old up to Prometheus 2."""


@dataclass(frozen=True, slots=True)
class Expect:
    """At `at` the expression gives exactly these series, each with the value 1; none: it gives nothing."""

    at: int
    expr: str
    series: tuple[str, ...] = ()

    def data(self) -> dict[str, Any]:
        """As the test file has it."""
        samples = [{"labels": series, "value": 1} for series in self.series]
        return {"expr": self.expr, "eval_time": span(self.at), "exp_samples": samples}


@dataclass(frozen=True, slots=True)
class Case:
    """One promise about the rules. `series` are written as promtool writes them, a value each `sample`."""

    name: str
    sample: int
    series: Mapping[str, str]
    expects: tuple[Expect, ...]

    def data(self) -> dict[str, Any]:
        """As the test file has it."""
        return {
            "name": self.name,
            "interval": span(self.sample),
            "input_series": [{"series": series, "values": values} for series, values in self.series.items()],
            "promql_expr_test": [expect.data() for expect in self.expects],
        }


def suite(stem: str, evaluation: int, cases: Iterable[Case]) -> dict[str, Any]:
    """A test file for `rules/STEM.yml`; `evaluation` is the time between two evaluations."""
    return {
        "rule_files": [f"../rules/{stem}.yml"],
        "evaluation_interval": span(evaluation),
        "tests": [case.data() for case in cases],
    }


@dataclass(frozen=True, slots=True)
class Watch:
    """What a case sees of an alert: everything that fires under its name, or of it one part alone."""

    name: str
    part: str = ""

    @property
    def expr(self) -> str:
        """The series of all that fires, whatever its other labels."""
        return selector("ALERTS", alertname=self.name, alertstate="firing", part=self.part)

    def firing(self, at: int, *alerts: Labels) -> Expect:
        """Now exactly these alerts fire, given by their labels; none given: silence now."""
        return Expect(at, self.expr, tuple(selector("ALERTS", **{**alert, **self._own}) for alert in alerts))

    def silent_until(self, at: int) -> Expect:
        """Nothing has fired from the start until now."""
        return Expect(at, f"count_over_time({self.expr}[{span(at + 1)}])")

    def first(self, at: int, step: int, *alerts: Labels) -> tuple[Expect, ...]:
        """They fire now and not one evaluation before (there is none before the start)."""
        before = (self.silent_until(at - step),) if at >= step else ()
        return (*before, self.firing(at, *alerts))

    @property
    def _own(self) -> dict[str, str]:
        return {"alertname": self.name, "alertstate": "firing"}


@dataclass(frozen=True, slots=True)
class Edge:
    """When a range selector loses a sample: the one counted `last` from 0, of those that come each `sample`.

    `inside` is the last evaluation whose window holds it, `outside` the next. It leaves between the two and not with
    either, for versions of Prometheus differ about a sample on the very edge.
    """

    sample: int
    last: int
    inside: int
    outside: int


def edge(window: int, step: int, sample: int, first: int = 0) -> Edge:
    """The first such sample from `first` on whose successor is seen as well while it is inside.

    The samples come as often as asked, or a little more often where each would meet an evaluation.
    """
    for each in (sample, sample - step // 2, sample // 2 + 1, sample - 1):
        for last in range(first, first + _EDGES) if each > 0 else ():
            leaves = last * each + window
            inside = leaves // step * step
            if leaves % step and inside >= (last + 1) * each:
                return Edge(each, last, inside, inside + step)
    raise ValueError(f"no sample each {sample} ms leaves {window} ms between two evaluations {step} ms apart")


_EDGES = 1000


def up_to(step: int, value: int) -> int:
    """The first multiple of `step` that is not below `value`."""
    return -(-value // step) * step


def gauge(value: int, count: int) -> str:
    """`count` samples of the same value."""
    return f"{value}+0x{count - 1}"


def counter(step: int, count: int, start: int = 0) -> str:
    """`count` samples that grow by `step` from `start`."""
    return f"{start}+{step}x{count - 1}"


def gone(count: int) -> str:
    """The series ends, as when its target is no longer scraped, and stays away for `count` samples."""
    return "stale" if count == 1 else f"stale _x{count - 1}"


BEFORE = 3
"""Samples before something changes."""


@dataclass(frozen=True, slots=True)
class Waits:
    """Those of an alert on the exporter's own words, in milliseconds.

    They lie between evaluations and between samples, until what is wrong is told, and for how long an exporter may be away.
    """

    step: int
    sample: int
    hold: int
    away: int

    @property
    def fires(self) -> int:
        """The first firing of what was wrong from the start."""
        return up_to(self.step, self.hold)

    @property
    def end(self) -> int:
        """An evaluation well past it, and past a restart of the exporter."""
        return self.fires + up_to(self.step, self.away + (BEFORE + 2) * self.sample) + self.step

    @property
    def samples(self) -> int:
        """How many samples last until the end."""
        return self.end // self.sample + 2

    def restarting(self, value: int) -> str:
        """The samples of an exporter that is away for as long as it may be, and says the same before and after."""
        return f"{gauge(value, BEFORE)} {gone(self.away // self.sample)} {gauge(value, self.samples)}"

    @property
    def still_away(self) -> int:
        """The last evaluation before it is back; the first firing where that is later."""
        back = (BEFORE + self.away // self.sample) * self.sample
        return max(self.fires, (back - 1) // self.step * self.step)
