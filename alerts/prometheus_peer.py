"""CachePrometheusPeerDown: of several Prometheus on one configuration one is gone, or reaches no Alertmanager. Pure.

All have the same rules, and so one for each of them, whichever evaluates it: the label `instance` says which is meant. Of one
that is alone nobody could tell but the heartbeat's receiver.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from alerts import links, targets
from alerts.model import Alert
from alerts.prometheus import config_file
from alerts.promql import duration, narrowed, one_of, selector, template_text
from alerts.stack_times import patience, resent, sent
from alerts.texts import Text
from policy.alerts import PROMETHEUS_PEER_DOWN as SPEC
from policy.model import Policy

GONE, MUTE = "gone", "mute"  # `cause`: with equal labels the end of one would end the other
ERRORS = "prometheus_notifications_errors_total"
KNOWN = "prometheus_notifications_alertmanagers_discovered"


def alerts(policy: Policy) -> Iterator[Alert]:
    """Both causes, for each of several."""
    if policy.stack.prometheus_peers:
        for address in policy.stack.prometheus_addresses:
            yield _gone(policy, address)
            yield _mute(policy, address)


def _gone(policy: Policy, address: str) -> Alert:
    hold, member = patience(policy), template_text(address)
    rest = template_text(", ".join(each for each in policy.stack.prometheus_addresses if each != address))
    text = Text(
        f"Prometheus {member} of {template_text(policy.fleet.name)} is gone: another one watches on",
        f"Prometheus at {member} has not answered another one for {duration(hold)}. What is left ({rest}) watches and tells "
        "as ever; when that goes too, nobody is told of anything, and only the heartbeat outside tells. First: start it and read "
        "its log.",
    )
    return _alert(policy, address, GONE, f"absent({selector('up', **_of(address))} == 1)", text, hold)


def _mute(policy: Policy, address: str) -> Alert:
    # What it sees reaches nobody, while another one's alerts arrive. Where no one's do, that is CacheNotificationsFailing.
    hold, window, member = sent(policy), duration(resent(policy)), template_text(address)
    text = Text(
        f"Prometheus {member} of {template_text(policy.fleet.name)} reaches no Alertmanager: another one tells alone",
        f"Prometheus at {member} has not brought its alerts to any Alertmanager for {duration(hold)}, or knows of none, and "
        "another one's arrive. When that goes, nobody is told of anything. First: its log (component notifier), and whether it "
        f"has the {config_file(policy, address)} of the build.",
    )
    fails = f"min(increase({selector(ERRORS, **_of(address))}[{window}])) > 0"
    others = one_of(each for each in policy.stack.prometheus_addresses if each != address)
    theirs = narrowed(selector(ERRORS, job=targets.PROMETHEUS_JOB), f"instance=~{others}")
    heard = f"min(increase({theirs}[{window}])) == 0"
    expr = f"(sum({selector(KNOWN, **_of(address))}) < 1 or {fails}) and on () ({heard})"
    return _alert(policy, address, MUTE, expr, text, hold)


def _of(address: str) -> dict[str, str]:
    return {"job": targets.PROMETHEUS_JOB, "instance": address}


def _alert(policy: Policy, address: str, cause: str, expr: str, text: Text, hold: timedelta) -> Alert:
    labels = {
        "severity": SPEC.severity,
        "action": SPEC.action,
        "fleet": template_text(policy.fleet.name),
        "instance": template_text(address),
        "cause": cause,
    }
    return Alert(SPEC.name, expr, labels, links.notes(policy, SPEC.name, expr, text), hold)
