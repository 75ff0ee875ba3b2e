"""`cachewatch alerts test-page`: see that a page reaches a person."""

from __future__ import annotations

import getpass
import json
import socket
import sys
from typing import TYPE_CHECKING

import click

from cli.asking import ask
from cli.context import Context, Refused

if TYPE_CHECKING:
    from rich.text import Text

    from alerts.trial.model import Kind, Leg
    from alerts.trial.send import Sent
    from policy.model import Policy


@click.command(
    "test-page",
    short_help="Send a test page, and see that it arrives.",
    epilog="Example: cachewatch -c prod.yaml alerts test-page",
)
@click.option(
    "--ticket",
    is_flag=True,
    help="A ticket instead: whoever hears of warnings. Its end is told with the group's next turn.",
)
@click.option("--yes", is_flag=True, help="Do not ask first.")
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object on standard output. Needs --yes.")
@click.pass_obj
def test_page(context: Context, ticket: bool, yes: bool, as_json: bool) -> None:
    """Tell Alertmanager of a made-up alert, as Prometheus does, and see that each way to a person takes it, and its end.

    Whoever is on call is paged for real. Status 1 when somebody was not told.
    """
    from alerts.running.answers import Unusable
    from alerts.trial.send import send

    loaded = context.loaded()
    kind: Kind = "tickets" if ticket else "pages"
    _agree(loaded.policy, kind, yes)
    try:
        sent = ask(send(loaded.policy, kind, _sender(), lambda told: click.echo(told, err=True)))
    except Unusable as error:
        where = ", ".join(loaded.policy.stack.alertmanagers)
        raise Refused(f"Alertmanager {where}: {error}; nothing was sent") from error
    if as_json:
        click.echo(json.dumps(_report(sent), indent=2))
    else:
        _show(sent)
    if not sent.well:
        raise SystemExit(1)


def _agree(policy: Policy, kind: Kind, yes: bool) -> None:
    from alerts.trial.model import channels

    who = [channel.title for channel in channels(policy, kind)]
    if not who:
        raise Refused(
            f"notify names nobody who hears of {kind} (pagerduty, slack, webhooks): there is nobody to send to"
        )
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused(f"this tells {', '.join(who)} for real; say --yes where nobody can be asked")
    click.confirm(f"This tells {', '.join(who)} of {policy.fleet.name} for real. Go on?", abort=True, err=True)


def _sender() -> str:
    try:
        return f"{getpass.getuser()} on {socket.gethostname()}"
    except (OSError, KeyError):  # a container's user may have no name
        return f"somebody on {socket.gethostname()}"


def _report(sent: Sent) -> dict[str, object]:
    def leg(found: Leg | None) -> dict[str, object] | None:
        return None if found is None else {"after_seconds": found.after, "failure": found.failure}

    told = [
        {"channel": channel.name, "title": channel.title, "page": leg(begun), "end": leg(sent.ended.get(channel))}
        for channel, begun in sent.begun.items()
    ]
    return {"well": sent.well, "kept_back": sent.kept_back, "channels": told}


def _show(sent: Sent) -> None:
    from rich.text import Text

    from cli import tables
    from cli.console import output
    from cli.tables import Column
    from policy.printable import printable

    rows = [(Text(printable(c.title)), _cell(leg), _cell(sent.ended.get(c))) for c, leg in sent.begun.items()]
    console = output()
    tables.show(console, (Column("who"), Column("told", prose=True), Column("told of its end", prose=True)), rows)
    if sent.kept_back:
        console.print(Text(printable(sent.kept_back), "red"))


def _cell(leg: Leg | None) -> Text:
    from rich.text import Text

    from policy.printable import printable

    if leg is None:
        return Text("")
    if leg.after is not None:
        return Text(f"after {leg.after:.1f} s", "green")
    return Text("no", "red").append(f"  {printable(leg.failure)}", "default")
