"""Test cases of the alerts on the watching itself: at its duration, just under, recovery, no data, counters anew. Pure.

Samples and evaluations come together, and each window is a whole number of them: a count over it is then exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from alerts import notification_cases, prometheus_peer_cases, targets
from alerts.node_down import exporter_up, verdict_memory
from alerts.prober_cases import looping
from alerts.promql import milliseconds, selector
from alerts.rule_cases import Case, counter, edge, gauge, up_to
from alerts.stack_scene import WELL, Scene, repeated, scene_of
from alerts.stack_times import evaluated, failing, patience, unseen
from policy import metrics
from policy.alerts import (
    ALERTMANAGER_DOWN,
    ALERTMANAGER_PEER_DOWN,
    METRICS_MISSING,
    NOTIFIER_DOWN,
    RULE_FAILURES,
    WATCHDOG,
    WATCHED_TWICE,
)
from policy.model import Policy

_ANOTHER = "192.0.2.9:9121"
_LESS = 900  # milliseconds: less than the last digit of a number of seconds
_SHOWN = 300_000  # milliseconds for which Prometheus shows the last sample of a series that nobody marks as gone
_GROUP = "/etc/prometheus/rules/memory.yml;cachewatch-memory"


def cases(policy: Policy, step: int) -> Iterator[Case]:
    """All cases, evaluated each `step` milliseconds, which is the interval of the slow jobs."""
    yield from _watchdog(policy, step)
    yield from _gone(policy, step)
    if policy.collect.background:
        yield from _twice_watched(policy, step)
    yield from _rules(policy, step)
    yield from prometheus_peer_cases.cases(policy, step)
    yield from notification_cases.cases(policy, step)
    yield from looping(policy, step)


def _watchdog(policy: Policy, step: int) -> Iterator[Case]:
    scene = scene_of(policy, step, WATCHDOG)
    always = (scene.watch.firing(0, scene.alert), scene.watch.firing(10 * step, scene.alert))
    yield scene.case("fires always, and from the first evaluation on", {}, *always)


def _twice_watched(policy: Policy, step: int) -> Iterator[Case]:
    """Another exporter tells of the fleet too."""
    scene, hold = scene_of(policy, step, WATCHED_TWICE), milliseconds(patience(policy))
    exporters = policy.stack.exporter, _ANOTHER
    (ours, theirs), elsewhere = (
        [selector(metrics.PROBE_LAG.name, fleet=fleet, instance=instance) for instance in exporters]
        for fleet in (policy.fleet.name, "another fleet")
    )
    long = scene.samples(hold)
    both = {ours: gauge(0, WELL + long + 3), theirs: f"_x{WELL} {gauge(0, long + 1)} stale"}
    ends = scene.watch.firing((WELL + long + 1) * step)
    yield scene.case("fires at its duration, resolves when one is alone again", both, *scene.fires(WELL, hold), ends)
    yield from _job_taken_out(scene, ours, theirs, hold)
    alone = dict.fromkeys((ours, *elsewhere), gauge(0, long + 3))
    yield scene.case("silent about one alone, and about two of another fleet", alone, scene.silent(long + 3))
    yield scene.case("silent without data", {}, scene.silent(long + 3))


def _job_taken_out(scene: Scene, ours: str, theirs: str, hold: int) -> Iterator[Case]:
    """The other's samples end, and nothing marks that: Prometheus shows the last one for five minutes.

    Samples come with the evaluations, and a little more slowly: then the last one is seen a little before it is too old.
    """
    if hold >= _SHOWN:
        return
    last = WELL + scene.samples(hold) + 1
    for later in (0, max(1, min(scene.step // 2, _LESS) // last)):
        sample = scene.step + later
        ends = up_to(scene.step, last * sample + hold)
        series = {ours: gauge(0, ends // sample + 2), theirs: f"_x{WELL} {gauge(0, last + 1 - WELL)}"}
        expects = (scene.watch.firing(ends - scene.step, scene.alert), scene.watch.firing(ends))
        slowly = ", of samples that come more slowly" if later else ""
        case = scene.case(f"resolves when the job of the other one is taken out{slowly}", series, *expects)
        yield replace(case, sample=sample)


def _gone(policy: Policy, step: int) -> Iterator[Case]:
    """The parts that Prometheus itself misses."""
    found = [(ALERTMANAGER_DOWN, targets.of_alertmanager(policy))]
    if policy.notify.slack is not None:
        found.append((NOTIFIER_DOWN, targets.of_notifier(policy)))
    for spec, target in found:
        scene = scene_of(policy, step, spec, instance=target["instance"])
        yield from _away(scene, targets.up(target), milliseconds(patience(policy)))
    scene = scene_of(policy, step, ALERTMANAGER_DOWN, instance=policy.stack.alertmanager)
    yield from _unknown(policy, scene)
    if policy.stack.alertmanager_peers:
        yield from _peers(policy, scene, scene_of(policy, step, ALERTMANAGER_PEER_DOWN))
    yield from _metrics_missing(policy, scene_of(policy, step, METRICS_MISSING, instance=policy.stack.exporter))


def _metrics_missing(policy: Policy, scene: Scene) -> Iterator[Case]:
    """The slow scrape of the exporter fails. When the fast one fails as well, it is the exporter that is gone."""
    slow, fast = targets.up(targets.of_exporter(policy)), exporter_up(policy)
    hold = milliseconds(unseen(policy))
    yield from _away(scene, slow, hold, fast)
    long = scene.samples(hold)
    gone = dict.fromkeys((slow, fast), f"{gauge(1, WELL)} {gauge(0, 2 * long)}")
    yield scene.case("silent when the exporter is gone, which has a page of its own", gone, scene.silent(2 * long))
    # While it fires the fast scrape has its last answer, which counts for a restart, and no longer.
    sample = milliseconds(policy.rules.liveness_interval)
    fires = long * scene.step // (sample // 2 + 1)
    at = edge(milliseconds(verdict_memory(policy)), scene.step, sample, first=fires + 1)
    rest = at.outside // at.sample + 1 - at.last
    series = {slow: gauge(0, at.last + 1 + rest), fast: f"{gauge(1, at.last + 1)} {gauge(0, rest)}"}
    expects = (scene.watch.firing(at.inside, scene.alert), scene.watch.firing(at.outside))
    yield replace(scene.case("goes on while the exporter restarts, and no longer", series, *expects), sample=at.sample)


def _away(scene: Scene, up: str, hold: int, beside: str = "") -> Iterator[Case]:
    """Cases of a target that no longer answers, while a series `beside` it is 1."""
    long = scene.samples(hold)
    well = {beside: gauge(1, 2 * long + WELL + 2)} if beside else {}
    dies = {**well, up: f"{gauge(1, WELL)} {gauge(0, long + 2)}"}
    yield scene.case("fires when it is gone, at its duration", dies, *scene.fires(WELL, hold))
    yield scene.case("fires when it was never there", well, *scene.fires(0, hold))
    last = WELL + long
    back = {**well, up: f"{gauge(1, WELL)} {gauge(0, long + 1)} {gauge(1, 3)}"}
    ends = (scene.watch.firing(last * scene.step, scene.alert), scene.watch.firing((last + 1) * scene.step))
    yield scene.case("resolves when it answers again", back, *ends)
    short = {**well, up: f"{gauge(1, WELL)} {gauge(0, long)} {gauge(1, long + 2)}"}
    yield scene.case("silent when it is back before its duration", short, scene.silent(2 * long + WELL + 2))


def _unknown(policy: Policy, scene: Scene) -> Iterator[Case]:
    """Alertmanager answers, and Prometheus was told of none."""
    known = selector("prometheus_notifications_alertmanagers_discovered", **targets.of_prometheus(policy))
    hold = milliseconds(patience(policy))
    count = scene.samples(hold) + WELL + 2
    here = {targets.up(targets.of_alertmanager(policy)): gauge(1, count)}
    lost = {**here, known: f"{gauge(1, WELL)} 0.99+0x{count}"}
    yield scene.case("fires when Prometheus knows of none", lost, *scene.fires(WELL, hold))
    yield scene.case("silent while it knows of one", {**here, known: gauge(1, count)}, scene.silent(count))
    for each in policy.stack.prometheus_addresses[1:]:
        another = selector(
            "prometheus_notifications_alertmanagers_discovered", job=targets.PROMETHEUS_JOB, instance=each
        )
        knows = {**lost, another: gauge(1, count)}
        yield scene.case(f"silent while {each} knows of one", knows, scene.silent(count))


def _peers(policy: Policy, gone: Scene, scene: Scene) -> Iterator[Case]:
    """The last of several Alertmanagers is gone, is not reached, or does not know of the others."""
    every, hold = policy.stack.alertmanagers, milliseconds(patience(policy))
    up, sees = (
        [selector(metric, job=targets.ALERTMANAGER_JOB, instance=each) for each in every]
        for metric in ("up", "alertmanager_cluster_members")
    )
    away, all_ = scene.samples(hold) + 1, len(every)
    count = WELL + away
    well = {**dict.fromkeys(up, gauge(1, count + 3)), **dict.fromkeys(sees, gauge(all_, count + 3))}
    silent = f"{gauge(all_, WELL)} stale _x{away - 1} {gauge(all_, 3)}"
    unreached = {**well, up[-1]: f"{gauge(1, WELL)} {gauge(0, away)} {gauge(1, 3)}", sees[-1]: silent}
    fewer = dict.fromkeys(sees[:-1], f"{gauge(all_, WELL)} {gauge(all_ - 1, away)} {gauge(all_, 3)}")
    seen = (*scene.fires(WELL, hold), scene.watch.firing(count * scene.step))
    yield scene.case("fires when one is gone, resolves when it is back", {**unreached, **fewer}, *seen)
    yield scene.case("fires when Prometheus does not reach one", unreached, *seen)
    yield gone.case("silent while another one answers", unreached, gone.silent(count))
    last = {**dict.fromkeys(up[:-1], gauge(0, count)), up[-1]: gauge(1, count), sees[-1]: gauge(1, count)}
    yield gone.case("silent while the last one answers", last, gone.silent(count))
    yield scene.case("fires while the last one answers alone", last, *scene.fires(0, hold))
    alone = {**well, **dict.fromkeys(sees, gauge(1, count))}
    yield scene.case("fires when they do not know of each other", alone, *scene.fires(0, hold))
    yield scene.case("fires when they are in no cluster", dict.fromkeys(up, gauge(1, count)), *scene.fires(0, hold))
    yield scene.case("silent while they stand together", well, scene.silent(count))
    nobody = {**dict.fromkeys(up, gauge(0, count)), **dict.fromkeys(sees, "stale")}
    yield scene.case("silent when all are gone, of which a page tells", nobody, scene.silent(count))


def _rules(policy: Policy, step: int) -> Iterator[Case]:
    mine, hold, window = targets.of_prometheus(policy), milliseconds(failing(policy)), milliseconds(evaluated(policy))
    failures, missed, iterations = (
        selector(f"prometheus_rule_{name}_total", **mine, rule_group=_GROUP)
        for name in ("evaluation_failures", "group_iterations_missed", "group_iterations")
    )
    scene = scene_of(policy, step, RULE_FAILURES, part="evaluation")
    yield from repeated(scene, failures, hold, window)
    seldom = scene.samples(milliseconds(max(policy.rules.slo_interval, policy.rules.interval)))
    steps = " ".join(gauge(count, seldom) for count in range(1, 3 + scene.samples(hold) // seldom))
    last = WELL + scene.samples(hold)
    expects = (*scene.fires(WELL, hold), scene.watch.firing((last + 1) * step, scene.alert))
    yield scene.case("fires for a group that is evaluated seldom", {failures: f"{gauge(0, WELL)} {steps}"}, *expects)
    others = {
        selector("prometheus_rule_evaluation_failures_total", **mine, rule_group="/x.yml;billing"): counter(1, 20)
    }
    yield scene.case("silent about the rules of others", others, scene.silent(20))
    scene = scene_of(policy, step, RULE_FAILURES, part="missed")
    count = scene.samples(hold) + scene.samples(window) + WELL
    total = {iterations: counter(100, count)}
    late, fine = ({missed: counter(each, count), **total} for each in (51, 50))
    yield scene.case("fires when more than half is missed", late, *scene.fires(1, hold))
    yield scene.case("silent when half is missed", fine, scene.silent(count))
    once = {missed: f"{gauge(0, 2)} {gauge(100 * count, count)}", iterations: counter(100, count + 2)}
    yield scene.case("silent when it happens once", once, scene.silent(count))
    prometheus = selector("prometheus_config_last_reload_successful", **mine)
    alertmanager = selector("alertmanager_config_last_reload_successful", **targets.of_alertmanager(policy))
    yield _not_reloaded(policy, scene_of(policy, step, RULE_FAILURES, part="reload"), prometheus)
    yield _not_reloaded(policy, scene_of(policy, step, RULE_FAILURES, part="routes"), alertmanager)
    yield from _elsewhere(policy, step)
    for each in policy.stack.alertmanager_peers:
        yield _refuses(policy, step, "routes", {"job": targets.ALERTMANAGER_JOB, "instance": each})


def _elsewhere(policy: Policy, step: int) -> Iterator[Case]:
    """At another Prometheus than the first."""
    for address in policy.stack.prometheus_addresses[1:]:
        theirs = {"job": targets.PROMETHEUS_JOB, "instance": address}
        yield _refuses(policy, step, "reload", theirs)
        group = {**theirs, "rule_group": _GROUP}
        failures, missed, iterations = (
            selector(f"prometheus_rule_{name}_total", **group)
            for name in ("evaluation_failures", "group_iterations_missed", "group_iterations")
        )
        count = WELL + 2 * milliseconds(failing(policy)) // step
        bad = {failures: counter(1, count), missed: counter(51, count), iterations: counter(100, count)}
        for part in ("evaluation", "missed"):
            scene = replace(scene_of(policy, step, RULE_FAILURES, part=part), alone=True)
            yield scene.case(f"fires for those of {address}", bad, *scene.fires(1, milliseconds(failing(policy))))


def _refuses(policy: Policy, step: int, part: str, target: dict[str, str]) -> Case:
    """One of several refuses its configuration."""
    scene = replace(scene_of(policy, step, RULE_FAILURES, part=part), alone=True)
    program = "alertmanager" if part == "routes" else "prometheus"
    refused = _not_reloaded(policy, scene, selector(f"{program}_config_last_reload_successful", **target))
    return replace(refused, name=f"{RULE_FAILURES.name}: fires when {target['instance']} refuses ({part})")


def _not_reloaded(policy: Policy, scene: Scene, good: str) -> Case:
    hold = milliseconds(patience(policy))
    refused = {good: f"{gauge(1, WELL)} {gauge(0, scene.samples(hold) + 1)} {gauge(1, 3)}"}
    ends = (scene.watch.firing((WELL + scene.samples(hold) + 1) * scene.step),)
    return scene.case("fires at its duration, resolves at a good reload", refused, *scene.fires(WELL, hold), *ends)
