"""`cachewatch`: one command for each thing the stack does."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


# What writing to standard output can fail with, and the status then: nobody reads on, or its disk is full.
_UNWRITABLE = {
    errno.EPIPE: 128 + signal.SIGPIPE,
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO), 2),
}


class Unwritten(Exception):
    """Standard output could not be written. `number` is the system's, of _UNWRITABLE."""

    def __init__(self, number: int) -> None:
        super().__init__(os.strerror(number))
        self.number = number


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _UNWRITABLE or error.filename is not None:
            raise
        raise Unwritten(error.errno) from error


class LazyGroup(click.Group):
    """A group whose commands are imported on use."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Unwritten when its output is lost: click itself would end with 1, which is an answer here."""
        with _writing():
            return super().invoke(ctx)

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
    """Run the command line. Exit status: 0 fine, 1 the thing asked about is not fine, 2 wrong usage or policy.

    2 too where standard output cannot be written, and 141, as of a shell's own commands, where nobody reads it.
    """
    try:
        status = cachewatch.main(prog_name="cachewatch", standalone_mode=False)
        with _writing():
            sys.stdout.flush()
    except click.ClickException as refused:
        refused.show()
        status = refused.exit_code
    except click.Abort:
        click.echo("Aborted!", err=True)
        status = 1
    except Unwritten as lost:
        _let_go(lost)
        status = _UNWRITABLE[lost.number]
    sys.exit(status)


def _let_go(lost: Unwritten) -> None:
    """Say that the output was lost, and keep Python from trying it once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if lost.number != errno.EPIPE:
        click.echo(f"cannot write to standard output: {lost}", err=True)
