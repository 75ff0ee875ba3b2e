"""Where tables go."""

from __future__ import annotations

import errno
import os

from rich.console import Console

# Columns of a pipe or a file: nobody sees its edge, and a name that is folded there is found by no grep.
_UNBOUNDED = 10_000


class _Output(Console):
    """A console that lets main decide what it means that nobody reads; rich itself would end the program with 1."""

    def on_broken_pipe(self) -> None:
        """Pass it on."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def output() -> Console:
    """Standard output: as wide as the terminal (or COLUMNS), and as wide as it takes where there is none."""
    console = _Output()
    return console if console.is_terminal or "COLUMNS" in os.environ else _Output(width=_UNBOUNDED)
