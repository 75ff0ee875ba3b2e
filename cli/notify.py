"""`cachewatch notify`: the notifier."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import click

from alerts.notifier.server import CLOSING, Door, serve_until_stopped
from cli.context import Context, Folder, Listen, Refused, tell_if_elsewhere
from cli.logs import log_to_stderr
from exporter import descriptors
from exporter.connections import CannotListen, Guard, Patience

# Connections: as many as pages may wait. Past it Alertmanager is told to come again, and a fleet has fewer groups.
_MOST = 2048
# Seconds for which a kept connection may be silent: Alertmanager keeps them for five minutes, and must be the first to end one.
_IDLE = 330.0


@click.command(
    short_help="Run the notifier: Slack and the runbooks.",
    epilog="Example: cachewatch -c cachewatch.yaml notify --listen 0.0.0.0:9122 --storage /var/lib/cachewatch",
)
@click.option("--listen", type=Listen(), default="127.0.0.1:9122", show_default=True, help="Address to serve on.")
@click.option(
    "--storage",
    type=Folder(file_okay=False, path_type=Path),
    default="notifier-data",
    show_default=True,
    help="Folder that keeps what was told: after a restart it is not told again.",
)
@click.pass_obj
def notify(context: Context, listen: tuple[str, int], storage: Path) -> None:
    """Take Alertmanager's webhook at /alertmanager, tell Slack, and serve the runbooks at /runbooks."""
    loaded = context.loaded()
    slack = loaded.policy.notify.slack
    if slack is None:
        cure = (
            'is missing, so there is nobody to tell; add it, as in {channel: "#cache-alerts", token_file: slack.token}'
        )
        raise Refused(str(loaded.problem("notify.slack", cure)))
    context.require_secrets(loaded, "slack")
    log_to_stderr()
    tell_if_elsewhere(loaded.policy, "notifier", listen)
    try:
        asyncio.run(serve_until_stopped(loaded.policy, slack, listen, _door(), storage))
    except CannotListen as error:
        raise Refused(str(error)) from error


def _door() -> Door:
    """The exporter's guard before the notifier; each group of alerts has a connection of its own.

    Half of the descriptors are left to Slack, the token's file, and the hundreds of connections that asyncio takes in before it
    asks whom to keep.
    """
    guard = Guard(Patience(idle=_IDLE, most=min(_MOST, descriptors.raise_limit() // 2)))
    return Door(partial(guard.runner, closing=CLOSING, cancels=True), guard.listening, guard.middleware())
