"""`cachewatch demo`: the whole stack on loopback, and the faults to break it with."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from cli.console import output
from cli.context import Context, Folder, Refused
from sandbox import control
from sandbox import demo as sandbox_demo
from sandbox.errors import SandboxError
from sandbox.faults import NAMES

DEFAULT_DIRECTORY = Path(".demo")


class _Seconds(click.FloatRange):
    """A time that passes: neither `inf` nor `nan` does, and Python takes both for numbers."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Turn the option's text into seconds."""
        seconds = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value!r} is not a number of seconds; without it the demo runs until Ctrl-C", param, ctx)
        return seconds


_directory = click.option(
    "--dir",
    "directory",
    type=Folder(file_okay=False, path_type=Path),
    help=f"Where the demo keeps its files while it runs.  [default: {DEFAULT_DIRECTORY}]",
)


@click.group(
    short_help="Run the whole stack on a Redis fleet, with traffic.",
    invoke_without_command=True,
    epilog="Example: cachewatch demo --for 120",
)
@click.option("--for", "seconds", type=_Seconds(min=0), help="End by itself that many seconds after all is up.")
@_directory
@click.pass_context
def demo(ctx: click.Context, seconds: float | None, directory: Path | None) -> None:
    """Run a Redis fleet with traffic, the whole stack on it, and a live table.

    All on 127.0.0.1, all gone when it ends. Exit status 0, or 2 when it cannot start.
    """
    _refuse_a_policy(ctx)
    if ctx.invoked_subcommand is not None:
        return
    try:
        sandbox_demo.run(directory or DEFAULT_DIRECTORY, seconds, output())
    except SandboxError as error:
        raise Refused(str(error)) from error


def _refuse_a_policy(ctx: click.Context) -> None:
    context = ctx.find_object(Context)
    if context is not None and context.file is not None:
        raise click.UsageError(f"the demo has a policy of its own: leave out -c {context.file}", ctx)


@demo.command(
    "break",
    short_help="Make a fault in the running demo.",
    help=f"Make a fault in the running demo: {', '.join(NAMES)}.",
    epilog="Example: cachewatch demo break node-down",
)
@click.argument("name", required=False, metavar="NAME")
@_directory
@click.pass_context
def break_(ctx: click.Context, name: str | None, directory: Path | None) -> None:
    """Make a fault in the running demo."""
    if name is None:
        raise click.UsageError(f"Missing argument 'NAME'; there are {', '.join(NAMES)}", ctx)
    _send(ctx, directory, "break", name)


@demo.command(short_help="Undo a fault, or all of them.", epilog="Example: cachewatch demo heal node-down")
@click.argument("name", required=False)
@_directory
@click.pass_context
def heal(ctx: click.Context, name: str | None, directory: Path | None) -> None:
    """Undo a fault of the running demo, or all of them when no name is given."""
    _send(ctx, directory, "heal", name)


def _send(ctx: click.Context, directory: Path | None, verb: str, name: str | None) -> None:
    above = ctx.parent.params["directory"] if ctx.parent else None  # `demo --dir D heal` is `demo heal --dir D`
    try:
        click.echo(control.send(directory or above or DEFAULT_DIRECTORY, verb, name))
    except SandboxError as error:
        raise Refused(str(error)) from error
