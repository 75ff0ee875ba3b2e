"""The pictures of the documentation, taken of a running board: `python -m tests.browser.pictures URL PREFIX`.

With `cachewatch demo` running, PREFIX-light.png, PREFIX-dark.png and PREFIX-phone.png are written.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.browser.checks import open_board
from tests.browser.chromium import Chromium, Tab

# Name: width, height, scale, phone, scheme.
SHOTS = {
    "light": (1120, 1000, 1.0, False, "light"),
    "dark": (1120, 1000, 1.0, False, "dark"),
    "phone": (360, 760, 2.0, True, "light"),
}


async def take(url: str, prefix: Path) -> None:
    """Take all of them."""
    with tempfile.TemporaryDirectory() as directory, Chromium(Path(directory)) as browser:
        for name, (width, height, scale, phone, scheme) in SHOTS.items():
            async with Tab(browser) as tab:
                await tab.sized(width, height, scale, phone)
                await tab.prefers(color_scheme=scheme, reduced_motion="reduce")
                await open_board(tab, url.rstrip("/"))
                await asyncio.sleep(3)  # Alertmanager has answered by then
                await tab.picture(prefix.with_name(f"{prefix.name}-{name}.png"))


if __name__ == "__main__":
    asyncio.run(take(sys.argv[1], Path(sys.argv[2])))
