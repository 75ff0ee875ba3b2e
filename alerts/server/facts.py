"""What the nodes said last, as expressions. Pure.

A gauge is read through `last_over_time`: the newest sample decides as soon as it is there, and for as long as the
exporter may be away the last word counts, so that its restart neither begins a wait anew nor ends what fires.
"""

from __future__ import annotations

from datetime import timedelta

from alerts.model import Record
from alerts.node_down import verdict_memory
from alerts.promql import duration, narrowed, selector
from alerts.stack_times import patience
from policy import metrics
from policy.model import Policy

NODE = "fleet, shard, instance"
UP = "instance:cache_node_up:newest"
PRIMARY = "instance:cache_node_primary:newest"
REPLICA = "instance:cache_node_replica:newest"


def memory(policy: Policy) -> timedelta:
    """How long a word of the slow scrape counts: until a dead exporter, or that scrape, has a page of its own."""
    rules = policy.rules
    return max(rules.exporter_grace + 3 * rules.interval, patience(policy) + 2 * rules.interval)


def newest(policy: Policy, metric: str, by: str = NODE, matcher: str = "") -> str:
    """The last value of a gauge of the slow scrape, the largest of those with the same labels `by`."""
    return _last(policy, metric, memory(policy), by, matcher)


def newest_sli(policy: Policy, metric: str, by: str = NODE, matcher: str = "") -> str:
    """The same of the fast scrape."""
    return _last(policy, metric, verdict_memory(policy), by, matcher)


def earliest_sli(policy: Policy, metric: str) -> str:
    """The smallest last value of a gauge of the fast scrape in the whole fleet."""
    series = selector(metric, fleet=policy.fleet.name)
    return f"min by (fleet) (last_over_time({series}[{duration(verdict_memory(policy))}]))"


def _last(policy: Policy, metric: str, window: timedelta, by: str, matcher: str) -> str:
    series = selector(metric, fleet=policy.fleet.name)
    series = narrowed(series, matcher) if matcher else series
    return f"max by ({by}) (last_over_time({series}[{duration(window)}]))"


def records(policy: Policy) -> tuple[Record, ...]:
    """The last verdict on each node, and a 1 for each node that is up and says that it is primary, or replica."""
    roles = (_role(policy, name, role) for name, role in ((PRIMARY, "primary"), (REPLICA, "replica")))
    return (Record(UP, newest_sli(policy, metrics.NODE_UP.name)), *roles)


def _role(policy: Policy, name: str, role: str) -> Record:
    return Record(name, f"{of_role(policy, role)} and on (fleet, instance) {up(policy)} == 1")


def of_role(policy: Policy, role: str, matcher: str = "") -> str:
    """A 1 for each node that said last that it has a role.

    A word of before is forgotten as soon as the node says anything, of another role or under another shard: last words of
    both would overlap.
    """
    says = selector(metrics.NODE_ROLE.name, fleet=policy.fleet.name)
    own = newest_sli(policy, metrics.NODE_ROLE.name, matcher=_own(role, matcher))
    return f"({in_role(policy, role, matcher)} or {own} unless on (fleet, instance) {says})"


def in_role(policy: Policy, role: str, matcher: str = "") -> str:
    """A 1 for each node that says now that it has a role."""
    says = selector(metrics.NODE_ROLE.name, fleet=policy.fleet.name)
    return f"max by ({NODE}) ({narrowed(says, _own(role, matcher))})"


def _own(role: str, matcher: str) -> str:
    return f'role="{role}"{matcher and ","}{matcher}'


def up(policy: Policy) -> str:
    """The last verdict on each node."""
    return selector(UP, fleet=policy.fleet.name)


def uncollected(policy: Policy) -> str:
    """The nodes that answer PING and not INFO."""
    info = newest_sli(policy, metrics.COLLECT_SUCCESS.name, matcher='part="info"')
    return f"{info} == 0 and on (fleet, instance) ({up(policy)} == 1)"


def alive(policy: Policy, series: str) -> str:
    """Those of a series whose node is up: the last words of a dead one are no view of the others."""
    return f"({series} and on (fleet, instance) {up(policy)} == 1)"


def primaries(policy: Policy) -> str:
    """A 1 for each primary that is up."""
    return selector(PRIMARY, fleet=policy.fleet.name)


def replicas(policy: Policy) -> str:
    """A 1 for each replica that is up."""
    return selector(REPLICA, fleet=policy.fleet.name)
