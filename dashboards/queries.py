"""PromQL of the panels. Names come from the catalogue: a typing error is a KeyError when the dashboard is built."""

from __future__ import annotations

from policy import metrics as m
from policy.alerts import ALERTS
from policy.metrics import CATALOGUE
from policy.thresholds import Thresholds
from policy.units import plain

RATE = "$__rate_interval"  # Grafana's: four scrapes at least, more when the page shows days
FLEET = 'fleet=~"$fleet"'
# A node without a shard has no `shard` label: "All" of that variable is `.*`, which matches its absence too.
NODES = f'{FLEET}, shard=~"$shard", instance=~"$instance"'
SHARDS = f'{FLEET}, shard=~"$shard"'
NODE = "fleet, shard, instance"


def series(name: str, *matchers: str, where: str = NODES, suffix: str = "") -> str:
    """The series of a declared metric on the chosen nodes."""
    return f"{CATALOGUE[name].name}{suffix}{{{', '.join((where, *matchers))}}}"


def is_(label: str, value: str) -> str:
    """A matcher. Values are words of the catalogue, never a user's text."""
    return f'{label}="{value}"'


def rate(name: str, *matchers: str, by: str = NODE, window: str = RATE) -> str:
    """Events a second."""
    return f"sum by ({by}) (rate({series(name, *matchers)}[{window}]))"


def nodes_up() -> str:
    """How many nodes are up; nothing where nobody watches."""
    return f"sum({series(m.NODE_UP.name)})"


def nodes_down() -> str:
    """How many are down. A difference, for `count(x == 0)` is nothing, or by force 0, when the exporter itself is gone."""
    up = series(m.NODE_UP.name)
    return f"count({up}) - sum({up})"


def hit_ratio(by: str, window: str = RATE) -> str:
    """Hits / reads, summed first and divided once; nothing where nothing was read."""
    hits = rate(m.HITS.name, by=by, window=window)
    return f"{hits} / ({hits} + {rate(m.MISSES.name, by=by, window=window)} > 0)"


def percentile(row: str, by: str, window: str = RATE) -> str:
    """The percentile of a latency row in seconds, for the eye.

    Between two bounds it is interpolated, but each threshold is a bound: on which side of it the value lies is exact.
    """
    buckets = series(m.PROBE_DURATION.name, is_("op", "ping"), suffix="_bucket")
    return f"histogram_quantile({plain(Thresholds.PERCENTILES[row])}, sum by ({by}, le) (rate({buckets}[{window}])))"


def memory_limit() -> str:
    """What each node may use, whoever says so."""
    return f"max without (source) ({series(m.MEMORY_LIMIT.name)} > 0)"


def memory_share() -> str:
    """Used / limit of each node."""
    return f"{series(m.MEMORY_USED.name)} / {memory_limit()}"


def check_success() -> str:
    """The share of health checks that succeeded, for each node."""
    good = rate(m.HEALTH_CHECKS.name, is_("result", "success"))
    counted = rate(m.HEALTH_CHECKS.name, 'result!="readonly"')  # as the alerts count: a refused write is another matter
    return f"{good} / ({counted} > 0)"


def alerts(state: str, *matchers: str) -> str:
    """Cachewatch's own alerts in a state (`firing`, `pending`) of the chosen fleets."""
    names = "|".join(spec.name for spec in ALERTS if spec.severity != "none")
    chosen = (f'alertname=~"{names}"', is_("alertstate", state), FLEET, *matchers)
    return f"ALERTS{{{', '.join(chosen)}}}"


def alert_count(severity: str) -> str:
    """How many alerts of a severity fire; 0 where none does."""
    return f"count({alerts('firing', is_('severity', severity))}) or vector(0)"


def coded(name: str, label: str, codes: dict[str, int]) -> str:
    """One series a node whose value is the code of the state it is in; of two at once the first named wins."""
    parts = (f"max by ({NODE}) ({series(name, is_(label, state))} == 1) * {code}" for state, code in codes.items())
    return " or ".join(parts)


def of_shards(name: str) -> str:
    """What exporters say of each chosen shard, the most where two watch it."""
    return f"max by (fleet, shard) ({series(name, where=SHARDS)})"


def failovers() -> str:
    """How many each shard had lately; whole, for Prometheus extrapolates."""
    return f"max by (fleet, shard) (round(increase({series(m.FAILOVERS.name, where=SHARDS)}[{RATE}])))"


def offset_behind() -> str:
    """Bytes that a node is behind the furthest of its shard; nothing for nodes whose shard is not known."""
    name, known = "redis_master_repl_offset", 'shard!=""'
    furthest = series(name, known, where=SHARDS)
    return f"max by (fleet, shard) ({furthest}) - on (fleet, shard) group_right () {series(name, known)}"
