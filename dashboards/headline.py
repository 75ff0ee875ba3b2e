"""The first screen: what the person on call wants to know in five seconds, most urgent at the top left."""

from __future__ import annotations

from datetime import timedelta

from dashboards import colours, objectives, queries
from dashboards.colours import GREY, ORANGE, RED, YELLOW
from dashboards.grafana import About, Meaning, Panel, Query, Section, bar_gauge, stat, state_timeline
from policy.model import Policy
from policy.objectives import BUDGET_LOW, BUDGET_SPENT, named, what_is_good
from policy.slos import Slo
from policy.units import duration_text, percent_text

NOT_WATCHED = Meaning(0, "NOT WATCHED", RED)
NO_ANSWERS = Meaning(0, "no answers", RED)
NO_READS = Meaning(0, "no reads seen", GREY)
FULLEST = 20


def sections(policy: Policy) -> tuple[Section, ...]:
    """The panels that stay on the first screen, without a heading."""
    width = max(3, 24 // (2 + 2 * len(policy.slos)))
    promises = [panel(slo, name, width) for name, slo in named(policy) for panel in (_objective, _budget)]
    alerts = [_alert_count("critical", RED, width), _alert_count("warning", ORANGE, width)]
    return (
        Section("", (*_nodes(), _hit_rate(policy), *_latencies(policy))),
        Section("", (*alerts, *promises)),
        Section("", (_memory(policy), _firing())),
    )


def _nodes() -> tuple[Panel, ...]:
    down = "Nodes whose last health checks all failed. NOT WATCHED: the exporter does not answer, nobody knows."
    up = "Nodes whose last health checks succeeded. NOT WATCHED: the exporter does not answer, nobody knows."
    return (
        stat(
            About("Nodes down", down, "short"),
            [Query(queries.nodes_down())],
            colours.UP_IS_ZERO,
            4,
            nothing=NOT_WATCHED,
        ),
        stat(About("Nodes up", up, "short"), [Query(queries.nodes_up())], colours.UP_IS_ONE, 4, nothing=NOT_WATCHED),
    )


def _hit_rate(policy: Policy) -> Panel:
    row, window = policy.thresholds.hit_rate, duration_text(policy.rules.rate_window)
    text = f"Share of reads that the cache answered in the last {window}: {colours.words(row)}; "
    text += f"of fewer than {policy.health.min_requests} in {duration_text(policy.health.window)} no alert speaks."
    query = Query(queries.hit_ratio("fleet", window), "{{fleet}}")
    return stat(About("Hit rate", text, "percentunit"), [query], colours.steps(row), 4, nothing=NO_READS)


def _latencies(policy: Policy) -> list[Panel]:
    window = duration_text(policy.rules.rate_window)
    panels = []
    for name, row in policy.thresholds.latency_rows().items():
        short = name.removeprefix("latency_")
        text = f"Slowest node: {short} of a PING, seen by the prober in the last {window}: {colours.words(row)}."
        query = Query(f"max by (fleet) ({queries.percentile(name, queries.NODE, window)})", "{{fleet}}")
        about = About(f"Latency {short}, slowest node", text, "s")
        # All nodes down: their buckets are there and do not grow, which makes NaN. They are watched all the same.
        panels.append(stat(about, [query], colours.steps(row), 4, nothing=NOT_WATCHED, undefined=NO_ANSWERS))
    return panels


def _alert_count(severity: str, color: str, width: int) -> Panel:
    about = About(f"Firing: {severity}", f"Cachewatch's {severity} alerts that fire now, silenced ones too.", "short")
    steps = colours.UP_IS_ZERO if color == RED else colours.WARN_IS_ZERO
    return stat(about, [Query(queries.alert_count(severity))], steps, width)


def _promise(slo: Slo) -> str:
    name = slo.id or slo.name
    return f"{name.replace('_', ' ').capitalize()} {percent_text(slo.ratio)} over {_window(slo)}"


def _window(slo: Slo) -> str:
    return slo.window_text if isinstance(slo.window, timedelta) else "the month"


def _objective(slo: Slo, identity: str, width: int) -> Panel:
    over = f"the last {slo.window_text}" if isinstance(slo.window, timedelta) else "this month (UTC)"
    text = f"Share of {what_is_good(slo)} in {over}, or since Prometheus has data; red below the objective."
    query = Query(objectives.ratio(slo, identity), "{{fleet}}")
    about = About(_promise(slo), text, "percentunit")
    return stat(about, [query], colours.objective_steps(slo), width, decimals=_decimals(slo))


def _decimals(slo: Slo) -> int:
    """Two more than the objective has: by itself Grafana shows 99.98 % as 100.0%, on red."""
    exponent = slo.objective.normalize().as_tuple().exponent
    return 2 + max(0, -exponent if isinstance(exponent, int) else 0)


def _budget(slo: Slo, identity: str, width: int) -> Panel:
    text = f"{_promise(slo)}: what is left of the errors that it allows. 100%: none made, 0%: spent, below: broken. "
    text += f"Orange below {percent_text(BUDGET_LOW)}, red below {percent_text(BUDGET_SPENT)}, as on the board."
    query = Query(objectives.budget_left(identity), "{{fleet}}")
    about = About(f"Budget left: {_promise(slo)}", text, "percentunit")
    return stat(about, [query], colours.BUDGET, width)


def _memory(policy: Policy) -> Panel:
    row = policy.thresholds.memory
    text = f"Used memory / limit (maxmemory, else the policy's, else the machine's), the fullest {FULLEST}: {colours.words(row)}"
    text += ". Critical is told of nodes that evict no key; one that does makes room by itself."
    query = Query(f"sort_desc(topk({FULLEST}, {queries.memory_share()}))", "{{instance}}")
    return bar_gauge(About("Memory by node", text, "percentunit"), query, colours.steps(row), 8)


def _firing() -> Panel:
    text = "Each alert while it fires, or waits for its time (pending). No bands: all was well."
    # What Alertmanager groups by: two shards, or two objectives, are two bands.
    legend = "{{alertname}} {{fleet}} {{shard}} {{instance}} {{part}} {{slo}}"
    by = "max by (alertname, fleet, shard, instance, part, slo)"
    critical = f"{by} ({queries.alerts('firing', queries.is_('severity', 'critical'))}) * 3"
    warning = f"{by} ({queries.alerts('firing', queries.is_('severity', 'warning'))}) * 2"
    expr = f"{critical} or {warning} or {by} ({queries.alerts('pending')})"
    meanings = (Meaning(3, "critical", RED), Meaning(2, "warning", ORANGE), Meaning(1, "pending", YELLOW))
    return state_timeline(About("Alerts", text, "none"), [Query(expr, legend)], meanings, 16)
