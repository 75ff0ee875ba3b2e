"""Test cases of CacheDiscoveryFailing: a source of nodes that fails for long, and what must not be taken for one. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from alerts import node_down
from alerts.promql import milliseconds, selector
from alerts.rule_cases import Case, Expect, Labels, Waits, Watch, edge, gauge, gone, up_to
from policy import metrics
from policy.alerts import DISCOVERY_FAILING as SPEC
from policy.fleet import POLICY_PART, SOURCES
from policy.model import Policy

_WATCH = Watch(SPEC.name)
_ONE, _OTHER = SOURCES[:2]


@dataclass(frozen=True, slots=True)
class Scene(Waits):
    """A fleet and its waits; `memory` is for how long an answer counts, in milliseconds."""

    fleet: str
    memory: int

    def alert(self, part: str) -> Labels:
        """The alert on a source."""
        return {"severity": SPEC.severity, "action": SPEC.action, "fleet": self.fleet, "part": part}

    def case(self, promise: str, told: Mapping[str, str], expects: tuple[Expect, ...], **labels: str) -> Case:
        """A case from the samples of parts; `labels` are more labels of each."""
        own = {"fleet": self.fleet, **labels}
        series = {selector(metrics.COLLECT_SUCCESS.name, **own, part=part): text for part, text in told.items()}
        return Case(f"{SPEC.name}: {promise}", self.sample, series, expects)


def cases(policy: Policy, step: int) -> Iterator[Case]:
    """All cases, evaluated each `step` milliseconds."""
    rules = policy.rules
    sample, hold, away = map(milliseconds, (rules.liveness_interval, rules.discovery_grace, rules.exporter_grace))
    memory = milliseconds(node_down.verdict_memory(policy))
    scene = Scene(step, sample, hold, away, policy.fleet.name, memory)
    yield from _fails(scene)
    yield from _silent(scene)
    yield _restart(scene)
    yield _forgotten(scene)


def _fails(scene: Scene) -> Iterator[Case]:
    bad = gauge(0, scene.samples)
    mine = scene.alert(_ONE)
    beside = {_ONE: bad, _OTHER: gauge(1, scene.samples)}
    expects = (*_WATCH.first(scene.fires, scene.step, mine), _WATCH.firing(scene.end, mine))
    yield scene.case("fires at its duration, for the source that fails", beside, expects)
    parts = (*SOURCES, POLICY_PART)
    each = _WATCH.firing(scene.end, *map(scene.alert, parts))
    yield scene.case("fires for each source, and for a policy that was refused", dict.fromkeys(parts, bad), (each,))
    count = scene.fires // scene.sample + 1
    heals = {_ONE: f"{gauge(0, count)} {gauge(1, scene.samples)}"}
    good = up_to(scene.step, count * scene.sample)
    expects = (_WATCH.firing(scene.fires, mine), _WATCH.firing(good))
    yield scene.case("resolves with the next good answer", heals, expects)


def _silent(scene: Scene) -> Iterator[Case]:
    silent = (_WATCH.silent_until(scene.end),)
    yield scene.case("silent while all answer", dict.fromkeys(SOURCES, gauge(1, scene.samples)), silent)
    yield scene.case("silent where nothing names nodes", {}, silent)
    parts = {"config": gauge(0, scene.samples), "cluster_info": gauge(0, scene.samples)}
    yield scene.case("silent about the parts of a node", parts, silent, instance="192.0.2.1:6379")


def _restart(scene: Scene) -> Case:
    """The exporter is away for as long as it may be: the wait goes on, and what fires does not end."""
    mine = scene.alert(_ONE)
    fires = (*_WATCH.first(scene.fires, scene.step, mine), _WATCH.firing(scene.still_away, mine))
    return scene.case("a restart of the exporter changes nothing", {_ONE: scene.restarting(0)}, fires)


def _forgotten(scene: Scene) -> Case:
    """A source that the exporter no longer asks has failed for as long as its last answer counts."""
    at = edge(scene.memory, scene.step, scene.sample, first=scene.fires // scene.sample + 1)
    told = {_ONE: f"{gauge(0, at.last + 1)} {gone(at.outside // at.sample + 2)}"}
    expects = (_WATCH.firing(at.inside, scene.alert(_ONE)), _WATCH.firing(at.outside))
    series = {selector(metrics.COLLECT_SUCCESS.name, fleet=scene.fleet, part=part): text for part, text in told.items()}
    return Case(
        f"{SPEC.name}: ends when the source is gone for as long as an answer counts", at.sample, series, expects
    )
