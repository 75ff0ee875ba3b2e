"""Test cases of CachePrometheusPeerDown: each of several Prometheus is gone, or its alerts arrive nowhere. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from alerts import targets
from alerts.prometheus_peer import ERRORS, GONE, KNOWN, MUTE
from alerts.promql import milliseconds, selector
from alerts.rule_cases import Case, counter, gauge
from alerts.stack_scene import WELL, Scene, fires_since, repeated, scene_of
from alerts.stack_times import patience, resent, sent
from policy.alerts import PROMETHEUS_PEER_DOWN
from policy.model import Policy


def cases(policy: Policy, step: int) -> Iterator[Case]:
    """All of them, evaluated each `step` milliseconds; none of one that is alone."""
    for address in policy.stack.prometheus_addresses if policy.stack.prometheus_peers else ():
        gone, mute = (
            scene_of(policy, step, PROMETHEUS_PEER_DOWN, instance=address, cause=cause) for cause in (GONE, MUTE)
        )
        for case in (*_gone(policy, gone), *_mute(policy, mute)):
            yield replace(case, name=f"{case.name} ({address})")


def _gone(policy: Policy, scene: Scene) -> Iterator[Case]:
    long = scene.samples(milliseconds(patience(policy)))
    count = WELL + 2 * long + 3
    every = _up(policy, count)
    mine = selector("up", job=targets.PROMETHEUS_JOB, instance=scene.alert["instance"])
    away = {**every, mine: f"{gauge(1, WELL)} {gauge(0, long + 1)} {gauge(1, 3)}"}
    hold = milliseconds(patience(policy))
    ends = scene.watch.firing((WELL + long + 1) * scene.step)
    yield scene.case(
        "fires when it is gone, at its duration, resolves when it answers", away, *scene.fires(WELL, hold), ends
    )
    unseen = {series: samples for series, samples in every.items() if series != mine}
    yield scene.case("fires when it was never there", unseen, *scene.fires(0, hold))
    short = {**every, mine: f"{gauge(1, WELL)} {gauge(0, long)} {gauge(1, long + 3)}"}
    yield scene.case("silent when it is back before its duration", short, scene.silent(count))


def _mute(policy: Policy, scene: Scene) -> Iterator[Case]:
    hold, window = milliseconds(sent(policy)), milliseconds(resent(policy))
    away, long = scene.samples(hold), scene.samples(window)
    count = 2 * away + 3 * long
    known = selector(KNOWN, job=targets.PROMETHEUS_JOB, instance=scene.alert["instance"])
    every = _first(policy, scene.alert["instance"])
    lost, *theirs = map(_errors, every)
    well = {**_up(policy, count), **dict.fromkeys(theirs, gauge(0, count)), known: gauge(1, count)}
    fails, silent = counter(1, count), scene.silent(count)
    yield from repeated(scene, lost, hold, window, well)
    none = {**well, known: f"{gauge(1, WELL)} 0.99+0x{count}"}
    yield scene.case("fires when it knows of no Alertmanager", none, *scene.fires(WELL, hold))
    nobody = {**none, **dict.fromkeys((lost, *theirs), fails)}
    yield scene.case("silent when nobody's alerts arrive, which is a page", nobody, silent)
    for heard in every[1:]:
        alone = {**well, **dict.fromkeys((lost, *theirs), fails), _errors(heard): gauge(0, count)}
        told = [{**scene.alert, "instance": each} for each in every if each != heard]
        expects = scene.watch.first((1 + away) * scene.step, scene.step, *told)
        yield scene.case(f"fires while those of {heard} arrive alone", alone, *expects)
    lately = {**well, lost: fails, **dict.fromkeys(theirs, f"{gauge(0, WELL)} {gauge(1, count)}")}
    yield scene.case("fires once another one's arrive again", lately, *fires_since(scene, WELL + long + away))
    half = {**well, lost: fails, _errors(scene.alert["instance"], 2): gauge(0, count)}
    yield scene.case("silent while it reaches one of two Alertmanagers", half, silent)
    yield scene.case("silent while all arrive", {**well, lost: gauge(0, count)}, silent)


def _errors(address: str, alertmanager: int = 1) -> str:
    url = f"http://192.0.2.{alertmanager}:9093/api/v2/alerts"
    return selector(ERRORS, job=targets.PROMETHEUS_JOB, instance=address, alertmanager=url)


def _first(policy: Policy, address: str) -> tuple[str, ...]:
    """All of them, this one first."""
    return address, *(each for each in policy.stack.prometheus_addresses if each != address)


def _up(policy: Policy, count: int) -> dict[str, str]:
    up = (selector("up", job=targets.PROMETHEUS_JOB, instance=each) for each in policy.stack.prometheus_addresses)
    return dict.fromkeys(up, gauge(1, count))
