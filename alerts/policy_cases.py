"""Test cases of CachePolicyDiffers: an exporter with another policy than the rules, and what must not be taken for one. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from alerts.node_down import verdict_memory
from alerts.policy_differs import INFO
from alerts.promql import milliseconds, selector
from alerts.rule_cases import BEFORE, Case, Expect, Labels, Waits, Watch, edge, gauge, gone
from policy.agreement import fingerprint
from policy.alerts import POLICY_DIFFERS as SPEC
from policy.model import Policy

_WATCH = Watch(SPEC.name)
_OTHER, _THIRD = "another", "a third"
_ELSEWHERE = "192.0.2.9:9121"


@dataclass(frozen=True, slots=True)
class Scene(Waits):
    """A policy and its waits."""

    policy: Policy

    @property
    def mine(self) -> str:
        """The fingerprint of the rules."""
        return fingerprint(self.policy)

    @property
    def alert(self) -> Labels:
        """The alert on the exporter of the policy."""
        own = {"fleet": self.policy.fleet.name, "instance": self.policy.stack.exporter}
        return {"severity": SPEC.severity, "action": SPEC.action, **own}

    def told(self, fingerprint_: str, instance: str = "", fleet: str = "") -> str:
        """The series by which an exporter, that of the policy if no other, tells a fingerprint of a fleet."""
        where = instance or self.policy.stack.exporter
        return selector(INFO, fleet=fleet or self.policy.fleet.name, instance=where, hash=fingerprint_)

    def case(self, promise: str, series: Mapping[str, str], *expects: Expect) -> Case:
        """A case at the pace of the fast scrape."""
        return Case(f"{SPEC.name}: {promise}", self.sample, series, expects)


def cases(policy: Policy, step: int) -> Iterator[Case]:
    """All cases, evaluated each `step` milliseconds."""
    rules = policy.rules
    sample, hold, away = map(milliseconds, (rules.liveness_interval, rules.rollout_grace, rules.exporter_grace))
    scene = Scene(step, sample, hold, away, policy)
    yield _differs(scene)
    yield from _silent(scene)
    yield _restarts(scene)
    yield _twice(scene)
    yield _agrees(scene)


def _differs(scene: Scene) -> Case:
    always = gauge(1, scene.samples)
    both = {scene.told(_OTHER): always, scene.told(scene.mine, _ELSEWHERE): always}
    expects = (*_WATCH.first(scene.fires, scene.step, scene.alert), _WATCH.firing(scene.end, scene.alert))
    return scene.case("fires at its duration, for the exporter that differs", both, *expects)


def _silent(scene: Scene) -> Iterator[Case]:
    always, silent = gauge(1, scene.samples), _WATCH.silent_until(scene.end)
    yield scene.case("silent while they are of one policy", {scene.told(scene.mine): always}, silent)
    another = {scene.told(_OTHER, fleet="another fleet"): always}
    yield scene.case("silent about another fleet's", another, silent)
    yield scene.case("silent about an exporter that does not say it", {}, silent)


def _restarts(scene: Scene) -> Case:
    """The exporter is away for as long as it may be: the wait goes on, and what fires does not end."""
    told = {scene.told(_OTHER): scene.restarting(1)}
    fires = (*_WATCH.first(scene.fires, scene.step, scene.alert), _WATCH.firing(scene.still_away, scene.alert))
    return scene.case("a restart of the exporter changes nothing", told, *fires)


def _twice(scene: Scene) -> Case:
    """It is given a new policy, which is not that of the rules either."""
    told = {
        scene.told(_OTHER): f"{gauge(1, BEFORE)} {gone(scene.samples)}",
        scene.told(_THIRD): f"_x{BEFORE} {gauge(1, scene.samples)}",
    }
    expects = (*_WATCH.first(scene.fires, scene.step, scene.alert), _WATCH.firing(scene.end, scene.alert))
    return scene.case("fires after one wait for two wrong policies", told, *expects)


def _agrees(scene: Scene) -> Case:
    """It takes the policy of the rules: the other is remembered for as long as a restart may take, and no longer."""
    memory = milliseconds(verdict_memory(scene.policy))
    at = edge(memory, scene.step, scene.sample, first=scene.fires // (scene.sample // 2 + 1) + 1)
    count = at.outside // at.sample + 2
    told = {
        scene.told(_OTHER): f"{gauge(1, at.last + 1)} {gone(count)}",
        scene.told(scene.mine): f"_x{at.last + 1} {gauge(1, count)}",
    }
    expects = (_WATCH.firing(at.inside, scene.alert), _WATCH.firing(at.outside))
    return Case(f"{SPEC.name}: resolves when it has taken the policy of the rules", at.sample, told, expects)
