"""`cachewatch`: one command for each thing the stack does."""

from __future__ import annotations

import importlib
from pathlib import Path

import click

from cli.context import Context

# Commands are imported when they are asked for: `cachewatch check` need not wait for Slack's client.
COMMANDS = {
    "init": "cli.init",
    "check": "cli.check",
    "build": "cli.build",
    "serve": "cli.serve",
    "notify": "cli.notify",
    "demo": "cli.demo",
    "alerts": "cli.parts",
    "dashboards": "cli.parts",
}


class LazyGroup(click.Group):
    """A group whose commands are imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order in which a user meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, None where there is none."""
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = getattr(importlib.import_module(module), cmd_name)
        return command


@click.group(cls=LazyGroup, epilog="Example: cachewatch -c prod.yaml check && cachewatch -c prod.yaml build -o out")
@click.option(
    "-c",
    "--config",
    "file",
    type=click.Path(path_type=Path),
    help="The policy file. Default: ./cachewatch.yaml, and without one the built-in defaults, which watch 127.0.0.1:6379.",
)
@click.version_option(package_name="cachewatch")
@click.pass_context
def cachewatch(ctx: click.Context, file: Path | None) -> None:
    """Watch a fleet of Redis cache nodes, and page the right person when the cache breaks its promise."""
    ctx.obj = Context(file)


def main() -> None:
    """Run the command line. Exit status: 0 fine, 1 the thing asked about is not fine, 2 wrong usage or policy."""
    cachewatch(prog_name="cachewatch")
