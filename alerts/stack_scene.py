"""A scene of the alerts on the watching itself: what is played, and what is to be seen of it. Pure.

Samples and evaluations come together, and each window is a whole number of them: a count over it is then exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from alerts.rule_cases import Case, Expect, Labels, Watch, gauge
from policy.alerts import AlertSpec
from policy.model import Policy

BIT = 2**-10  # of a failure: sums of it are exact in floats
WELL = 3  # samples at the start in which all is well


@dataclass(frozen=True, slots=True)
class Scene:
    """An alert and its clock. `step` is milliseconds between evaluations and between samples.

    `alone`: nothing is said about the other parts of the alert, which what happens may concern as well.
    """

    spec: AlertSpec
    step: int
    alert: Labels
    alone: bool = False

    @property
    def watch(self) -> Watch:
        """What is seen of the alert."""
        return Watch(self.spec.name, self.alert["part"] if self.alone else "")

    def samples(self, time: int) -> int:
        """So many samples are in a time, rounded up."""
        return -(-time // self.step)

    def case(self, promise: str, series: Mapping[str, str], *expects: Expect) -> Case:
        """A case that speaks of this part."""
        part = f" ({self.alert['part']})" if "part" in self.alert else ""
        return Case(f"{self.spec.name}: {promise}{part}", self.step, series, expects)

    def fires(self, since: int, hold: int) -> tuple[Expect, ...]:
        """Bad from sample `since` on: the first firing, `hold` milliseconds later, and none before."""
        return self.watch.first((since + self.samples(hold)) * self.step, self.step, self.alert)

    def silent(self, samples: int) -> Expect:
        """Nothing in so many samples."""
        return self.watch.silent_until((samples - 1) * self.step)


def scene_of(policy: Policy, step: int, spec: AlertSpec, **labels: str) -> Scene:
    """The scene of an alert with these labels beside severity, action and fleet."""
    alert = {"severity": spec.severity, "action": spec.action, "fleet": policy.fleet.name, **labels}
    return Scene(spec, step, alert)


def repeated(
    scene: Scene, series: str, hold: int, window: int, beside: Mapping[str, str] | None = None
) -> Iterator[Case]:
    """An alert on a counter that must not grow at all for `hold`; it grows by less than any number that could stand there.

    `beside` are series that go on as they are.
    """
    rest = beside or {}
    count, long = scene.samples(hold) + 3, scene.samples(window)
    failing = f"{gauge(0, WELL)} {BIT}+{BIT}x{count - 1} {count * BIT!r}+0x{2 * long}"
    last = WELL + count - 1 + long - 1  # the last evaluation whose window, both ends included, holds the last growth
    expects = (*scene.fires(WELL, hold), *fires_until(scene, last))
    yield scene.case(
        "fires when it goes on, at its duration; resolves when it is over", {**rest, series: failing}, *expects
    )
    silent = scene.silent(count + long + WELL)
    once, anew = (f"{gauge(before, WELL)} {gauge(after, count + long)}" for before, after in ((0, 1), (7, 0)))
    yield scene.case("silent when it happens once", {**rest, series: once}, silent)
    yield scene.case("silent when the counters begin anew", {**rest, series: anew}, silent)
    yield scene.case("silent without data", rest, silent)


def fires_until(scene: Scene, last: int) -> tuple[Expect, ...]:
    """It fires about until evaluation `last`. Prometheus 3 leaves out the first end of a window: it is one less there."""
    return scene.watch.firing((last - 1) * scene.step, scene.alert), scene.watch.firing((last + 1) * scene.step)


def fires_since(scene: Scene, first: int) -> tuple[Expect, ...]:
    """It fires about from evaluation `first` on, and not two before, for the same reason."""
    return scene.silent(first - 1), scene.watch.firing(first * scene.step, scene.alert)
