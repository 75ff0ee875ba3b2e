"""CacheProberDown: the exporter answers, and nobody probes. One page for the fleet, and none for each node. Pure.

Silent: the exporter shows nothing of a prober that it has not heard for three seconds. One that is killed speaks again
before that, and one that hangs once is killed and replaced before `rules.exporter_grace` is over.
Looping: it comes back each time and does not stay, so that the silence is never long. It waits until a prober that never
speaks would be silent, and starts that are over would be forgotten: of either there is one page, or none.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from alerts import links, targets
from alerts.model import Alert
from alerts.node_down import exporter_up, prober_speaks
from alerts.promql import duration, selector, template_text
from alerts.stack_times import whole
from alerts.texts import Text
from policy.alerts import PROBER_DOWN as SPEC
from policy.model import Policy

SILENT, LOOPING = "silent", "looping"
RESTARTS = "cachewatch_prober_restarts_total"
MOST_RESTARTS = 2
# Half a restart more: increase() makes up to 2.1 of two, where scrapes and evaluations are not aligned.
LIMIT = MOST_RESTARTS + Decimal("0.5")


def silent(policy: Policy) -> tuple[Alert, ...]:
    """The alert on a prober that is not heard; none where no node is probed."""
    if not policy.collect.background:
        return ()
    hold, fleet = policy.rules.exporter_grace, template_text(policy.fleet.name)
    text = Text(
        f"No node of {fleet} is probed: the exporter's prober is silent",
        f"The exporter {template_text(policy.stack.exporter)} answers but has heard nothing of its prober for "
        f"{duration(hold)}, or watches another fleet than {fleet}: whether the nodes live, and how fast they answer, is "
        "not known, and no page for a dead node can come. First: the log of the exporter, its machine's memory and CPU, "
        "and whether it runs with the policy that these rules were built from.",
    )
    expr = f"absent({prober_speaks(policy)}) and on () ({exporter_up(policy)} == 1)"
    return (_alert(policy, SILENT, expr, text, hold),)


def window(policy: Policy) -> timedelta:
    """Within which restarts are counted: five minutes by default. By two evaluations longer than `patience`: it can fire."""
    rules = policy.rules
    return whole(policy, max(5 * rules.stack_grace, 2 * rules.exporter_grace, 8 * rules.interval))


def recent(policy: Policy) -> timedelta:
    """Within which there must be another restart, or they are over."""
    return whole(policy, window(policy) / 2)


def patience(policy: Policy) -> timedelta:
    """How long it must go on: longer than one that ended is recent, and than one that never speaks is not silent."""
    return recent(policy) + 2 * policy.rules.interval


def looping(policy: Policy) -> tuple[Alert, ...]:
    """The alert on a prober that does not stay."""
    if not policy.collect.background:
        return ()
    fleet, within, hold = template_text(policy.fleet.name), duration(window(policy)), patience(policy)
    text = Text(
        f"The prober of {fleet} ends again and again",
        f"The exporter {template_text(policy.stack.exporter)} has started its prober more than {MOST_RESTARTS} times "
        f"anew within {within}, and that for {duration(hold)}. Each time no node is probed for some seconds, and a node "
        "that dies then is paged late. First: the log of the exporter, and whether its machine's kernel kills the prober "
        "for memory.",
    )
    restarts = selector(RESTARTS, **targets.of_exporter(policy))
    many, lately = (f"sum(increase({restarts}[{duration(time)}]))" for time in (window(policy), recent(policy)))
    speaks = f"present_over_time({prober_speaks(policy)}[{duration(policy.rules.exporter_grace)}])"
    expr = f"{many} > {LIMIT} and on () {lately} > 0 and on () {speaks} and on () ({exporter_up(policy)} == 1)"
    return (_alert(policy, LOOPING, expr, text, hold),)


def _alert(policy: Policy, cause: str, expr: str, text: Text, hold: timedelta) -> Alert:
    labels = {
        "severity": SPEC.severity,
        "action": SPEC.action,
        "cause": cause,
        "fleet": template_text(policy.fleet.name),
        "instance": template_text(policy.stack.exporter),
    }
    return Alert(SPEC.name, expr, labels, links.notes(policy, SPEC.name, expr, text), hold)
