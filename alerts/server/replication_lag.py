"""When a replica lags: it acknowledges nothing, or it acknowledges and does not keep up. Pure."""

from __future__ import annotations

from datetime import timedelta

from alerts.promql import duration, narrowed, selector
from alerts.server.facts import NODE, memory, newest
from policy.model import Policy
from policy.units import plain, seconds

LABELS = f"{NODE}, slave_ip, slave_port"
LAG, ACKNOWLEDGED, WRITTEN = (
    "redis_connected_slave_lag_seconds",
    "redis_connected_slave_offset_bytes",
    "redis_master_repl_offset",
)
_ONLINE = 'slave_state="online"'
_OF_PRIMARY = "on (fleet, shard, instance)"


def condition(policy: Policy) -> tuple[str, timedelta]:
    """The expression, in seconds of the one and in bytes of the other, and how long it must hold."""
    level = policy.alerts.replication_lag
    silent = f"{newest(policy, LAG, LABELS)} > {plain(seconds(level.above))}"
    return f"{silent} or {_behind(policy)}", level.for_


def behind_after(policy: Policy) -> timedelta:
    """A replica that lacks what was written so long before lags for longer than the policy allows.

    What it acknowledged was read at the last collection, which came with the last scrape: both may be that old.
    """
    return policy.alerts.replication_lag.above + policy.rules.interval + policy.collect.interval


def _behind(policy: Policy) -> str:
    """The bytes that a replica lacks of what was written too long ago.

    One whose link is too narrow acknowledges each second how little it has: Redis calls its lag 0. A history that began anew
    is compared with nothing of before.
    """
    series = f"{selector(WRITTEN, fleet=policy.fleet.name)}[{duration(memory(policy))}]"
    before = f"max by ({NODE}) (last_over_time({series} offset {duration(behind_after(policy))}))"
    return f"({before} <= {newest(policy, WRITTEN)}) - {_OF_PRIMARY} group_right () {_acknowledged(policy)} > 0"


def _acknowledged(policy: Policy) -> str:
    """Up to where each replica has all; of one that its primary names no more nothing."""
    says = selector(WRITTEN, fleet=policy.fleet.name)
    now = f"max by ({LABELS}) ({narrowed(selector(ACKNOWLEDGED, fleet=policy.fleet.name), _ONLINE)})"
    said = f"{newest(policy, ACKNOWLEDGED, LABELS, _ONLINE)} unless on (fleet, instance) {says}"
    return f"({now} or {said})"
