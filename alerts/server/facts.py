"""What the nodes said last, as expressions. Pure.

A gauge is read through `last_over_time`: the newest sample decides as soon as it is there, and for as long as the
exporter may be away the last word counts, so that its restart neither begins a wait anew nor ends what fires.
"""

from __future__ import annotations

from datetime import timedelta

from alerts.model import Record
from alerts.node_down import verdict_memory
from alerts.promql import duration, narrowed, selector
from policy import metrics
from policy.model import Policy

NODE = "fleet, shard, instance"
UP = "instance:cache_node_up:newest"
PRIMARY = "instance:cache_node_primary:newest"
REPLICA = "instance:cache_node_replica:newest"
OTHER_ROLE = {PRIMARY: ("primary", "replica"), REPLICA: ("replica", "primary")}


def memory(policy: Policy) -> timedelta:
    """How long a word of the slow scrape counts: until a dead exporter has a page of its own."""
    return policy.rules.exporter_grace + 3 * policy.rules.interval


def newest(policy: Policy, metric: str, by: str = NODE, matcher: str = "") -> str:
    """The last value of a gauge of the slow scrape, the largest of those with the same labels `by`."""
    return _last(policy, metric, memory(policy), by, matcher)


def newest_sli(policy: Policy, metric: str, by: str = NODE, matcher: str = "") -> str:
    """The same of the fast scrape."""
    return _last(policy, metric, verdict_memory(policy), by, matcher)


def _last(policy: Policy, metric: str, window: timedelta, by: str, matcher: str) -> str:
    series = selector(metric, fleet=policy.fleet.name)
    series = narrowed(series, matcher) if matcher else series
    return f"max by ({by}) (last_over_time({series}[{duration(window)}]))"


def records(policy: Policy) -> tuple[Record, ...]:
    """The last verdict on each node, and a 1 for each node that is up and says that it is primary, or replica."""
    return (Record(UP, newest_sli(policy, metrics.NODE_UP.name)), *(_role(policy, name) for name in OTHER_ROLE))


def _role(policy: Policy, name: str) -> Record:
    """The role is forgotten as soon as the node says that it has the other: last words of both would overlap."""
    role, other = OTHER_ROLE[name]
    said, says_other = newest_sli(policy, metrics.NODE_ROLE.name, matcher=f'role="{role}"'), of_role(policy, other)
    return Record(name, f"{said} unless on (fleet, instance) {says_other} and on (fleet, instance) {up(policy)} == 1")


def of_role(policy: Policy, role: str) -> str:
    """The nodes that have a role now."""
    return selector(metrics.NODE_ROLE.name, fleet=policy.fleet.name, role=role)


def up(policy: Policy) -> str:
    """The last verdict on each node."""
    return selector(UP, fleet=policy.fleet.name)


def alive(policy: Policy, series: str) -> str:
    """Those of a series whose node is up: the last words of a dead one are no view of the others."""
    return f"({series} and on (fleet, instance) {up(policy)} == 1)"


def primaries(policy: Policy) -> str:
    """A 1 for each primary that is up."""
    return selector(PRIMARY, fleet=policy.fleet.name)


def replicas(policy: Policy) -> str:
    """A 1 for each replica that is up."""
    return selector(REPLICA, fleet=policy.fleet.name)
