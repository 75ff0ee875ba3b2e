"""What every command shares: the policy, read once, and problems told in one way with status 2."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import click

from policy import secret_files
from policy.changes import Change
from policy.fleet import join_address, split_address
from policy.links import is_loopback
from policy.loader import Loaded, PolicyError, Problem, load
from policy.model import Policy

log = logging.getLogger(__name__)
DEFAULT_FILE = Path("cachewatch.yaml")


class Refused(click.ClickException):
    """Wrong usage or an unusable policy: one line a problem on standard error, exit status 2."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the problems as they are, so that `file:line` begins the line and an editor can jump there."""
        click.echo(self.format_message(), file=file, err=file is None)


class Folder(click.Path):
    """An option's folder that has a name: `-o "$OUT"` with OUT unset would write into the current one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Turn the option's text into a path."""
        if value == "":
            self.fail("is empty; name a folder, or write . for this one", param, ctx)
        return super().convert(value, param, ctx)


def refuse(problems: Iterable[Problem]) -> None:
    """Raise when there is any problem, with all of them."""
    lines = [str(problem) for problem in problems]
    if lines:
        raise Refused("\n".join(lines))


@dataclass(frozen=True)
class Context:
    """The global options."""

    file: Path | None

    def loaded(self, changed: tuple[Change, ...] = ()) -> Loaded:
        """The policy: the file named, else ./cachewatch.yaml, else the built-in defaults; `changed` in place of its values."""
        file = self.file
        if file is None and os.path.lexists(DEFAULT_FILE):  # a link to nowhere is a mistake, not "no file"
            file = DEFAULT_FILE
        try:
            return load(file, changed)
        except PolicyError as error:
            raise Refused(str(error)) from error

    def require_secrets(self, loaded: Loaded, *parts: str) -> None:
        """Refuse when a secret of the named parts ("fleet", "health", "slack", "alertmanager") cannot be read."""
        refuse(secret_files.problems(loaded, os.environ, parts))


def parse_listen(text: str) -> tuple[str, int]:
    """`HOST:PORT` of --listen as a pair; click.BadParameter otherwise."""
    try:
        host, port = split_address(text, 0)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not HOST:PORT, as in 127.0.0.1:9121") from error
    if not port:
        raise click.BadParameter(f"{text!r} has no port, as in 127.0.0.1:9121")
    return host, port


def tell_if_elsewhere(policy: Policy, part: Literal["exporter", "notifier"], listen: tuple[str, int]) -> None:
    """Log when the policy has the part at an address at which it does not listen: others would seek it there in vain."""
    address: str = getattr(policy.stack, part)
    host, port = listen
    if split_address(address, 0)[1] != port:
        log.warning("listening on port %d, and stack.%s says %s: is there a proxy between?", port, part, address)
    elif is_loopback(f"http://{join_address(host, port)}") and not is_loopback(f"http://{address}"):
        told = (
            "listening on %s, which no other machine reaches, and stack.%s says %s: name another address with --listen"
        )
        log.warning("%s, unless there is a proxy between", told % (join_address(host, port), part, address))


class Listen(click.ParamType[tuple[str, int]]):
    """The type of --listen."""

    name = "HOST:PORT"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """Turn the option's text into host and port."""
        return value if isinstance(value, tuple) else parse_listen(str(value))
