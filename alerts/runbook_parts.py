"""What every runbook has: who is told, whom to ask, how to silence, what ends it without being mended. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from alerts import unseen_ends
from alerts.promql import markdown_code, matched
from policy.alerts import AlertSpec
from policy.model import Policy


def told(policy: Policy, spec: AlertSpec) -> str:
    """Who is told of it."""
    notify = policy.notify
    if spec.severity == "none":
        return "Told: the heartbeat." if notify.heartbeat else "The policy names no heartbeat: see `notify` in it."
    others = sum(webhook.takes("pages" if spec.pages else "tickets") for webhook in notify.webhooks)
    ways = [
        *(["PagerDuty"] if notify.pagerduty is not None and spec.pages else []),
        *([f"Slack ({markdown_code(notify.slack.channel)})"] if notify.slack is not None else []),
        *([f"{others} webhook{'s' if others > 1 else ''} of the policy"] if others else []),
    ]
    return f"Told: {' and '.join(ways)}." if ways else "The policy names nobody who is told: see `notify` in it."


def query(policy: Policy, expr: str) -> str:
    """A shell command that asks Prometheus."""
    return f"promtool query instant {shlex.quote(policy.stack.link('prometheus'))} {shlex.quote(expr)}"


def another(policy: Policy, commands: str) -> str:
    """Whom to ask where the Prometheus of the commands is the one that is gone."""
    first, *others = (policy.stack.link("prometheus"), *policy.stack.prometheus_peers)
    asked = {url for url in (first, *others) if f"promtool query instant {shlex.quote(url)} " in commands}
    if not others or asked != {first}:
        return ""
    return f"Where {first} does not answer, ask another Prometheus in its place: {', '.join(others)}.\n\n"


def ends_unseen(policy: Policy, spec: AlertSpec) -> str:
    """What else ends a page on the cache: the others are held, or silenced by the page of what is gone."""
    needs = unseen_ends.needs(policy, spec) if spec.ends_unseen else ""
    if not needs:
        return ""
    return (
        f"\n\nIt ends as well, with its window, when what it is seen by is gone: {needs}. Nobody has seen it heal then:\n"
        "Slack's message begins with ENDED UNSEEN and says why, PagerDuty resolves the incident, and if still so it comes anew."
    )


def silence(policy: Policy, spec: AlertSpec, *subjects: Iterable[str]) -> str:
    """A command for each subject, given by the matchers that it takes beside the alert's and the fleet's."""
    whole = (f"alertname={spec.name}", f"fleet={matched(policy.fleet.name)}")
    at = f"--alertmanager.url={policy.stack.link('alertmanager')}"
    add = f"amtool silence add {at} --duration=1h --comment='who and why'"
    commands = "\n".join(f"{add} {' '.join(map(shlex.quote, (*whole, *more)))}" for more in subjects)
    return (
        f"For an hour, while somebody works on it:\n\n```sh\n{commands}\n```\n\n"
        f"What ends under a silence is told to nobody: {_left_open(policy, spec)}. So lift the silence before it heals, or\n"
        f"within 15 minutes after it, with the ID that was printed: `amtool silence expire {at} ID`."
    )


def _left_open(policy: Policy, spec: AlertSpec) -> str:
    if spec.pages and policy.notify.pagerduty is not None:
        return "PagerDuty's incident stays open"
    return "whoever heard that it fires never hears that it is over"
