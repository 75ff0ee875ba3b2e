"""`python -m tests.golden.update`: write anew what every golden case expects, to be read in the diff before it is kept."""

import shutil
import tempfile
from pathlib import Path

from tests.golden import build


def update(name: str) -> None:
    """Replace what a case expects by what the command makes of its policy now."""
    expected = build.CASES / name / build.EXPECTED
    with tempfile.TemporaryDirectory() as folder:
        build.build(name, Path(folder))
        fresh = build.texts(Path(folder))
    shutil.rmtree(expected, ignore_errors=True)
    for relative, text in fresh.items():
        (expected / relative).parent.mkdir(parents=True, exist_ok=True)
        (expected / relative).write_text(text, encoding="utf-8")
    print(f"{name}: {len(fresh)} files")


if __name__ == "__main__":
    for case in build.names():
        update(case)
