"""CachePolicyDiffers: an exporter that answers has another policy than these rules, in what they must have in common. Pure.

A ticket, and only after a time in which both can have been told of a new policy. Each exporter that Prometheus reads is asked,
whatever its address; of one that does not say its fingerprint, as an older version, nothing is known.
"""

from __future__ import annotations

from alerts import links, texts
from alerts.model import Alert
from alerts.node_down import verdict_memory
from alerts.promql import duration, narrowed, quote, selector
from policy import metrics
from policy.agreement import fingerprint
from policy.alerts import POLICY_DIFFERS as SPEC
from policy.model import Policy

INFO = metrics.POLICY_INFO.name


def alerts(policy: Policy) -> tuple[Alert, ...]:
    """The alert, for each exporter by itself."""
    mine = fingerprint(policy)
    others = narrowed(selector(INFO, fleet=policy.fleet.name), f"hash!={quote(mine)}")
    # `last_over_time`: a restart of the exporter must not begin the wait anew. Without the hash: of two wrong policies one
    # after the other the second has been wrong for as long.
    expr = f"max by (fleet, instance) (last_over_time({others}[{duration(verdict_memory(policy))}]))"
    hold = policy.rules.rollout_grace
    notes = links.notes(policy, SPEC.name, expr, _text(policy, mine))
    return (Alert(SPEC.name, expr, {"severity": SPEC.severity, "action": SPEC.action}, notes, hold),)


def _text(policy: Policy, mine: str) -> texts.Text:
    theirs = texts.lookup(f"{INFO}{{fleet=%q,instance=%q}}", ", the exporter {{ .Labels.hash }}", "fleet", "instance")
    return texts.Text(
        f"The exporter {texts.NODE} and the rules of {texts.FLEET} have different policies",
        f"The exporter {texts.NODE} has had another policy than these rules{texts.lasting(policy.rules.rollout_grace)}: what "
        "they wait for it may not show, as the bucket of a latency threshold or a node, and an alert on that never fires. "
        f"The rules have {mine}{theirs}. First: cachewatch -c POLICY check prints that of the file; who has another one takes "
        "it, the exporter by SIGHUP or POST /-/reload, the rules by cachewatch build and a reload of Prometheus.",
    )
