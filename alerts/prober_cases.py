"""Test cases of CacheProberDown: a prober that is silent for long, or does not stay, and what must not be taken for it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from alerts import node_down, prober_down, targets
from alerts.prober_down import LOOPING, SILENT
from alerts.promql import milliseconds, selector
from alerts.rule_cases import Case, Expect, Labels, Watch, counter, edge, gauge, gone, up_to
from policy.alerts import PROBER_DOWN as SPEC
from policy.model import Policy
from policy.units import plain

_WATCH = Watch(SPEC.name)
_WELL = 3  # samples at the start in which all is well
_HARDLY = Decimal(1) / 8192  # a restart: more than none


@dataclass(frozen=True, slots=True)
class Scene:
    """Milliseconds: between evaluations, between samples, that the prober may be silent."""

    step: int
    sample: int
    grace: int
    exporter: str
    prober: str
    alert: Labels

    def pages(self, sample: int) -> int:
        """The first firing of a silence that begins with a sample, counted from 0."""
        return up_to(self.step, sample * self.sample) + up_to(self.step, self.grace)

    def case(self, promise: str, exporter: str, prober: str, expects: tuple[Expect, ...]) -> Case:
        """A case from the samples of the exporter's `up` and of what its prober shows; none: never there."""
        series = {name: text for name, text in ((self.exporter, exporter), (self.prober, prober)) if text}
        return Case(f"{SPEC.name}: {promise}", self.sample, series, expects)


def silent(policy: Policy) -> Iterator[Case]:
    """All cases of the silent prober."""
    if not policy.collect.background:
        return
    rules = policy.rules
    step, sample, grace = map(milliseconds, (rules.liveness_evaluation, rules.liveness_interval, rules.exporter_grace))
    up, speaks = node_down.exporter_up(policy), node_down.prober_speaks(policy)
    scene = Scene(step, sample, grace, up, speaks, _labels(policy, SILENT))
    yield from _fires(scene)
    yield from _does_not(scene)


def _fires(scene: Scene) -> Iterator[Case]:
    pages = scene.pages(_WELL)
    count = pages // scene.sample + 3
    expects = _WATCH.first(pages, scene.step, scene.alert)
    dies = f"{gauge(0, _WELL)} {gone(count)}"
    yield scene.case("fires for one that stays silent, at the grace", gauge(1, _WELL + count), dies, expects)
    never = _WATCH.first(scene.pages(0), scene.step, scene.alert)
    yield scene.case("fires for one that never spoke", gauge(1, count), "", never)
    away = pages // scene.sample + 1 - _WELL  # its first word comes with the first firing or after it
    back = (_WELL + away) * scene.sample
    speaks = f"{gauge(0, _WELL)} {gone(away)} {gauge(0, 3)}"
    expects = (
        _WATCH.firing((back - 1) // scene.step * scene.step, scene.alert),
        _WATCH.firing(up_to(scene.step, back)),
    )
    yield scene.case("resolves when it speaks again", gauge(1, _WELL + away + 3), speaks, expects)


def _does_not(scene: Scene) -> Iterator[Case]:
    end = scene.pages(_WELL + 1) + scene.step
    count = end // scene.sample + 2
    nothing, up = (_WATCH.silent_until(end),), gauge(1, count)
    yield scene.case("silent while all is well", up, gauge(0, count), nothing)
    short = f"{gauge(0, _WELL)} {gone(1)} {gauge(3, count)}"
    yield scene.case("silent when it is started again at once", up, short, nothing)
    dead, lost = f"{gauge(1, _WELL)} {gauge(0, count)}", f"{gauge(0, _WELL)} {gone(count)}"
    yield scene.case("silent when the exporter is gone, which has a page of its own", dead, lost, nothing)
    yield scene.case("silent without data", "", "", nothing)


@dataclass(frozen=True, slots=True)
class Loop:
    """What the cases of a prober that does not stay are made of; `step` is the time between two evaluations."""

    policy: Policy
    step: int

    @property
    def series(self) -> tuple[str, str, str]:
        """The exporter's `up`, what its prober shows, and how often that was started."""
        restarts = selector(prober_down.RESTARTS, **targets.of_exporter(self.policy))
        return node_down.exporter_up(self.policy), node_down.prober_speaks(self.policy), restarts

    def case(self, promise: str, up: str, speaks: str, restarts: str, *expects: Expect, each: int = 0) -> Case:
        """A case from the samples of the three; none: never there."""
        found = {name: text for name, text in zip(self.series, (up, speaks, restarts), strict=True) if text}
        return Case(f"{SPEC.name}: {promise}", each or self.step, found, expects)

    def samples(self, time: timedelta) -> int:
        """How many evaluations, and samples, that takes."""
        return milliseconds(time) // self.step


def looping(policy: Policy, step: int) -> Iterator[Case]:
    """All cases of the prober that does not stay; `step` is the time between two evaluations and two samples."""
    if policy.collect.background:
        loop = Loop(policy, step)
        yield from _loops(loop)
        yield from _is_over(loop)
        yield from _does_not_loop(loop)


def _loops(loop: Loop) -> Iterator[Case]:
    """One restart too many at once, and hardly any more: what is counted leaves the window after the first firing."""
    policy, step, alert = loop.policy, loop.step, _labels(loop.policy, LOOPING)
    window, hold = loop.samples(prober_down.window(policy)), loop.samples(prober_down.patience(policy))
    first = window + 1
    count = 3 * window + 4
    # Prometheus 3 leaves out the first end of a window.
    fires, last = (first + hold) * step, (first + window - 1) * step
    up, more = gauge(1, count), prober_down.LIMIT + Decimal("0.01")
    fired = (*_WATCH.first(fires, step, alert), _WATCH.firing(last - step, alert), _WATCH.firing(last + step))
    speaks = gauge(0, count)
    yield loop.case("fires at one restart too many, once it has lasted", up, speaks, _jump(first, more), *fired)
    fewer, silent_ = prober_down.LIMIT * Decimal("0.93"), _WATCH.silent_until((count - 1) * step)
    yield loop.case("silent at as many restarts as may be", up, speaks, _jump(first, fewer), silent_)


def _jump(first: int, by: Decimal) -> str:
    """Counts 0, then `by` at once, and so little from then on that it adds up to nothing."""
    return f"{gauge(0, first)} {plain(by)}+{plain(_HARDLY)}x{3 * first}"


def _is_over(loop: Loop) -> Iterator[Case]:
    """It goes on until the last start is long ago, or the last word of one that says no more."""
    policy, alert = loop.policy, _labels(loop.policy, LOOPING)
    fires = milliseconds(prober_down.patience(policy) + prober_down.window(policy))
    for what, length in (("stays", prober_down.recent(policy)), ("says no more", policy.rules.exporter_grace)):
        memory = milliseconds(length)
        sample = min(loop.step, memory // 2)
        end = edge(memory, loop.step, sample, 2 * fires // sample)
        rest = 2 * (loop.step + memory) // end.sample + 2
        begun, all_ = end.last + 1, end.last + 1 + rest
        stays = what == "stays"
        restarts = f"{counter(1, begun + 1)} {gauge(begun, rest)}" if stays else counter(1, all_)
        speaks = gauge(0, all_) if stays else f"{gauge(0, begun)} {gone(rest)}"
        expects = (_WATCH.firing(end.inside, alert), _WATCH.firing(end.outside))
        yield loop.case(f"resolves when it {what}", gauge(1, all_), speaks, restarts, *expects, each=end.sample)


def _does_not_loop(loop: Loop) -> Iterator[Case]:
    policy, step = loop.policy, loop.step
    first = loop.samples(prober_down.window(policy)) + 1
    count = 3 * first + 1
    up, speaks, silent_ = gauge(1, count), gauge(0, count), _WATCH.silent_until((count - 1) * step)
    more = counter(1, count)
    yield loop.case("silent about starts that are over", up, speaks, f"{gauge(0, first)} {gauge(9, count)}", silent_)
    yield loop.case("silent about one that never speaks, which is silent", up, f"0 {gone(count)}", more, silent_)
    anew, gone_up = f"{gauge(5, first)} {gauge(0, count)}", f"1 {gauge(0, count)}"
    yield loop.case("silent when the exporter begins to count anew", up, speaks, anew, silent_)
    yield loop.case("silent once the exporter is gone", gone_up, speaks, more, silent_)
    yield loop.case("silent without counts", up, speaks, "", silent_)


def _labels(policy: Policy, cause: str) -> Labels:
    return {
        "severity": SPEC.severity,
        "action": SPEC.action,
        "cause": cause,
        "fleet": policy.fleet.name,
        "instance": policy.stack.exporter,
    }
