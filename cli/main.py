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
from typing import Any, TextIO, cast

import click

from cli.context import Context
from cli.logs import warn_plainly

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


# What writing fails with where a disk is full or broken.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
# The same of standard output, where nobody may read on either, and the status then.
_UNWRITABLE = {errno.EPIPE: 128 + signal.SIGPIPE, **dict.fromkeys(_FULL, 2)}
_INTERRUPTED = 128 + signal.SIGINT


class Unwritten(Exception):
    """Standard output could not be written. `number` is the system's, of _UNWRITABLE."""

    def __init__(self, number: int) -> None:
        super().__init__(os.strerror(number))
        self.number = number


class _Output:
    """Standard output whose own failures are Unwritten: an OSError of a full disk does not say which file it was."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, as the stream does."""
        with _writing():
            return self._stream.write(text)

    def flush(self) -> None:
        """Flush, as the stream does."""
        with _writing():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        raise Unwritten(error.errno) from error


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
    """Run the command line. Exit status: 0 fine, 1 the thing asked about is not fine, 2 wrong usage or policy.

    2 too where a disk is full, and, as of a shell's own commands, 141 where nobody reads standard output, and 130 after
    Ctrl-C. Output into what the caller closed is lost, as he asked.
    """
    warn_plainly()
    with contextlib.redirect_stdout(cast("TextIO", _Output(sys.stdout))):
        status = _run()
    sys.exit(status)


def _run() -> Any:
    """Run the command line and say what went wrong; the exit status."""
    try:
        status = cachewatch.main(prog_name="cachewatch", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as refused:
        refused.show()
        return refused.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Aborted!", err=True)
        return _INTERRUPTED
    except Unwritten as lost:
        _let_go(lost)
        return _UNWRITABLE[lost.number]
    except OSError as error:
        if error.errno not in _FULL:
            raise
        click.echo(str(error), err=True)
        return 2
    return status


def _let_go(lost: Unwritten) -> None:
    """Say that the output was lost, and keep Python from trying it once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if lost.number != errno.EPIPE:
        click.echo(f"cannot write to standard output: {lost}", err=True)
