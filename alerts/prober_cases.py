"""Test cases of CacheProberDown: a prober that is silent for long, or does not stay, and what must not be taken for it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from alerts import node_down, prober_down, targets
from alerts.prober_down import LOOPING, SILENT
from alerts.promql import milliseconds, selector
from alerts.rule_cases import Case, Expect, Labels, Watch, gauge, gone, up_to
from policy.alerts import PROBER_DOWN as SPEC
from policy.model import Policy

_WATCH = Watch(SPEC.name)
_WELL = 3  # samples at the start in which all is well


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


def looping(policy: Policy, step: int) -> Iterator[Case]:
    """All cases of the prober that does not stay; `step` is the time between two evaluations and two samples."""
    if not policy.collect.background:
        return
    window = milliseconds(prober_down.window(policy))
    samples = window // step
    restarts = selector(prober_down.RESTARTS, **targets.of_exporter(policy))
    exporter, alert = node_down.exporter_up(policy), _labels(policy, LOOPING)
    count, first = 3 * samples + 4, samples + 1
    fires, last = first * step, first * step + window - step  # Prometheus 3 leaves out the first end of a window

    def case(promise: str, up: str, counted: str, *expects: Expect) -> Case:
        return Case(f"{SPEC.name}: {promise}", step, {exporter: up, restarts: counted}, expects)

    def jump(by: str) -> str:
        return f"{gauge(0, first)} {by}+0x{count}"

    up, silent_ = gauge(1, count), _WATCH.silent_until((count - 1) * step)
    more = f"{prober_down.MOST_RESTARTS}.01"
    fired = (*_WATCH.first(fires, step, alert), _WATCH.firing(last - step, alert), _WATCH.firing(last + step))
    yield case("fires at one restart too many, and resolves when the window has passed", up, jump(more), *fired)
    yield case("silent at as many restarts as may be", up, jump(f"{prober_down.MOST_RESTARTS * 0.93:g}"), silent_)
    anew = f"{gauge(5, first)} {gauge(0, count)}"
    yield case("silent when the exporter begins to count anew", up, anew, silent_)
    gone_up = f"{gauge(1, first)} {gauge(0, count)}"
    yield case("silent once the exporter is gone", gone_up, jump(more), silent_)
    yield Case(f"{SPEC.name}: silent without counts", step, {exporter: up}, (silent_,))


def _labels(policy: Policy, cause: str) -> Labels:
    return {
        "severity": SPEC.severity,
        "action": SPEC.action,
        "cause": cause,
        "fleet": policy.fleet.name,
        "instance": policy.stack.exporter,
    }
