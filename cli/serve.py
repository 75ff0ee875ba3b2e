"""`cachewatch serve`: the exporter."""

from __future__ import annotations

import asyncio
import logging
import os

import click

from cli.context import Context, Listen, Refused, tell_if_elsewhere
from cli.logs import log_to_stderr
from exporter import descriptors, garbage
from exporter.app import PolicyRefused, serve_until_stopped
from exporter.connections import CannotListen
from policy.loader import Loaded
from policy.model import Policy


@click.command(
    short_help="Run the exporter.", epilog="Example: cachewatch -c cachewatch.yaml serve --listen 0.0.0.0:9121"
)
@click.option("--listen", type=Listen(), default="127.0.0.1:9121", show_default=True, help="Address to serve on.")
@click.pass_obj
def serve(context: Context, listen: tuple[str, int]) -> None:
    """Collect from every node and serve /metrics, /metrics/sli, /scrape, /sd and /health; SIGHUP reads the policy again."""
    loaded = _loaded(context)
    log_to_stderr()
    tell_if_elsewhere(loaded.policy, "exporter", listen)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    garbage.search_less()
    descriptors.raise_limit()
    try:
        asyncio.run(serve_until_stopped(loaded.policy, listen, os.environ, lambda: _again(context, loaded)))
    except CannotListen as error:
        raise Refused(str(error)) from error


def _loaded(context: Context) -> Loaded:
    loaded = context.loaded()
    context.require_secrets(loaded, "fleet", "health")
    return loaded


def _again(context: Context, first: Loaded) -> Policy:
    """The policy of now. One that has no key any more is a file that is gone or half written, not a wish for the defaults."""
    try:
        loaded = _loaded(context)
    except Refused as refused:
        raise PolicyRefused(refused.message) from refused
    if loaded.empty and not first.empty:
        raise PolicyRefused(f"{first.file}: is empty or gone, and was not when the exporter started; write it again")
    return loaded.policy
