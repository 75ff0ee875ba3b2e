"""`cachewatch build`: everything that follows from the policy, as files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

import alerts.build
import dashboards.build
from cli.context import Context, Refused
from cli.files import CannotWrite, Parts, write_tree
from policy import secret_files
from policy.loader import Loaded
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


def warn_unrouted(loaded: Loaded) -> None:
    """Say so when an alert would reach nobody, or with a dead link."""
    for warning in (*_unrouted(loaded.policy), *_unreadable(loaded)):
        click.secho(f"warning: {warning}", fg="yellow", err=True)


def _unrouted(policy: Policy) -> Iterator[str]:
    notify = policy.notify
    pages, tells = notify.page_channels, notify.tells_tickets
    if not pages and not tells:
        yield "notify.pagerduty is not set: no alert reaches anybody"
    elif notify.pagerduty is None and pages == ("slack",):
        yield "notify.pagerduty is not set: only Slack hears of a critical alert"
    elif not pages:
        yield "notify.pagerduty is not set: no critical alert reaches anybody"
    if pages and not tells:
        yield "notify.slack is not set: no alert of severity warning reaches anybody"
    if pages and notify.heartbeat is None:
        yield "notify.heartbeat is not set: nobody learns that Prometheus or Alertmanager is gone"
    if notify.slack is None and policy.stack.runbooks is None:
        yield "stack.runbooks is not set, and without notify.slack no notifier serves the runbooks: their links are dead"


def _unreadable(loaded: Loaded) -> Iterator[str]:
    """Alertmanager reads the key only when it pages. It may run elsewhere: that is no reason to refuse the build."""
    for problem in secret_files.problems(loaded, {}, ("alertmanager",)):
        yield f"{problem} (Alertmanager must find it where it runs)"


@click.command(epilog="Example: cachewatch -c cachewatch.yaml build -o out && promtool check config out/prometheus.yml")
@out_option
@click.pass_obj
def build(context: Context, out: Path) -> None:
    """Write prometheus.yml, rules, Alertmanager configuration, rule tests, dashboards and runbooks."""
    loaded = context.loaded()
    policy = loaded.policy
    write(out, {"alerts": alerts.build.files(policy), "dashboards": dashboards.build.files(policy)})
    warn_unrouted(loaded)
