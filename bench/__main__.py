"""`python -m bench`: every figure in turn. `--json` for programs, a name for one alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click
from rich.console import Console

from bench import (
    alert_quality,
    bad_nodes,
    board_cost,
    exporter_cost,
    fleet_scale,
    health_latency,
    mutation,
    probe_latency,
    probe_truth,
    prober_cost,
    rules_cost,
    scrape_cost,
    server_cost,
    soak,
    swing,
    time_to_page,
)

FIGURES: dict[str, Callable[[Console, int | None, int | None], dict[str, Any]]] = {
    "time_to_page": lambda console, trials, _: time_to_page.measure(console, trials),
    "alert_quality": lambda console, _trials, _nodes: alert_quality.measure(console),
    "swing": lambda console, hours, _nodes: swing.measure(console, hours),
    "mutation": lambda console, _trials, _nodes: mutation.measure(console),
    "rules_cost": rules_cost.measure,
    "exporter_cost": exporter_cost.measure,
    "server_cost": server_cost.measure,
    "scrape_cost": scrape_cost.measure,
    "fleet_scale": fleet_scale.measure,
    "bad_nodes": bad_nodes.measure,
    "soak": soak.measure,
    "health_latency": health_latency.measure,
    "board_cost": board_cost.measure,
    "probe_latency": probe_latency.measure,
    "probe_truth": probe_truth.measure,
    "prober_cost": prober_cost.measure,
}


@click.command(epilog="Example: python -m bench time_to_page --trials 5")
@click.argument("names", nargs=-1, type=click.Choice(list(FIGURES)))
@click.option("--trials", type=click.IntRange(min=1), help="Fewer or more trials than the documentation's.")
@click.option("--nodes", type=click.IntRange(min=1), help="Fewer or more servers than the documentation's.")
@click.option(
    "--json", "as_json", is_flag=True, help="The figures as JSON on standard output; progress on standard error."
)
def main(names: tuple[str, ...], trials: int | None, nodes: int | None, as_json: bool) -> None:
    """Measure the figures of the documentation on this machine."""
    console = Console(stderr=as_json)
    results = {name: FIGURES[name](console, trials, nodes) for name in names or FIGURES}
    if as_json:
        click.echo(json.dumps(results, indent=2))


main()
