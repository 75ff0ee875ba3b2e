"""`cachewatch notify`: the notifier."""

from __future__ import annotations

import asyncio

import click

from alerts.notifier.server import CannotListen, serve_until_stopped
from cli.context import Context, Listen, Refused, tell_if_elsewhere
from cli.logs import log_to_stderr
from exporter import descriptors


@click.command(
    short_help="Run the notifier: Slack and the runbooks.",
    epilog="Example: cachewatch -c cachewatch.yaml notify --listen 0.0.0.0:9122",
)
@click.option("--listen", type=Listen(), default="127.0.0.1:9122", show_default=True, help="Address to serve on.")
@click.pass_obj
def notify(context: Context, listen: tuple[str, int]) -> None:
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
    descriptors.raise_limit()  # each group of alerts has a connection of its own
    try:
        asyncio.run(serve_until_stopped(loaded.policy, slack, listen))
    except CannotListen as error:
        raise Refused(str(error)) from error
