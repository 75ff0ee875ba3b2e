"""`cachewatch alerts ...` and `cachewatch dashboards build`: the parts of `build` on their own, and what else alerts have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cli.backtest import backtest
from cli.build import engine_options, for_engine, out_options, write
from cli.catalogue import catalogue
from cli.context import Context
from cli.trial import test_page


@click.group(
    short_help="Build, list or backtest the alerts; send a test page.",
    epilog="Example: cachewatch alerts build -o out",
)
def alerts() -> None:
    """Rules, routes, rule tests and runbooks."""


@alerts.command(
    "build",
    short_help="Write rules, routes, rule tests and runbooks.",
    epilog="Example: cachewatch -c prod.yaml alerts build -o out",
)
@out_options
@engine_options
@click.pass_obj
def build_alerts(context: Context, /, out: Path, replace: bool, **engine: Any) -> None:
    """Write prometheus.yml, rules, Alertmanager configuration, rule tests and runbooks."""
    from alerts.build import files

    loaded = context.loaded()
    write(out, for_engine(loaded.policy, {"alerts": files(loaded.policy)}, **engine), loaded, replacing=replace)


alerts.add_command(backtest)
alerts.add_command(catalogue)
alerts.add_command(test_page)


@click.group(short_help="Build the Grafana dashboards alone.", epilog="Example: cachewatch dashboards build -o out")
def dashboards() -> None:
    """Grafana dashboards."""


@dashboards.command(
    "build", short_help="Write the dashboards.", epilog="Example: cachewatch -c prod.yaml dashboards build -o out"
)
@out_options
@click.pass_obj
def build_dashboards(context: Context, out: Path, replace: bool) -> None:
    """Write the dashboards and Grafana's provisioning files."""
    from dashboards.build import files

    loaded = context.loaded()
    write(out, {"dashboards": files(loaded.policy)}, loaded, replacing=replace, alerting=False)
