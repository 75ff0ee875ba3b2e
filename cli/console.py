"""Where tables go."""

from __future__ import annotations

import os

from rich.console import Console

# Columns of a pipe or a file: nobody sees its edge, and a name that is folded there is found by no grep.
_UNBOUNDED = 10_000


def output() -> Console:
    """Standard output: as wide as the terminal (or COLUMNS), and as wide as it takes where there is none."""
    console = Console()
    return console if console.is_terminal or "COLUMNS" in os.environ else Console(width=_UNBOUNDED)
