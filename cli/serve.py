"""`cachewatch serve`: the exporter."""

from __future__ import annotations

import asyncio
import logging
import os

import click

from cli.context import Context, Listen, Refused
from exporter.app import CannotListen, serve_until_stopped


@click.command(epilog="Example: cachewatch -c cachewatch.yaml serve --listen 0.0.0.0:9121")
@click.option("--listen", type=Listen(), default="127.0.0.1:9121", show_default=True, help="Address to serve on.")
@click.pass_obj
def serve(context: Context, listen: tuple[str, int]) -> None:
    """Collect from every node and serve /metrics, /metrics/sli and /health."""
    loaded = context.loaded()
    context.require_secrets(loaded, "fleet")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    try:
        asyncio.run(serve_until_stopped(loaded.policy, listen, os.environ))
    except CannotListen as error:
        raise Refused(str(error)) from error
