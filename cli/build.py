"""`cachewatch build`: everything that follows from the policy, as files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click

import alerts.build
import dashboards.build
from alerts import engines
from alerts.promql import duration
from cli.blind import cannot_fire
from cli.context import Context, Folder, Refused
from cli.dead_links import lead_to_loopback
from cli.files import CannotWrite, Parts, unlisted, write_tree
from policy import secret_files
from policy.calendars import Day
from policy.loader import Loaded
from policy.model import Policy


def out_options(command: Any) -> Any:
    """Where to write, and what may be lost there."""
    folder = click.option(
        "-o", "--out", type=Folder(file_okay=False, path_type=Path), required=True, help="Folder to write to."
    )
    replace = click.option(
        "--replace", is_flag=True, help="In place of another fleet's build, as after a change of name."
    )
    return folder(replace(command))


def write(out: Path, parts: Parts, loaded: Loaded, *, replacing: bool, alerting: bool = True) -> None:
    """Write the files of the parts and say what was written; status 2 when it cannot be done.

    Of alerts it warns before the list: in `| head -1` the rest is not seen.
    """
    try:
        write_tree(out, parts, loaded.policy.fleet.name, replacing=replacing)
    except CannotWrite as error:
        raise Refused(str(error)) from error
    if alerting:
        warn_unrouted(loaded)
    for path in unlisted(out):
        cure = "remove it unless you put it there, for whoever reads the folder loads it"
        click.secho(f"warning: {path} is of another build, restored or copied: {cure}", fg="yellow", err=True)
    for name in sorted(name for files in parts.values() for name in files):
        click.echo(out / name)


def engine_options(command: Any) -> Any:
    """The options that choose the form of the rules."""
    for option in reversed(_ENGINE_OPTIONS):
        command = option(command)
    return command


_ENGINE_OPTIONS = (
    click.option(
        "--format",
        "form",
        type=click.Choice(engines.FORMATS),
        default="prometheus",
        show_default=True,
        help="Whose rules: prometheus, PrometheusRule objects, mimirtool's files, vmalert's.",
    ),
    click.option(
        "--label", "labels", multiple=True, metavar="KEY=VALUE", help="A label of the PrometheusRule objects."
    ),
    click.option("--namespace", default="", help="Kubernetes namespace of the PrometheusRule objects."),
)


def for_engine(policy: Policy, parts: Parts, form: str, labels: tuple[str, ...], namespace: str) -> Parts:
    """The files of the parts in the form that an engine takes; status 2 for options that it does not. Warns of what is lost."""
    if form != "operator" and (labels or namespace):
        raise Refused("--label and --namespace are for --format operator only")
    pairs = [label.partition("=")[::2] for label in labels]
    problems = [f"--label: {label!r} has no value, as in {label}=monitoring" for label in labels if "=" not in label]
    problems += [f"--label: {problem}" for key, value in pairs if (problem := engines.label_problem(key, value))]
    problems += [f"--label: {key!r} comes twice" for key, times in Counter(k for k, _ in pairs).items() if times > 1]
    if namespace and (problem := engines.namespace_problem(namespace)):
        problems.append(f"--namespace: {problem}")
    if problems:
        raise Refused("\n".join(problems))
    target = engines.Target(form, policy.fleet.name, duration(policy.rules.interval), dict(pairs), namespace)
    for warning in (said for files in parts.values() for said in engines.lost(files, target)):
        click.secho(f"warning: {warning}", fg="yellow", err=True)
    return {part: engines.convert(files, target) for part, files in parts.items()}


def warn_unrouted(loaded: Loaded) -> None:
    """Say so when an alert would reach nobody, or with a dead link."""
    policy = loaded.policy
    for warning in (*_unrouted(policy), *lead_to_loopback(policy), *cannot_fire(policy), *_unreadable(loaded)):
        click.secho(f"warning: {warning}", fg="yellow", err=True)


def _unrouted(policy: Policy) -> Iterator[str]:
    notify = policy.notify
    pages, tells = notify.page_channels, notify.tells_tickets
    if not pages and not tells:
        yield "notify names nobody (pagerduty, slack, webhooks): no alert reaches anybody"
    elif notify.pagerduty is None and pages == ("slack",):
        yield "notify.pagerduty is not set: only Slack hears of a critical alert"
    elif not pages:
        yield "notify names nobody who takes pages: no critical alert reaches anybody"
    if pages and not tells:
        yield "notify names nobody who takes tickets (slack, a webhook): no alert of severity warning reaches anybody"
    if pages and notify.heartbeat is None:
        yield "notify.heartbeat is not set: nobody learns that Prometheus or Alertmanager is gone"
    whole_days = {day for span in notify.maintenance if span.is_whole_day for day in span.weekdays}
    if len(whole_days) == len(get_args(Day)):
        yield "notify.maintenance covers the whole week: nobody is told of anything, ever"
    if notify.slack is None and policy.stack.runbooks is None:
        yield "stack.runbooks is not set, and without notify.slack no notifier serves the runbooks: their links are dead"


def _unreadable(loaded: Loaded) -> Iterator[str]:
    """Alertmanager reads the key only when it pages. It may run elsewhere: that is no reason to refuse the build."""
    for problem in secret_files.problems(loaded, {}, ("alertmanager",)):
        yield f"{problem} (Alertmanager must find it where it runs)"


@click.command(
    short_help="Write all that follows from the policy.",
    epilog="Example: cachewatch -c cachewatch.yaml build -o out && promtool check config out/prometheus.yml",
)
@out_options
@engine_options
@click.pass_obj
def build(context: Context, /, out: Path, replace: bool, **engine: Any) -> None:
    """Write prometheus.yml, rules, Alertmanager configuration, rule tests, dashboards and runbooks."""
    loaded = context.loaded()
    policy = loaded.policy
    parts = {"alerts": alerts.build.files(policy), "dashboards": dashboards.build.files(policy)}
    write(out, for_engine(policy, parts, **engine), loaded, replacing=replace)
