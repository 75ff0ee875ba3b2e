"""How long the stack's own failures are looked at, and how long they must last. Pure.

A window is a whole number of samples, so that a count over it is exact and a rule test can tell one failure from two.
"""

from __future__ import annotations

from datetime import timedelta

from alerts.node_down import verdict_memory
from policy.model import Policy

# Prometheus sends what fires again after this long (--rules.alert.resend-delay), the Watchdog among it.
_RESENT = timedelta(minutes=1)
# Alertmanager gives up an attempt after the group's interval, and never before this (its notify.MinTimeout): where the interval
# is shorter, the next failure comes no sooner.
_ATTEMPT = timedelta(seconds=10)


def whole(policy: Policy, time: timedelta) -> timedelta:
    """The time, rounded up to whole samples of the slow jobs."""
    return -(-time // policy.rules.interval) * policy.rules.interval


def recent(policy: Policy) -> timedelta:
    """The window of what fails at each evaluation or not at all."""
    return 4 * policy.rules.interval


def patience(policy: Policy) -> timedelta:
    """How long a part may be away or fail. Never less than the window: a failure that is not repeated is not told."""
    return max(policy.rules.stack_grace, recent(policy))


def evaluated(policy: Policy) -> timedelta:
    """The window in which each group of rules is evaluated at least once and seen to be, wherever the scrapes fall."""
    rules = policy.rules
    longest = max(rules.interval, rules.slo_interval, rules.liveness_evaluation)
    return max(recent(policy), whole(policy, longest + 2 * rules.interval))


def failing(policy: Policy) -> timedelta:
    """How long rules must fail. Never less than the window in which they are looked at: one failure is not told."""
    return max(patience(policy), evaluated(policy))


def unseen(policy: Policy) -> timedelta:
    """How long the node facts may be missing.

    Longer than the last word of an exporter counts that is gone: of it CacheNodeDown tells, and this would say that it answers.
    """
    return max(patience(policy), whole(policy, verdict_memory(policy) + timedelta(milliseconds=1)))


def notified(policy: Policy) -> timedelta:
    """The window in which two attempts to send the same notification fall, whatever its kind."""
    longest = max(policy.notify.page.group_interval, policy.notify.ticket.group_interval, _ATTEMPT)
    return whole(policy, 2 * longest + recent(policy))


def resent(policy: Policy) -> timedelta:
    """The window in which Prometheus sends at least once what fires, and is seen to."""
    return whole(policy, _RESENT + 2 * policy.rules.interval)


def sent(policy: Policy) -> timedelta:
    """How long each of Prometheus' attempts must fail: a reload, or two, in which it knows no Alertmanager, is over before."""
    return whole(policy, max(3 * _RESENT, resent(policy) + 3 * policy.rules.interval))
