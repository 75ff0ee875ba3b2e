"""Test cases of the alerts on the watching itself: at its duration, just under, recovery, no data, counters anew. Pure.

Samples and evaluations come together, and each window is a whole number of them: a count over it is then exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from alerts import targets
from alerts.node_down import exporter_up, verdict_memory
from alerts.prober_cases import looping
from alerts.promql import milliseconds, narrowed, selector
from alerts.rule_cases import Case, Expect, Labels, Watch, counter, edge, gauge
from alerts.stack import EVERY_WAY, MOST_FAILED, SLACK_FAILURES, UNDELIVERED
from alerts.stack_times import evaluated, failing, notified, patience, resent, sent, unseen
from policy import metrics
from policy.alerts import (
    ALERTMANAGER_DOWN,
    METRICS_MISSING,
    NOTIFICATIONS_FAILING,
    NOTIFIER_DOWN,
    RULE_FAILURES,
    WATCHDOG,
    WATCHED_TWICE,
    AlertSpec,
)
from policy.model import Policy

_BIT = 2**-10  # of a failure: sums of it are exact in floats
_LIMIT = float(MOST_FAILED)
_OVER, _UNDER = 1.01 * _LIMIT, 0.93 * _LIMIT  # increase() makes a little more of a jump than it is
_WELL = 3  # samples at the start in which all is well
_ANOTHER = "192.0.2.9:9121"
_GROUP = "/etc/prometheus/rules/memory.yml;cachewatch-memory"


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


def cases(policy: Policy, step: int) -> Iterator[Case]:
    """All cases, evaluated each `step` milliseconds, which is the interval of the slow jobs."""
    yield from _watchdog(policy, step)
    yield from _gone(policy, step)
    if policy.collect.background:
        yield from _twice_watched(policy, step)
    yield from _rules(policy, step)
    yield from _notifications(policy, step)
    yield from looping(policy, step)


def _scene(policy: Policy, step: int, spec: AlertSpec, **labels: str) -> Scene:
    alert = {"severity": spec.severity, "action": spec.action, "fleet": policy.fleet.name, **labels}
    return Scene(spec, step, alert)


def _watchdog(policy: Policy, step: int) -> Iterator[Case]:
    scene = _scene(policy, step, WATCHDOG)
    always = (scene.watch.firing(0, scene.alert), scene.watch.firing(10 * step, scene.alert))
    yield scene.case("fires always, and from the first evaluation on", {}, *always)


def _twice_watched(policy: Policy, step: int) -> Iterator[Case]:
    """Another exporter tells of the fleet too."""
    scene, hold = _scene(policy, step, WATCHED_TWICE), milliseconds(patience(policy))
    exporters = policy.stack.exporter, _ANOTHER
    (ours, theirs), elsewhere = (
        [selector(metrics.PROBE_LAG.name, fleet=fleet, instance=instance) for instance in exporters]
        for fleet in (policy.fleet.name, "another fleet")
    )
    long = scene.samples(hold)
    both = {ours: gauge(0, _WELL + long + 3), theirs: f"_x{_WELL} {gauge(0, long + 1)} stale"}
    ends = scene.watch.firing((_WELL + long + 1) * step)
    yield scene.case("fires at its duration, resolves when one is alone again", both, *scene.fires(_WELL, hold), ends)
    alone = dict.fromkeys((ours, *elsewhere), gauge(0, long + 3))
    yield scene.case("silent about one alone, and about two of another fleet", alone, scene.silent(long + 3))
    yield scene.case("silent without data", {}, scene.silent(long + 3))


def _gone(policy: Policy, step: int) -> Iterator[Case]:
    """The parts that Prometheus itself misses."""
    found = [(ALERTMANAGER_DOWN, targets.of_alertmanager(policy))]
    if policy.notify.slack is not None:
        found.append((NOTIFIER_DOWN, targets.of_notifier(policy)))
    for spec, target in found:
        scene = _scene(policy, step, spec, instance=target["instance"])
        yield from _away(scene, targets.up(target), milliseconds(patience(policy)))
    scene = _scene(policy, step, ALERTMANAGER_DOWN, instance=policy.stack.alertmanager)
    yield from _unknown(policy, scene)
    yield from _metrics_missing(policy, _scene(policy, step, METRICS_MISSING, instance=policy.stack.exporter))


def _metrics_missing(policy: Policy, scene: Scene) -> Iterator[Case]:
    """The slow scrape of the exporter fails. When the fast one fails as well, it is the exporter that is gone."""
    slow, fast = targets.up(targets.of_exporter(policy)), exporter_up(policy)
    hold = milliseconds(unseen(policy))
    yield from _away(scene, slow, hold, fast)
    long = scene.samples(hold)
    gone = dict.fromkeys((slow, fast), f"{gauge(1, _WELL)} {gauge(0, 2 * long)}")
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
    well = {beside: gauge(1, 2 * long + _WELL + 2)} if beside else {}
    dies = {**well, up: f"{gauge(1, _WELL)} {gauge(0, long + 2)}"}
    yield scene.case("fires when it is gone, at its duration", dies, *scene.fires(_WELL, hold))
    yield scene.case("fires when it was never there", well, *scene.fires(0, hold))
    last = _WELL + long
    back = {**well, up: f"{gauge(1, _WELL)} {gauge(0, long + 1)} {gauge(1, 3)}"}
    ends = (scene.watch.firing(last * scene.step, scene.alert), scene.watch.firing((last + 1) * scene.step))
    yield scene.case("resolves when it answers again", back, *ends)
    short = {**well, up: f"{gauge(1, _WELL)} {gauge(0, long)} {gauge(1, long + 2)}"}
    yield scene.case("silent when it is back before its duration", short, scene.silent(2 * long + _WELL + 2))


def _unknown(policy: Policy, scene: Scene) -> Iterator[Case]:
    """Alertmanager answers, and Prometheus was told of none."""
    known = selector("prometheus_notifications_alertmanagers_discovered", **targets.of_prometheus(policy))
    hold = milliseconds(patience(policy))
    count = scene.samples(hold) + _WELL + 2
    here = {targets.up(targets.of_alertmanager(policy)): gauge(1, count)}
    lost = {**here, known: f"{gauge(1, _WELL)} 0.99+0x{count}"}
    yield scene.case("fires when Prometheus knows of none", lost, *scene.fires(_WELL, hold))
    yield scene.case("silent while it knows of one", {**here, known: gauge(1, count)}, scene.silent(count))


def _rules(policy: Policy, step: int) -> Iterator[Case]:
    mine, hold, window = targets.of_prometheus(policy), milliseconds(failing(policy)), milliseconds(evaluated(policy))
    failures, missed, iterations = (
        selector(f"prometheus_rule_{name}_total", **mine, rule_group=_GROUP)
        for name in ("evaluation_failures", "group_iterations_missed", "group_iterations")
    )
    scene = _scene(policy, step, RULE_FAILURES, part="evaluation")
    yield from _repeated(scene, failures, hold, window)
    seldom = scene.samples(milliseconds(max(policy.rules.slo_interval, policy.rules.interval)))
    steps = " ".join(gauge(count, seldom) for count in range(1, 3 + scene.samples(hold) // seldom))
    last = _WELL + scene.samples(hold)
    expects = (*scene.fires(_WELL, hold), scene.watch.firing((last + 1) * step, scene.alert))
    yield scene.case("fires for a group that is evaluated seldom", {failures: f"{gauge(0, _WELL)} {steps}"}, *expects)
    others = {
        selector("prometheus_rule_evaluation_failures_total", **mine, rule_group="/x.yml;billing"): counter(1, 20)
    }
    yield scene.case("silent about the rules of others", others, scene.silent(20))
    scene = _scene(policy, step, RULE_FAILURES, part="missed")
    count = scene.samples(hold) + scene.samples(window) + _WELL
    total = {iterations: counter(100, count)}
    late, fine = ({missed: counter(each, count), **total} for each in (51, 50))
    yield scene.case("fires when more than half is missed", late, *scene.fires(1, hold))
    yield scene.case("silent when half is missed", fine, scene.silent(count))
    once = {missed: f"{gauge(0, 2)} {gauge(100 * count, count)}", iterations: counter(100, count + 2)}
    yield scene.case("silent when it happens once", once, scene.silent(count))
    prometheus = selector("prometheus_config_last_reload_successful", **mine)
    alertmanager = selector("alertmanager_config_last_reload_successful", **targets.of_alertmanager(policy))
    yield _not_reloaded(policy, _scene(policy, step, RULE_FAILURES, part="reload"), prometheus)
    yield _not_reloaded(policy, _scene(policy, step, RULE_FAILURES, part="routes"), alertmanager)


def _not_reloaded(policy: Policy, scene: Scene, good: str) -> Case:
    hold = milliseconds(patience(policy))
    refused = {good: f"{gauge(1, _WELL)} {gauge(0, scene.samples(hold) + 1)} {gauge(1, 3)}"}
    ends = (scene.watch.firing((_WELL + scene.samples(hold) + 1) * scene.step),)
    return scene.case("fires at its duration, resolves at a good reload", refused, *scene.fires(_WELL, hold), *ends)


def _repeated(scene: Scene, series: str, hold: int, window: int) -> Iterator[Case]:
    """An alert on a counter that must not grow at all for `hold`; it grows by less than any number that could stand there."""
    count, long = scene.samples(hold) + 3, scene.samples(window)
    failing = f"{gauge(0, _WELL)} {_BIT}+{_BIT}x{count - 1} {count * _BIT!r}+0x{2 * long}"
    last = _WELL + count - 1 + long - 1  # the last evaluation whose window, both ends included, holds the last growth
    expects = (*scene.fires(_WELL, hold), *_until(scene, last))
    yield scene.case("fires when it goes on, at its duration; resolves when it is over", {series: failing}, *expects)
    silent = scene.silent(count + long + _WELL)
    yield scene.case("silent when it happens once", {series: f"{gauge(0, _WELL)} {gauge(1, count + long)}"}, silent)
    anew = f"{gauge(7, _WELL)} {gauge(0, count + long)}"
    yield scene.case("silent when the counters begin anew", {series: anew}, silent)
    yield scene.case("silent without data", {}, silent)


def _until(scene: Scene, last: int) -> tuple[Expect, ...]:
    """It fires about until evaluation `last`. Prometheus 3 leaves out the first end of a window: it is one less there."""
    return scene.watch.firing((last - 1) * scene.step, scene.alert), scene.watch.firing((last + 1) * scene.step)


def _from(scene: Scene, first: int) -> tuple[Expect, ...]:
    """It fires about from evaluation `first` on, and not two before, for the same reason."""
    return scene.silent(first - 1), scene.watch.firing(first * scene.step, scene.alert)


def _notifications(policy: Policy, step: int) -> Iterator[Case]:
    notify = policy.notify
    if notify.pagerduty is not None:
        scene = _scene(policy, step, NOTIFICATIONS_FAILING, part="pagerduty")
        failed = _failed(policy, "pagerduty")
        window = milliseconds(notified(policy))
        answers = {targets.up(targets.of_notifier(policy)): gauge(1, 2 * scene.samples(window) + 9)}
        yield from _twice(scene, {failed: (_OVER, _UNDER)}, window, answers)
        webhooks = {_failed(policy, "webhook"): counter(1, 20)}
        if notify.slack is None and not notify.webhooks and notify.heartbeat is None:
            yield scene.case("silent about webhooks that are not ours", webhooks, scene.silent(20))
    if notify.slack is not None:
        yield from _slack(policy, step)
    if notify.slack is not None or notify.webhooks or notify.heartbeat is not None:
        yield from _webhooks(policy, step)
    if notify.stops_when_both_fail:
        yield from _every_way(policy, step)
    scene = _scene(policy, step, NOTIFICATIONS_FAILING, part="alertmanager")
    mine, hold = targets.of_prometheus(policy), milliseconds(sent(policy))
    lost = [selector(f"prometheus_notifications_{what}_total", **mine) for what in ("errors", "dropped")]
    one, other = (narrowed(lost[0], f'alertmanager="http://192.0.2.{n}:9093/api/v2/alerts"') for n in (1, 2))
    for series in lost:
        yield from _repeated(scene, series, hold, milliseconds(resent(policy)))
    long = scene.samples(hold)
    reloads = {lost[1]: f"{gauge(0, _WELL)} 1 {gauge(2, 2 * long)}"}
    yield scene.case("silent when Prometheus is reloaded twice", reloads, scene.silent(2 * long))
    either = {one: counter(1, 2 * long), other: gauge(0, 2 * long)}
    yield scene.case("silent when one of two Alertmanagers is gone", either, scene.silent(2 * long))
    away = targets.up(targets.of_alertmanager(policy))
    failing = {lost[0]: counter(1, 2 * long + 6), away: f"1 0 {gauge(1, 2 * long + 4)}"}
    yield scene.case("silent while Alertmanager is or was away in the window", failing, *_from(scene, 2 * long + 2))


def _every_way(policy: Policy, step: int) -> Iterator[Case]:
    """PagerDuty fails all the time, and Slack after a while: it fails too, or the notifier is gone."""
    scene, away = _scene(policy, step, NOTIFICATIONS_FAILING, part=EVERY_WAY), milliseconds(patience(policy))
    scene, count = replace(scene, alone=True), _WELL + scene.samples(away) + 4
    pagerduty = {_failed(policy, "pagerduty"): counter(2, count)}
    refusals = (_failed(policy, "webhook"), selector(SLACK_FAILURES, **targets.of_notifier(policy), reason="token"))
    slack = dict.fromkeys(refusals, f"{gauge(0, _WELL)} {gauge(9, count)}")
    up = targets.up(targets.of_notifier(policy))
    there, gone = {up: gauge(1, count)}, {up: f"{gauge(1, _WELL)} {gauge(0, count)}"}
    both = scene.silent(_WELL), scene.watch.firing((_WELL + 1) * step, scene.alert)
    yield scene.case("fires when Slack fails too", {**pagerduty, **slack, **there}, *both)
    yield scene.case("fires when the notifier is gone too", {**pagerduty, **gone}, *scene.fires(_WELL, away))
    for way, fails in (("PagerDuty", pagerduty), ("Slack", slack)):
        yield scene.case(f"silent while {way} fails alone", {**fails, **there}, scene.silent(count))
    yield _unreached(policy, scene, up)


def _unreached(policy: Policy, scene: Scene, notifier: str) -> Case:
    """PagerDuty fails, and so does a webhook of which the notifier says nothing: Alertmanager does not reach it."""
    window = milliseconds(notified(policy))
    count = 2 * scene.samples(window) + _WELL
    fails = {_failed(policy, name): counter(2, count) for name in ("pagerduty", "webhook")}
    end = (count - 1) * scene.step
    if policy.notify.webhooks:  # it may be another's, and Slack is well
        return scene.case(
            "silent while another's webhook fails", {**fails, notifier: gauge(1, count)}, scene.silent(count)
        )
    expects = (scene.silent(_WELL), scene.watch.firing(end, scene.alert))
    return scene.case("fires when the notifier is not reached", {**fails, notifier: gauge(1, count)}, *expects)


def _slack(policy: Policy, step: int) -> Iterator[Case]:
    """Alertmanager fails by webhook, and the notifier says that Slack did not take it: both within the window."""
    window = milliseconds(notified(policy))
    scene = _scene(policy, step, NOTIFICATIONS_FAILING, part="slack")
    failed, posts = (
        _failed(policy, "webhook"),
        selector(SLACK_FAILURES, **targets.of_notifier(policy), reason="timeout"),
    )
    count = scene.samples(window)
    often, once = {posts: counter(1, 4 * count)}, {failed: counter(2, 4 * count)}
    yield from _twice(scene, {failed: (_OVER, _UNDER)}, window, often, " of Alertmanager's")
    yield from _twice(replace(scene, alone=True), {posts: (1, 0)}, window, once, " of the notifier's")
    refused = {failed: counter(2, _WELL + 2), _refused(policy, "refused"): f"{gauge(0, _WELL)} {gauge(1, 2)}"}
    yield scene.case("fires where the notifier takes no more", refused, *scene.fires(_WELL, 0))
    ended = {failed: counter(2, 2 * count), _refused(policy, "refused"): f"{gauge(0, _WELL)} {gauge(1, 2 * count)}"}
    until = _until(replace(scene, alone=True), _WELL - 1 + count)
    yield scene.case("resolves when the notifier has taken all for so long", ended, *until)
    fine = {failed: counter(1, count), posts: gauge(3, count), _refused(policy, "sent"): counter(1, count)}
    yield scene.case("silent while Slack takes what comes", fine, scene.silent(count))
    late = {failed: counter(1, count), posts: gauge(0, count), _refused(policy, "late"): counter(1, count)}
    yield scene.case("silent while a burst waits for its turn at Slack", late, scene.silent(count))


def _webhooks(policy: Policy, step: int) -> Iterator[Case]:
    window = milliseconds(notified(policy))
    failed, scene = _failed(policy, "webhook"), _scene(policy, step, NOTIFICATIONS_FAILING, part="webhook")
    long = scene.samples(window)
    count = 2 * long + _WELL + 3
    # Two failures at each sample: the condition holds from the first on.
    failing = {failed: f"{gauge(0, _WELL)} {counter(2, count, 2)}"}
    fires = (*scene.fires(_WELL, window), scene.watch.firing((count - 1) * step, scene.alert))
    yield scene.case("fires when it goes on for its window", failing, *fires)
    burst = {failed: f"{gauge(0, _WELL)} {_OVER:g}+0x1 {gauge(9, count)}"}
    yield scene.case("silent after a burst that is over within the window", burst, scene.silent(long + _WELL))
    yield from _seldom(scene, failed, long)
    if policy.notify.slack is not None:
        yield from _elsewhere(policy, scene, failing, long)


def _seldom(scene: Scene, failed: str, long: int) -> Iterator[Case]:
    """So seldom that one window holds just more failures than may be, and just less."""
    last = 3 * long
    more, less = ({failed: f"0+{share / long!r}x{last}"} for share in (_OVER, 0.99 * _LIMIT))
    yield scene.case("fires at too many in each window", more, scene.watch.firing(last * scene.step, scene.alert))
    yield scene.case("silent at hardly fewer in each window", less, scene.silent(last))


def _elsewhere(policy: Policy, together: Scene, failing: Mapping[str, str], long: int) -> Iterator[Case]:
    """It is Slack that refuses, or the notifier that was away: each has an alert of its own."""
    scene = replace(together, alone=True)
    count, last = 2 * long + 2 * _WELL + 3, 2 * long + 2
    for what in UNDELIVERED:
        slack = {**failing, _refused(policy, what): f"0+{0.5 / long!r}x{count}"}
        yield scene.case(f"silent where Slack is what refuses ({what})", slack, scene.silent(count))
    taken = {**failing, _refused(policy, "failed"): gauge(3, count)}
    end = together.watch.firing((count - _WELL) * scene.step, scene.alert)
    yield scene.case("fires where Slack takes what comes", taken, end)
    steady = {_failed(policy, "webhook"): counter(2, 2 * long + 6)}
    refused = {**steady, _refused(policy, "failed"): f"0 {gauge(1, 2 * long + 5)}"}
    yield scene.case("silent while Slack refused in the window", refused, *_from(scene, last - 1))
    away = {**steady, targets.up(targets.of_notifier(policy)): f"1 0 {gauge(1, 2 * long + 4)}"}
    yield together.case("silent while the notifier is or was away in the window", away, *_from(together, last))


def _twice(
    scene: Scene,
    jumps: Mapping[str, tuple[float, float]],
    window: int,
    beside: Mapping[str, str] | None = None,
    whose: str = "",
) -> Iterator[Case]:
    """An alert on more than one failure in a window: a jump of counters that is just over, and just under.

    `beside` are series that go on as they are; `whose` failures they are tells several such alerts apart.
    """
    long = scene.samples(window)
    first, count, rest = long + 1, long + 6, beside or {}

    def jumped(index: int) -> dict[str, str]:
        return {**rest, **{name: f"{gauge(0, first)} {by[index]:g}+0x{count}" for name, by in jumps.items()}}

    expects = (*scene.fires(first, 0), *_until(scene, first + long - 1))
    yield scene.case(f"fires at the second failure{whose}, resolves when the window is over", jumped(0), *expects)
    yield scene.case(f"silent at one failure{whose}", jumped(1), scene.silent(first + count))
    anew = {**rest, **{name: f"{gauge(9, first)} {gauge(0, count)}" for name in jumps}}
    yield scene.case(f"silent when the counters begin anew{whose}", anew, scene.silent(first + count))
    yield scene.case(f"silent without data{whose}", rest, scene.silent(first + count))


def _failed(policy: Policy, integration: str) -> str:
    name = "alertmanager_notifications_failed_total"
    return selector(name, **targets.of_alertmanager(policy), integration=integration)


def _refused(policy: Policy, result: str) -> str:
    return selector("cachewatch_notifier_notifications_total", **targets.of_notifier(policy), result=result)
