"""`cachewatch init`: a commented starter policy."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import click

from cli.context import DEFAULT_FILE, Context, Refused
from cli.files import create, reason


@click.command(
    short_help="Write a commented starter policy.",
    epilog="Example: cachewatch init && $EDITOR cachewatch.yaml && cachewatch check",
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.pass_obj
def init(context: Context, file: Path | None) -> None:
    """Write a starter policy to FILE (default: that of -c, else cachewatch.yaml); never over an existing file."""
    file = file or context.file or DEFAULT_FILE
    text = resources.files("cli").joinpath("starter.yaml").read_text(encoding="utf-8")
    try:
        create(file, text)
    except FileExistsError as error:
        raise Refused(f"{file} exists; name another file, or remove it first") from error
    except OSError as error:
        raise Refused(f"cannot write {file}: {reason(error)}") from error
    click.echo(f"{file} written: name your nodes in it, then run `cachewatch -c {file} check`")
