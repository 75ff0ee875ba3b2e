"""Test cases of the alerts on what is sent: Prometheus to Alertmanager, Alertmanager to people, the notifier to Slack. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from alerts import targets
from alerts.promql import milliseconds, narrowed, selector
from alerts.rule_cases import Case, counter, gauge
from alerts.stack import EVERY_WAY, MOST_FAILED, SLACK_FAILURES, UNDELIVERED
from alerts.stack_scene import WELL, Scene, fires_since, fires_until, repeated, scene_of
from alerts.stack_times import notified, patience, resent, sent
from policy.alerts import NOTIFICATIONS_FAILING
from policy.model import Policy

_LIMIT = float(MOST_FAILED)
_OVER, _UNDER = 1.01 * _LIMIT, 0.93 * _LIMIT  # increase() makes a little more of a jump than it is


def cases(policy: Policy, step: int) -> Iterator[Case]:
    """All of them, evaluated each `step` milliseconds."""
    notify = policy.notify
    if notify.pagerduty is not None:
        scene = scene_of(policy, step, NOTIFICATIONS_FAILING, part="pagerduty")
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
    yield from _sends(policy, step)


def _sends(policy: Policy, step: int) -> Iterator[Case]:
    """Prometheus does not bring its alerts to Alertmanager."""
    scene = scene_of(policy, step, NOTIFICATIONS_FAILING, part="alertmanager")
    mine, hold = targets.of_prometheus(policy), milliseconds(sent(policy))
    lost = [selector(f"prometheus_notifications_{what}_total", **mine) for what in ("errors", "dropped")]
    one, other = (narrowed(lost[0], f'alertmanager="http://192.0.2.{n}:9093/api/v2/alerts"') for n in (1, 2))
    for series in lost:
        yield from repeated(scene, series, hold, milliseconds(resent(policy)))
    long = scene.samples(hold)
    reloads = {lost[1]: f"{gauge(0, WELL)} 1 {gauge(2, 2 * long)}"}
    yield scene.case("silent when Prometheus is reloaded twice", reloads, scene.silent(2 * long))
    either = {one: counter(1, 2 * long), other: gauge(0, 2 * long)}
    yield scene.case("silent when one of two Alertmanagers is gone", either, scene.silent(2 * long))
    if policy.stack.prometheus_peers:
        yield from _sends_too(policy, scene)
    away = targets.up(targets.of_alertmanager(policy))
    failing = {lost[0]: counter(1, 2 * long + 6), away: f"1 0 {gauge(1, 2 * long + 4)}"}
    if policy.stack.alertmanager_peers:
        another = selector("up", job=targets.ALERTMANAGER_JOB, instance=policy.stack.alertmanager_peers[-1])
        unheard = {lost[0]: counter(1, 2 * long), away: gauge(0, 2 * long), another: gauge(1, 2 * long)}
        yield scene.case("fires where one is away and the other one is not reached", unheard, *scene.fires(1, hold))
    yield scene.case(
        "silent while Alertmanager is or was away in the window", failing, *fires_since(scene, 2 * long + 2)
    )


def _sends_too(policy: Policy, scene: Scene) -> Iterator[Case]:
    """Another one of several Prometheus brings its alerts, or none does."""
    first, *others = policy.stack.prometheus_addresses
    hold = milliseconds(sent(policy))
    count = 2 * scene.samples(hold)
    for what in ("errors", "dropped"):
        lost = {
            each: selector(f"prometheus_notifications_{what}_total", job=targets.PROMETHEUS_JOB, instance=each)
            for each in (first, *others)
        }
        none = dict.fromkeys(lost.values(), counter(1, count))
        yield scene.case(f"fires when no Prometheus brings them ({what})", none, *scene.fires(1, hold))
        for each in others:
            brought = {**none, lost[each]: gauge(0, count)}
            yield scene.case(f"silent while {each} brings them ({what})", brought, scene.silent(count))


def _every_way(policy: Policy, step: int) -> Iterator[Case]:
    """PagerDuty fails all the time, and Slack after a while: it fails too, or the notifier is gone."""
    scene, away = scene_of(policy, step, NOTIFICATIONS_FAILING, part=EVERY_WAY), milliseconds(patience(policy))
    scene, count = replace(scene, alone=True), WELL + scene.samples(away) + 4
    pagerduty = {_failed(policy, "pagerduty"): counter(2, count)}
    refusals = (_failed(policy, "webhook"), selector(SLACK_FAILURES, **targets.of_notifier(policy), reason="token"))
    slack = dict.fromkeys(refusals, f"{gauge(0, WELL)} {gauge(9, count)}")
    up = targets.up(targets.of_notifier(policy))
    there, gone = {up: gauge(1, count)}, {up: f"{gauge(1, WELL)} {gauge(0, count)}"}
    both = scene.silent(WELL), scene.watch.firing((WELL + 1) * step, scene.alert)
    yield scene.case("fires when Slack fails too", {**pagerduty, **slack, **there}, *both)
    yield scene.case("fires when the notifier is gone too", {**pagerduty, **gone}, *scene.fires(WELL, away))
    for way, fails in (("PagerDuty", pagerduty), ("Slack", slack)):
        yield scene.case(f"silent while {way} fails alone", {**fails, **there}, scene.silent(count))
    yield _unreached(policy, scene, up)


def _unreached(policy: Policy, scene: Scene, notifier: str) -> Case:
    """PagerDuty fails, and so does a webhook of which the notifier says nothing: Alertmanager does not reach it."""
    window = milliseconds(notified(policy))
    count = 2 * scene.samples(window) + WELL
    fails = {_failed(policy, name): counter(2, count) for name in ("pagerduty", "webhook")}
    end = (count - 1) * scene.step
    if policy.notify.webhooks:  # it may be another's, and Slack is well
        return scene.case(
            "silent while another's webhook fails", {**fails, notifier: gauge(1, count)}, scene.silent(count)
        )
    expects = (scene.silent(WELL), scene.watch.firing(end, scene.alert))
    return scene.case("fires when the notifier is not reached", {**fails, notifier: gauge(1, count)}, *expects)


def _slack(policy: Policy, step: int) -> Iterator[Case]:
    """Alertmanager fails by webhook, and the notifier says that Slack did not take it: both within the window."""
    window = milliseconds(notified(policy))
    scene = scene_of(policy, step, NOTIFICATIONS_FAILING, part="slack")
    failed, posts = (
        _failed(policy, "webhook"),
        selector(SLACK_FAILURES, **targets.of_notifier(policy), reason="timeout"),
    )
    count = scene.samples(window)
    often, once = {posts: counter(1, 4 * count)}, {failed: counter(2, 4 * count)}
    yield from _twice(scene, {failed: (_OVER, _UNDER)}, window, often, " of Alertmanager's")
    yield from _twice(replace(scene, alone=True), {posts: (1, 0)}, window, once, " of the notifier's")
    refused = {failed: counter(2, WELL + 2), _refused(policy, "refused"): f"{gauge(0, WELL)} {gauge(1, 2)}"}
    yield scene.case("fires where the notifier takes no more", refused, *scene.fires(WELL, 0))
    ended = {failed: counter(2, 2 * count), _refused(policy, "refused"): f"{gauge(0, WELL)} {gauge(1, 2 * count)}"}
    until = fires_until(replace(scene, alone=True), WELL - 1 + count)
    yield scene.case("resolves when the notifier has taken all for so long", ended, *until)
    fine = {failed: counter(1, count), posts: gauge(3, count), _refused(policy, "sent"): counter(1, count)}
    yield scene.case("silent while Slack takes what comes", fine, scene.silent(count))
    late = {failed: counter(1, count), posts: gauge(0, count), _refused(policy, "late"): counter(1, count)}
    yield scene.case("silent while a burst waits for its turn at Slack", late, scene.silent(count))


def _webhooks(policy: Policy, step: int) -> Iterator[Case]:
    window = milliseconds(notified(policy))
    failed, scene = _failed(policy, "webhook"), scene_of(policy, step, NOTIFICATIONS_FAILING, part="webhook")
    long = scene.samples(window)
    count = 2 * long + WELL + 3
    # Two failures at each sample: the condition holds from the first on.
    failing = {failed: f"{gauge(0, WELL)} {counter(2, count, 2)}"}
    fires = (*scene.fires(WELL, window), scene.watch.firing((count - 1) * step, scene.alert))
    yield scene.case("fires when it goes on for its window", failing, *fires)
    burst = {failed: f"{gauge(0, WELL)} {_OVER:g}+0x1 {gauge(9, count)}"}
    yield scene.case("silent after a burst that is over within the window", burst, scene.silent(long + WELL))
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
    count, last = 2 * long + 2 * WELL + 3, 2 * long + 2
    for what in UNDELIVERED:
        slack = {**failing, _refused(policy, what): f"0+{0.5 / long!r}x{count}"}
        yield scene.case(f"silent where Slack is what refuses ({what})", slack, scene.silent(count))
    taken = {**failing, _refused(policy, "failed"): gauge(3, count)}
    end = together.watch.firing((count - WELL) * scene.step, scene.alert)
    yield scene.case("fires where Slack takes what comes", taken, end)
    steady = {_failed(policy, "webhook"): counter(2, 2 * long + 6)}
    refused = {**steady, _refused(policy, "failed"): f"0 {gauge(1, 2 * long + 5)}"}
    yield scene.case("silent while Slack refused in the window", refused, *fires_since(scene, last - 1))
    away = {**steady, targets.up(targets.of_notifier(policy)): f"1 0 {gauge(1, 2 * long + 4)}"}
    yield together.case("silent while the notifier is or was away in the window", away, *fires_since(together, last))


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

    expects = (*scene.fires(first, 0), *fires_until(scene, first + long - 1))
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
