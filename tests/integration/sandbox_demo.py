"""How the tests run `cachewatch demo`, read what it says, and find what it may have left."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from sandbox.process import MARKER, StartFailed, wait_until

START_TIMEOUT = 120.0
ROOT = Path(__file__).resolve().parents[2]


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "cli", "demo", *map(str, arguments)]


def environment(directory: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", MARKER: f"test-{directory}"}


@contextmanager
def demo(directory: Path, *options: object) -> Iterator[subprocess.Popen[bytes]]:
    """A demo of the directory, its output beside it in `out.txt`; killed at the end if it still runs."""
    with (directory.parent / "out.txt").open("wb") as out:
        process = subprocess.Popen(
            command("--dir", directory, *options), stdout=out, stderr=out, env=environment(directory)
        )
    with process:
        try:
            yield process
        finally:
            process.kill()


def output(directory: Path) -> str:
    return (directory.parent / "out.txt").read_text()


def running(directory: Path) -> list[str]:
    """Every process of that demo, the demo itself too: by the marker in its environment or by where it works."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            marked = f"{MARKER}=test-{directory}\0".encode() in (process / "environ").read_bytes()
            inside = str((process / "cwd").readlink()).startswith(str(directory))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if marked or inside:
            found.append((process / "cmdline").read_text().replace("\0", " "))
    return found


def listening(directory: Path) -> set[int]:
    """The ports named in the demo's own files and children's command lines."""
    texts = running(directory) + [path.read_text(errors="replace") for path in (directory / "run").glob("*.conf")]
    return {int(port) for text in texts for port in re.findall(r"(?:127\.0\.0\.1:|port )(\d{4,5})", text)}


def said(directory: Path, text: str) -> None:
    """Wait until the demo has said it; AssertionError with all that it did say otherwise."""
    try:
        wait_until(lambda: text in output(directory), START_TIMEOUT, f"the demo to say {text!r}")
    except StartFailed as late:
        raise AssertionError(f"{late}. It said:\n{output(directory)}") from late


def endpoints(directory: Path) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads((directory / "endpoints.json").read_text()))


def call(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, check=False, timeout=120, env=environment(Path("other"))
    )
