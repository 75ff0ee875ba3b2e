"""`cachewatch build`: everything that follows from the policy, as files."""

from __future__ import annotations

from pathlib import Path

import click

import alerts.build
import dashboards.build
from cli.context import Context, Refused
from cli.files import CannotWrite, Parts, write_tree
from policy.model import Policy

out_option = click.option(
    "-o", "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write to."
)


def write(out: Path, parts: Parts) -> None:
    """Write the files of the parts and say what was written; status 2 when it cannot be done."""
    try:
        write_tree(out, parts)
    except CannotWrite as error:
        raise Refused(str(error)) from error
    for name in sorted(name for files in parts.values() for name in files):
        click.echo(out / name)


def warn_unrouted(policy: Policy) -> None:
    """Say so when an alert would reach nobody."""
    pages, tells = policy.notify.pagerduty is not None, policy.notify.slack is not None
    if not pages:
        left = "only Slack hears of a critical alert" if tells else "no alert reaches anybody"
        click.secho(f"warning: notify.pagerduty is not set: {left}", fg="yellow", err=True)
    elif not tells:
        click.secho(
            "warning: notify.slack is not set: no alert of severity warning reaches anybody", fg="yellow", err=True
        )


@click.command(epilog="Example: cachewatch -c cachewatch.yaml build -o out && promtool check config out/prometheus.yml")
@out_option
@click.pass_obj
def build(context: Context, out: Path) -> None:
    """Write prometheus.yml, rules, Alertmanager configuration, rule tests, dashboards and runbooks."""
    policy = context.loaded().policy
    write(out, {"alerts": alerts.build.files(policy), "dashboards": dashboards.build.files(policy)})
    warn_unrouted(policy)
