"""`cachewatch` as a user runs it: a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[3]
TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it said."""

    status: int
    out: str
    err: str


def cachewatch(
    cwd: Path, *args: str | Path, environ: Mapping[str, str] | None = None, before: Sequence[str] = ()
) -> Ended:
    """Run a command in `cwd` to its end; `before` stands in front of it, as `prlimit` does."""
    argv = [*before, sys.executable, "-m", "cli", *map(str, args)]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "COLUMNS": "200", **(environ or {})}
    ended = subprocess.run(
        argv, cwd=cwd, env=environment, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def tree(root: Path) -> dict[str, bytes]:
    """All files below a folder with what is in them; the lock, which is empty and stays, is left out."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != ".cachewatch-build.lock"
    }
