"""The alerts on the watching itself: node facts, notifier, Alertmanager, rules, notifications, and the Watchdog. Pure.

Each part is looked at by another one: exporter, notifier and Alertmanager by Prometheus, Slack and PagerDuty by those that
post to them. Who watches Prometheus and Alertmanager together stands outside: the heartbeat.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from alerts import links, prometheus_peer, targets, texts
from alerts.model import Alert
from alerts.node_down import SLI_JOB, exporter_up, verdict_memory
from alerts.promql import duration, narrowed, one_of, quote, selector, template_text
from alerts.stack_times import evaluated, failing, notified, patience, resent, sent, unseen
from alerts.texts import Text
from policy import metrics
from policy.alerts import (
    ALERTMANAGER_DOWN,
    ALERTMANAGER_PEER_DOWN,
    METRICS_MISSING,
    NOTIFICATIONS_FAILING,
    NOTIFIER_DOWN,
    RULE_FAILURES,
    WATCHDOG,
    WATCHED_TWICE,
    AlertSpec,
)
from policy.model import Policy
from policy.units import plain, seconds

# Of several groups in one Prometheus, ours; two parts of the label are the file and the name of the group.
_OUR_GROUPS = 'rule_group=~".*;cachewatch-.+"'
MOST_MISSED = "0.5"
# One failure is none, and increase() makes up to 1.1 of it where scrapes and evaluations are not aligned.
MOST_FAILED = "1.5"
# What the notifier answers when Alertmanager counts a failure that is no other webhook's. One that is `late` is no failure of
# Slack: of a burst the last is told after half a minute, and Alertmanager asks again meanwhile.
UNDELIVERED = ("failed", "late", "refused")
# `part` of the alert that neither PagerDuty nor Slack takes anything.
EVERY_WAY = "all"
SLACK_FAILURES = "cachewatch_notifier_slack_failures_total"


def alerts(policy: Policy) -> tuple[Alert, ...]:
    """Every alert on the parts that the policy has."""
    notify = policy.notify
    posts = notify.slack is not None or bool(notify.webhooks) or notify.heartbeat is not None
    return (
        _watchdog(policy),
        _metrics_missing(policy),
        *([_watched_twice(policy)] if policy.collect.background else []),
        *([_notifier_down(policy)] if notify.slack is not None else []),
        _alertmanager_down(policy),
        *([_peer_down(policy)] if policy.stack.alertmanager_peers else []),
        *prometheus_peer.alerts(policy),
        *_rule_failures(policy),
        *([_integrations(policy)] if notify.pagerduty is not None else []),
        *([_slack(policy)] if notify.slack is not None else []),
        *([_webhooks(policy)] if posts else []),
        *([_every_way(policy)] if notify.stops_when_both_fail else []),
        _prometheus_sends(policy),
    )


def _watchdog(policy: Policy) -> Alert:
    fleet = template_text(policy.fleet.name)
    text = Text(
        f"The watching of {fleet} works",
        f"This alert always fires. It is sent to the heartbeat of the policy, which tells somebody when it no longer "
        f"comes: then Prometheus or Alertmanager of {fleet} is gone, or the way between them and out of here. It asks "
        "nobody to do anything while it fires.",
    )
    return _alert(policy, WATCHDOG, "vector(time())", text)


def _metrics_missing(policy: Policy) -> Alert:
    # Of an exporter that is gone CacheNodeDown tells. While it restarts, the fast scrape has answered lately.
    exporter, hold = template_text(policy.stack.exporter), unseen(policy)
    fleet = template_text(policy.fleet.name)
    text = Text(
        f"The node facts of {fleet} are missing: {exporter}/metrics cannot be scraped",
        f"Prometheus has had no answer from {exporter}/metrics for {duration(hold)}, and of the same exporter it has "
        "/metrics/sli: whether nodes live, how fast they answer and how full they are is watched; replication, slots, "
        "refused writes, denied access, evictions, connections and persistence are not, and no alert about them can come. "
        f"First: Prometheus' page /targets has the error beside the job {targets.ALL_JOB}: a limit of the scrape, a time-out, a "
        "proxy.",
    )
    answered = f"max_over_time({exporter_up(policy)}[{duration(verdict_memory(policy))}]) == 1"
    expr = f"absent({targets.up(targets.of_exporter(policy))} == 1) and on () ({answered})"
    return _alert(policy, METRICS_MISSING, expr, text, hold, instance=exporter)


def _watched_twice(policy: Policy) -> Alert:
    # Of all that an exporter tells of a fleet this alone bears its own address: with `honor_labels` the rest is one series.
    # A job that is taken out leaves its last samples for five minutes without a mark that it is gone: so only new ones count.
    told, hold = selector(metrics.PROBE_LAG.name, fleet=policy.fleet.name), patience(policy)
    expr = f"count by (fleet) (timestamp({told}) > time() - {plain(seconds(hold))}) > 1"
    return _alert(policy, WATCHED_TWICE, expr, _twice_text(policy, told, hold), hold)


def _twice_text(policy: Policy, told: str, hold: timedelta) -> Text:
    """Two exporters, or one by two jobs; `told` is the series that each of them has."""
    fleet = template_text(policy.fleet.name)

    def either(exporters: str, jobs: str) -> str:
        several = quote(f"count(count by (instance) ({told})) > 1")
        return f"{{{{ with query {several} }}}}{exporters}{{{{ else }}}}{jobs}{{{{ end }}}}"

    named = f"{{{{ range query {quote(f'count by (job) ({told})')} }}}} {{{{ .Labels.job }}}}{{{{ end }}}}"
    return Text(
        either(
            f"{{{{ $value }}}} exporters tell of {fleet} to one Prometheus: rates of it are wrong",
            f"{{{{ $value }}}} jobs of Prometheus scrape the exporter of {fleet}: sums over it are wrong",
        ),
        either(
            f"More than one exporter has told of {fleet} for {duration(hold)}, and they write the same series: each moment at "
            "which the one's counters are older than the other's looks like a restart, so that rates, hit rates and budgets are "
            "wrong by orders of magnitude, and a verdict may flap. First: Prometheus' page /targets; take one of them out of "
            "Prometheus, or give each a fleet.name of its own where they watch different nodes.",
            f"The verdicts and counters of {fleet} have come by more than one job for {duration(hold)}:{named}. Each brings "
            "them anew, so that sums over the fleet are too high, and without honor_labels the exporter seems to be a node. "
            f"First: take every job but those of the build ({SLI_JOB}, {targets.ALL_JOB}) out of Prometheus' configuration.",
        ),
    )


def _notifier_down(policy: Policy) -> Alert:
    notifier, hold = template_text(policy.stack.notifier), patience(policy)
    text = Text(
        f"The notifier {notifier} of {template_text(policy.fleet.name)} is gone: nothing reaches Slack",
        f"Prometheus has had no answer from the notifier at {notifier} for {duration(hold)}. Alertmanager keeps what it "
        "could not send and tries again while it fires, so start the notifier as it is started here (unit or container), and "
        "read its log. Until then no ticket is seen, and the links to runbooks are dead where the notifier serves them.",
    )
    expr = f"absent({targets.up(targets.of_notifier(policy))} == 1)"
    return _alert(policy, NOTIFIER_DOWN, expr, text, hold, instance=notifier)


def _alertmanager_down(policy: Policy) -> Alert:
    address, hold = template_text(policy.stack.alertmanager), patience(policy)
    every = template_text(", ".join(policy.stack.alertmanagers))
    known = targets.prometheuses(policy, "prometheus_notifications_alertmanagers_discovered")
    text = Text(
        f"Alertmanager {every} of {template_text(policy.fleet.name)} is gone: nobody is told of anything",
        f"Prometheus has had no answer from Alertmanager at {every} for {duration(hold)}, or knows of none. While that "
        "lasts this alert itself reaches nobody: only the heartbeat outside tells, by no longer being posted to, and "
        "Prometheus' own page of alerts shows what fires. First: start Alertmanager and read its log.",
    )
    expr = f"absent({targets.alertmanagers(policy, 'up')} == 1) or sum({known}) < 1"
    return _alert(policy, ALERTMANAGER_DOWN, expr, text, hold, instance=address)


def _peer_down(policy: Policy) -> Alert:
    # A member that died, that Prometheus does not reach, or that was started without the others, in a cluster or in none: then
    # each tells on its own, and a silence holds at one only. Of all that are gone the page tells.
    count, hold = len(policy.stack.alertmanagers), patience(policy)
    together, answer = (
        targets.alertmanagers(policy, "alertmanager_cluster_members"),
        targets.alertmanagers(policy, "up"),
    )
    well = f"sum({answer} and on (instance) ({together} >= {count}))"
    expr = f"({well} or vector(0)) < {count} and on () count({answer} == 1)"
    return _alert(policy, ALERTMANAGER_PEER_DOWN, expr, _peers_text(policy, f"{answer} == 0", hold), hold)


def _peers_text(policy: Policy, gone: str, hold: timedelta) -> Text:
    """Who does not answer is named, for there are several; `gone` is the query of them."""
    known, fleet = policy.stack.alertmanagers, template_text(policy.fleet.name)
    named = "{{ range . }} {{ .Labels.instance }}{{ end }}"

    def either(silent: str, apart: str) -> str:
        return f"{{{{ with query {quote(gone)} }}}}{silent}{{{{ else }}}}{apart}{{{{ end }}}}"

    apart = f"The {len(known)} Alertmanagers of {fleet} do not know of each other"
    return Text(
        either(f"No answer from Alertmanager{named}, of the {len(known)} of {fleet}", apart),
        f"For {duration(hold)} {either(f'Prometheus has had no answer from{named}', 'they have not all known of each other')} "
        f"(there should be {template_text(', '.join(known))}). Whoever is left tells as ever; when all are gone, nobody is told "
        "of anything. Those that do not know of each other may tell things twice, and a silence holds at one of them only. "
        "First: its log, and whether each was started with --cluster.peer of another one.",
    )


def _rule_failures(policy: Policy) -> Iterator[Alert]:
    fleet, window, hold = template_text(policy.fleet.name), duration(evaluated(policy)), failing(policy)
    failures, missed, all_of_them = (
        f"increase({targets.prometheuses(policy, f'prometheus_rule_{name}_total', _OUR_GROUPS)}[{window}])"
        for name in ("evaluation_failures", "group_iterations_missed", "group_iterations")
    )
    yield _alert(
        policy,
        RULE_FAILURES,
        _groups(policy, f"{failures} > 0"),
        Text(
            f"Prometheus cannot evaluate rules of {fleet}",
            f"Rules in {{{{ $value }}}} of the groups have failed for {duration(hold)}: what they should tell of is told "
            "by nobody. First: Prometheus' page /rules has the error beside the rule; its log has it too.",
        ),
        hold,
        part="evaluation",
    )
    yield _alert(
        policy,
        RULE_FAILURES,
        _groups(policy, f"{missed} > {MOST_MISSED} * {all_of_them}"),
        Text(
            f"Prometheus is too slow for the rules of {fleet}",
            f"{{{{ $value }}}} of the rule groups missed more than half of their evaluations for {duration(hold)}: every "
            "page comes late. First: CPU and disk of Prometheus' machine, then /rules for the groups that take longest.",
        ),
        hold,
        part="missed",
    )
    yield _rejected(policy)
    yield _old_routes(policy)


def _groups(policy: Policy, bad: str) -> str:
    """How many groups of rules are so, at whichever Prometheus."""
    return f"count(count by (rule_group) ({bad}))" if policy.stack.prometheus_peers else f"count({bad})"


def _rejected(policy: Policy) -> Alert:
    name = template_text(policy.fleet.name)
    refused = f"Prometheus refused its configuration: the rules of {name} are old ones"
    check = "promtool check config on what was built; its log names the file and the line"
    series = targets.prometheuses(policy, "prometheus_config_last_reload_successful")
    return _not_reloaded(
        policy, "Prometheus", refused, f"it goes on with what it had. First: {check}.", series, "reload"
    )


def _old_routes(policy: Policy) -> Alert:
    name = template_text(policy.fleet.name)
    refused = f"Alertmanager refused its configuration: who is told of {name}, and how, is as it was"
    check = "amtool check-config on what was built; its log says what is wrong"
    series = targets.alertmanagers(policy, "alertmanager_config_last_reload_successful")
    goes_on = f"it goes on with what it had, and would not come up again after a restart. First: {check}."
    return _not_reloaded(policy, "Alertmanager", refused, goes_on, series, "routes")


def _not_reloaded(policy: Policy, who: str, summary: str, goes_on: str, series: str, part: str) -> Alert:
    hold = patience(policy)
    text = Text(summary, f"The last reload of {who} failed {duration(hold)} ago or longer, and {goes_on}")
    return _alert(policy, RULE_FAILURES, f"min({series}) == 0", text, hold, part=part)


def _integrations(policy: Policy) -> Alert:
    # Webhooks have alerts of their own, for heartbeats, Slack and others are one to Alertmanager. Two failures, because
    # one that succeeds at the next attempt was late and not lost.
    failed = f"increase({_failed(policy, '!=')}[{duration(notified(policy))}])"
    expr = f'sum by (part) (label_replace({failed}, "part", "$1", "integration", "(.+)")) > {MOST_FAILED}'
    return _alert(
        policy, NOTIFICATIONS_FAILING, expr, _failing(policy, texts.PART, "Alertmanager's log has the answer.")
    )


def _slack(policy: Policy) -> Alert:
    posts = f"increase({selector(SLACK_FAILURES, **targets.of_notifier(policy))}[{duration(notified(policy))}])"
    why = texts.lookup(f"topk(1, {posts} > 0)", " The notifier says: {{ .Labels.reason }}.")
    refused = _answered(policy, ("refused",))
    expr = f"{_webhook_failures(policy)} and on () (sum({posts}) > 0 or {refused} > 0)"
    text = _failing(policy, "Slack", f"the notifier's log has the reason and the cure.{why}")
    return _alert(policy, NOTIFICATIONS_FAILING, expr, text, part="slack")


def _webhooks(policy: Policy) -> Alert:
    # Which webhook it is, 0.25 does not say. The heartbeat's may fail for a while without anybody here being woken; when
    # it fails for long, its receiver has told already.
    window = duration(notified(policy))
    slack, notifier = _answered(policy, UNDELIVERED), targets.up(targets.of_notifier(policy))
    known = f" unless on () ({slack} > 0) unless on () (min_over_time({notifier}[{window}]) == 0)"
    expr = f"{_webhook_failures(policy)}{known if policy.notify.slack is not None else ''}"
    text = _failing(
        policy, "a webhook", "Alertmanager's log has the address: the notifier's, the heartbeat's or another's."
    )
    return _alert(policy, NOTIFICATIONS_FAILING, expr, text, notified(policy), part="webhook")


def _every_way(policy: Policy) -> Alert:
    # Of two alerts together, for an inhibition has one source: this one stops the heartbeat. A webhook that fails is the way
    # to the notifier, or the heartbeat itself; another's takes tickets alone, or there would be a third way for pages.
    fleet, others = policy.fleet.name, bool(policy.notify.webhooks)
    pagerduty, slack, webhook = (
        _fires(policy, NOTIFICATIONS_FAILING, part=part) for part in ("pagerduty", "slack", "webhook")
    )
    lost = " or ".join((slack, *(() if others else (webhook,)), _fires(policy, NOTIFIER_DOWN)))
    expr = f"count({pagerduty}) and on () ({lost})"
    text = Text(
        f"Nobody may be told of anything about {template_text(fleet)}: PagerDuty fails, and Slack or the way to it",
        "Alertmanager could not deliver by PagerDuty, nor by Slack or by a webhook. This stops the heartbeat "
        "(notify.heartbeat), so that whoever waits for that tells. If you read it, a way is mended, or what fails is the "
        "heartbeat itself. First: Alertmanager's log and the notifier's. Is it the way out of here, or the files with the "
        "routing key and the token?",
    )
    return _alert(policy, NOTIFICATIONS_FAILING, expr, text, part=EVERY_WAY)


def _fires(policy: Policy, spec: AlertSpec, **labels: str) -> str:
    return selector("ALERTS", alertname=spec.name, alertstate="firing", fleet=policy.fleet.name, **labels)


def _prometheus_sends(policy: Policy) -> Alert:
    hold = duration(sent(policy))
    # Errors are counted for each Alertmanager: of several that know the same one is enough, and so is one Prometheus of several.
    errors, dropped = (
        f"increase({targets.prometheuses(policy, f'prometheus_notifications_{what}_total')}[{duration(resent(policy))}])"
        for what in ("errors", "dropped")
    )
    each = f"min(sum by (instance) ({dropped}))" if policy.stack.prometheus_peers else f"sum({dropped})"
    lost = f"min({errors}) > 0 or {each} > 0"
    away = f"max(min_over_time({targets.alertmanagers(policy, 'up')}[{hold}])) == 0"
    fleet = template_text(policy.fleet.name)
    text = Text(
        f"Alerts of {fleet} do not reach Alertmanager",
        f"Alertmanager answers, and Prometheus has not brought it all alerts for {hold}. What is lost is told by nobody. "
        "First: Prometheus' log (component notifier), then whether Alertmanager's address leads to it from there.",
    )
    expr = f"({lost}) unless on () ({away})"
    return _alert(policy, NOTIFICATIONS_FAILING, expr, text, sent(policy), part="alertmanager")


def _failing(policy: Policy, way: str, first: str) -> Text:
    return Text(
        f"Notifications of {template_text(policy.fleet.name)} by {way} fail",
        f"Alertmanager could not deliver by {way}, more than once within {duration(notified(policy))}: somebody was not told. "
        f"It tries again while an alert fires, and forgets it when that ends. First: {first}",
    )


def _webhook_failures(policy: Policy) -> str:
    window = duration(notified(policy))
    return f"sum(increase({_failed(policy, '=')}[{window}])) > {MOST_FAILED}"


def _answered(policy: Policy, results: tuple[str, ...]) -> str:
    """Requests of Alertmanager that the notifier answered so."""
    told = selector("cachewatch_notifier_notifications_total", **targets.of_notifier(policy))
    series = narrowed(told, f"result=~{one_of(results)}")
    return f"sum(increase({series}[{duration(notified(policy))}]))"


def _failed(policy: Policy, operator: str) -> str:
    """Failed notifications by webhook (`=`), or by all else (`!=`)."""
    return targets.alertmanagers(policy, "alertmanager_notifications_failed_total", f'integration{operator}"webhook"')


def _alert(
    policy: Policy, spec: AlertSpec, expr: str, text: Text, hold: timedelta | None = None, **labels: str
) -> Alert:
    own = {"severity": spec.severity, "action": spec.action, "fleet": template_text(policy.fleet.name), **labels}
    return Alert(spec.name, expr, own, links.notes(policy, spec.name, expr, text), hold)
