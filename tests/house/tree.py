"""The files of the project: what git tracks, and what it would track if it were added."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def files() -> list[Path]:
    """Every file that is tracked or new and not ignored, relative to the checkout."""
    # S607: whichever git is on the PATH.
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    found = {Path(name) for name in listed.stdout.split("\0") if name}
    return sorted(path for path in found if (ROOT / path).is_file())


def python_files() -> list[Path]:
    """The Python ones of them."""
    return [path for path in files() if path.suffix == ".py"]


def lines() -> Iterator[tuple[Path, int, str]]:
    """Every line of every text file, with its number."""
    for path in files():
        try:
            text = (ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            yield path, number, line
