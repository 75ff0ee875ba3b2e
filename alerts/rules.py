"""The rule groups: each alert stands below the records it reads, in one group, so that it waits for no other. Pure."""

from __future__ import annotations

from collections.abc import Callable

from alerts import keeping, node_down, policy_differs, prober_down, probes, recording, stack, texts
from alerts.alerting import alert, kept
from alerts.keeping import Seen
from alerts.model import Alert, Follows, Group, Kept, Record
from alerts.promql import duration, one_of, quote, selector
from alerts.server import facts
from alerts.server import rules as server
from alerts.slo import rules as slo
from policy import metrics
from policy.alerts import ALERTS, DISCOVERY_FAILING, AlertSpec
from policy.fleet import POLICY_PART, SOURCES
from policy.model import Policy
from policy.units import plain


def groups(policy: Policy) -> dict[str, Group]:
    """Rule groups by the stem of their file below `rules/`."""
    rules = policy.rules
    measured = (*recording.latency(policy), *recording.availability(policy))
    return {
        "node_down": Group("cachewatch-node-down", rules.liveness_evaluation, node_down.alerts(policy)),
        "failover": Group("cachewatch-failover", rules.liveness_interval, server.alerts(policy, "failover")),
        "hit_rate": _group(policy, "hit_rate", recording.hit_rate(policy)),
        "latency": Group("cachewatch-latency", rules.interval, (*measured, *probes.alerts(policy))),
        "memory": _group(policy, "memory", recording.memory(policy)),
        "server": Group("cachewatch-server", rules.interval, server.alerts(policy, "server")),
        "discovery": Group("cachewatch-discovery", rules.interval, (_discovery(policy),)),
        "policy": Group("cachewatch-policy", rules.interval, policy_differs.alerts(policy)),
        "prober": Group("cachewatch-prober", rules.liveness_evaluation, prober_down.silent(policy)),
        "stack": Group("cachewatch-stack", rules.interval, (*stack.alerts(policy), *prober_down.looping(policy))),
        **slo.groups(policy),
    }


def _group(policy: Policy, row: str, records: tuple[Record, ...]) -> Group:
    rule = {"hit_rate": _hit_rate, "memory": _memory}[row]
    found = tuple(rule(policy, spec) for spec in ALERTS if spec.row == row)
    return Group(f"cachewatch-{row.replace('_', '-')}", policy.rules.interval, (*records, *found))


def _hit_rate(policy: Policy, spec: AlertSpec) -> Alert:
    level = getattr(policy.thresholds.hit_rate, str(spec.level))
    ratio, judged = (
        selector(name, fleet=policy.fleet.name)
        for name in (recording.FLEET_HIT_RATIO, recording.FLEET_HIT_RATIO_JUDGED)
    )
    low, time = f"< {plain(level.below)}", policy.rules.keep_firing_for
    broken, lately = f"{judged} {low}", f"{keeping.within(judged, low, time)} and {ratio}"
    text = texts.hit_rate(policy, level.below, level.for_)
    gone = keeping.unseen(spec, selector(metrics.HITS.name, fleet=policy.fleet.name), ratio, time)
    return kept(policy, spec, Kept(broken, broken, time, unseen=gone), Seen(lately), level.for_, text)


def _memory(policy: Policy, spec: AlertSpec) -> Alert:
    level, time = getattr(policy.thresholds.memory, str(spec.level)), policy.rules.keep_firing_for
    used, above = selector(recording.MEMORY_RATIO, fleet=policy.fleet.name), f"> {plain(level.above)}"
    full = f"{used} {above}"
    evicts = _evicts(policy) if spec.severity == "critical" else ""
    told = f"{full} unless on (fleet, instance) ({evicts})" if evicts else full
    gone = keeping.unseen(spec, selector(metrics.MEMORY_USED.name, fleet=policy.fleet.name), used, time)
    # What fires goes on until the primary's alert does, whatever the primary's value is: one that swings, or a failover,
    # would end the one page before there is the other.
    begins = f"{full} unless on (fleet, instance) ({_of_its_primary(_follows(policy, facts.of_role), told)})"
    follows = _follows(policy, facts.in_role)
    parts = Kept(begins, full, time, evicts, gone, follows=follows)
    stands = keeping.stands(policy, spec, keeping.within(used, above, keeping.alone(policy, level.for_)))
    seen = Seen(f"{keeping.within(used, above, time)} and {used}", _of_its_primary(follows, stands))
    return kept(policy, spec, parts, seen, level.for_, texts.memory(level.above, level.for_, spec.severity))


def _evicts(policy: Policy) -> str:
    """The nodes that make room by themselves: full is what they are for, and no reason to wake somebody."""
    return f"{facts.newest_sli(policy, metrics.MEMORY_EVICTS.name)} == 1"


def _follows(policy: Policy, of_role: Callable[..., str]) -> Follows:
    """A replica holds the same as its primary, whose alert says it."""
    return Follows(of_role(policy, "replica", 'shard!=""'), of_role(policy, "primary"), ("fleet", "shard"))


def _of_its_primary(follows: Follows, so: str) -> str:
    """The replicas of those primaries of which something is so."""
    return f"{follows.behind} and on ({', '.join(follows.of)}) ({so} and on (fleet, instance) {follows.ahead})"


def _discovery(policy: Policy) -> Alert:
    # Of all sources, configured or not: one that the exporter learns of by a reload is missed with the same rules.
    asked = (
        f"{metrics.COLLECT_SUCCESS.name}{{fleet={quote(policy.fleet.name)},part=~{one_of((*SOURCES, POLICY_PART))}}}"
    )
    # `last_over_time`: a restart of the exporter must not begin the wait anew, nor end what fires.
    newest = f"last_over_time({asked}[{duration(node_down.verdict_memory(policy))}])"
    hold = policy.rules.discovery_grace
    expr = f"min by (fleet, part) ({newest}) == 0"
    return alert(policy, DISCOVERY_FAILING, expr, hold, texts.discovery(policy, hold))
