"""A golden case: a policy, and every file that the real command makes of it.

`tests/golden/NAME/cachewatch.yaml` goes in, `tests/golden/NAME/expected/` must come out.
"""

import os
import subprocess
import sys
from pathlib import Path

CASES = Path(__file__).parent
POLICY = "cachewatch.yaml"
EXPECTED = "expected"
_CHECKOUT = Path(__file__).parents[2]
_BOOKKEEPING = {".cachewatch-build.json", ".cachewatch-build.lock"}


def names() -> list[str]:
    """All cases."""
    return sorted(path.parent.name for path in CASES.glob(f"*/{POLICY}"))


def build(name: str, out: Path) -> None:
    """Run `cachewatch build` on the policy of a case. CalledProcessError when it refuses."""
    subprocess.run(
        [sys.executable, "-m", "cli", "-c", CASES / name / POLICY, "build", "-o", out],
        cwd=_CHECKOUT,
        env=os.environ,
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=120,
    )


def texts(root: Path) -> dict[str, str]:
    """The generated files below a folder, by relative path."""
    files = (path for path in sorted(root.rglob("*")) if path.is_file() and path.name not in _BOOKKEEPING)
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in files}
