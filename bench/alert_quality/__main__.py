"""`python -m bench.alert_quality`: all scenarios, or those named with `--only`."""

from __future__ import annotations

import json

import click
from rich.console import Console

from bench import alert_quality
from bench.alert_quality.scenarios import SCENARIOS


@click.command(epilog="Example: python -m bench.alert_quality --only node-down --only planned-failover")
@click.option("--only", multiple=True, type=click.Choice(list(SCENARIOS)), help="Play this one; may be repeated.")
@click.option(
    "--json", "as_json", is_flag=True, help="The result as JSON on standard output; progress on standard error."
)
@click.option("--markdown", is_flag=True, help="The table as the documentation has it; progress on standard error.")
def main(only: tuple[str, ...], as_json: bool, markdown: bool) -> None:
    """Break a real fleet in many ways, do harmless things to it, and see who is told. An hour and a quarter for all."""
    console = Console(stderr=as_json or markdown)
    found = alert_quality.measure(console, only)
    if markdown:
        click.echo(found["markdown"])
    if as_json:
        click.echo(json.dumps(found, indent=2))
    good = all(scenario["good"] for scenario in found["scenarios"])
    raise SystemExit(0 if good else 1)


main()
