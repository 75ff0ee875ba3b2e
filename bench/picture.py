"""The picture of the README, from a real demo: `python -m bench.picture` writes docs/demo.svg."""

from __future__ import annotations

import io
import re
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from sandbox import screen
from sandbox.demo import Demo
from sandbox.process import wait_until

TARGET = Path("docs/demo.svg")
# Rich's own template fetches its font from another site; a reader's page should not.
_FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def main() -> None:
    """Run a demo, kill a primary, and draw what the screen shows after the page."""
    with tempfile.TemporaryDirectory(prefix="cachewatch-picture-") as folder, ExitStack() as stack:
        demo = Demo(Path(folder), stack, Console())
        demo.start()
        time.sleep(20)  # rates over full windows
        demo.obey("break", "node-down")
        wait_until(lambda: len(demo.sink.received()) >= 2, 30, "the page and the message")
        time.sleep(4)  # Sentinel promotes the replica
        paper = Console(record=True, width=118, file=io.StringIO(), force_terminal=True)
        paper.print(screen.render(replace(demo.scene(None), directory=".demo")))
    TARGET.write_text(_FONT_FACE.sub("", paper.export_svg(title="cachewatch demo")))


if __name__ == "__main__":
    main()
