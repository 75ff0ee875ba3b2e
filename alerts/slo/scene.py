"""The counters of a node, or of another process, behind an objective: what a test's good and bad events are made of. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from alerts.promql import milliseconds, selector, span
from alerts.rule_cases import LOOKBACK, Case, Expect, Labels, Watch
from alerts.slo import burning
from alerts.slo.scope import Scope
from alerts.slo.story import Story
from policy import metrics as m
from policy.alerts import AlertSpec
from policy.buckets import latency_bounds
from policy.examples import pair
from policy.metrics import le
from policy.units import seconds

# What the counters stand at when they are seen first; none of it counts.
GOOD_BEFORE, BAD_BEFORE = 1000, 300
SOME_NODES = ("192.0.2.1:6379", "192.0.2.2:6379")


@dataclass(frozen=True, slots=True)
class Raw:
    """One counter: its series, and what it grows by with each good and each bad event."""

    series: str
    good: int
    bad: int

    def text(self, story: Story, start: tuple[int, int] = (GOOD_BEFORE, BAD_BEFORE)) -> str:
        """Its samples in a story."""
        return story.counter(self.good, self.bad, self.good * start[0] + self.bad * start[1])


@dataclass(frozen=True)
class Scene:
    """An objective under test, seen each `step` milliseconds."""

    scope: Scope
    step: int

    def raws(self, node: int = 0) -> tuple[Raw, ...]:
        """The counters of one of two nodes."""
        return tuple(_raws(self.scope, SOME_NODES[node]))

    def series(self, story: Story, node: int = 0) -> dict[str, str]:
        """All counters of a node in a story."""
        return {raw.series: raw.text(story) for raw in self.raws(node)}

    def story(
        self, steps: int, events: Mapping[int, tuple[int, int]] | None = None, usual: tuple[int, int] = (0, 0)
    ) -> Story:
        """A story at this scene's pace."""
        return Story(self.step, steps, events or {}, usual)

    def case(self, promise: str, series: Mapping[str, str], expects: tuple[Expect, ...]) -> Case:
        """A case, named after the objective."""
        return Case(f"{self.scope.identity}: {promise}", self.step, series, expects)

    def steps(self, window: timedelta) -> int:
        """So many steps are in a window."""
        return -(-milliseconds(window) // self.step)

    def waits(self, spec: AlertSpec) -> int:
        """So many steps does the duration of an alert take."""
        return self.steps(burning.hold(self.scope, spec))

    @property
    def remembers(self) -> int:
        """The last steps of which one that burnt is enough for an alert to go on."""
        return self.steps(self.scope.policy.rules.keep_firing_for) or 1

    @property
    def kept(self) -> int:
        """For so many steps an alert goes on once it burns no more, where it sees itself a step later."""
        return self.remembers - 1 if self.step <= LOOKBACK else 0

    def at(self, index: int) -> int:
        """The end of a step, in milliseconds."""
        return index * self.step

    def alert(self, spec: AlertSpec) -> Labels:
        """The labels of an alert of this objective."""
        sloth = burning.SLOTH_SEVERITY[spec.name]
        own = {"severity": spec.severity, "action": spec.action, "sloth_severity": sloth}
        return {**own, **self.scope.labels}

    def fires(self, spec: AlertSpec, index: int, fires: bool = True) -> Expect:
        """At the end of a step this objective's alert fires, or nothing does under its name."""
        return Watch(spec.name).firing(self.at(index), *([self.alert(spec)] if fires else []))

    def silent_until(self, story: Story, spec: AlertSpec, index: int) -> tuple[Expect, ...]:
        """Nothing has fired under its name from the start to the end of a step; nothing to expect if the story burns before."""
        fires = any(story.firing(self.scope, spec, remembered=True)[: index + 1])
        return () if fires else (Watch(spec.name).silent_until(self.at(index)),)

    def not_waiting(self, spec: AlertSpec, first: int, last: int) -> Expect:
        """Nothing under its name fires or waits for its time at the end of any of these steps."""
        every = span(self.at(last - first) + 1)
        return Expect(self.at(last), f"count_over_time({selector('ALERTS', alertname=spec.name)}[{every}])")

    def as_told(self, story: Story, spec: AlertSpec, *indices: int) -> tuple[Expect, ...]:
        """At these steps the alert fires or not, as the story's arithmetic has it.

        Prometheus 3 does not see what is as old as it looks back for, and 2 does: of that nothing is expected.
        """
        found = story.firing(self.scope, spec, self.step < LOOKBACK)
        other = story.firing(self.scope, spec, remembered=True) if self.step == LOOKBACK else found
        return tuple(self.fires(spec, at, found[at]) for at in indices if found[at] == other[at])

    def value(self, index: int, name: str, value: float | int, **labels: str) -> Expect:
        """At the end of a step the recorded series has exactly this value, and exactly its labels."""
        found = {**self.scope.labels, **labels}
        return Expect(self.at(index), f"{self.scope.of(name)} == bool {value!r}", (selector("", **found),))

    def nothing(self, index: int, name: str) -> Expect:
        """At the end of a step there is no such series."""
        return Expect(self.at(index), self.scope.of(name))


def _raws(scope: Scope, instance: str) -> Iterator[Raw]:
    slo = scope.slo
    node = {"fleet": scope.fleet, "instance": instance}
    if slo.good is not None and slo.total is not None:
        yield from _pair(scope)
    elif slo.within is not None:
        yield from _latencies(scope, {**node, "op": "ping"})
    elif slo.name == "hit_rate":
        yield Raw(selector(m.HITS.name, **node), 1, 0)
        yield Raw(selector(m.MISSES.name, **node), 0, 1)
    else:
        yield Raw(selector(m.HEALTH_CHECKS.name, **node, result="success"), 1, 0)
        yield Raw(selector(m.HEALTH_CHECKS.name, **node, result="timeout"), 0, 1)


def _latencies(scope: Scope, ping: dict[str, str]) -> Iterator[Raw]:
    """A bad PING is in the buckets above the bound only."""
    name, within = m.PROBE_DURATION.name, seconds(scope.slo.within) if scope.slo.within is not None else 0
    for bound in latency_bounds(scope.policy):
        yield Raw(selector(f"{name}_bucket", **ping, le=le(bound)), int(bound >= within), int(bound > within))
    yield Raw(selector(f"{name}_bucket", **ping, le="+Inf"), 1, 1)
    yield Raw(selector(f"{name}_count", **ping), 1, 1)


def _pair(scope: Scope) -> Iterator[Raw]:
    good, total = scope.slo.good, scope.slo.total
    if good is None or total is None:
        return
    found = pair(good, total)
    yield Raw(selector(good.metric, **found.good), 1, 0)
    yield Raw(selector(total.metric, **found.bad), 0 if found.shared else 1, 1)
