"""Python's search for garbage, at times of our own.

By itself it searches when so many objects more were made than freed, and what has lived for a while only after thousands of such
searches. A collection of nodes makes thousands of short-lived objects and no cycles to speak of: at the defaults a tenth of the
exporter's time went into looking for them. What ends after a while in a cycle (asyncio's connections do, errors with a
traceback may, and with them all that they hold) would stay for days.
"""

from __future__ import annotations

import gc
from datetime import timedelta

EACH = timedelta(seconds=30)
"""How often all that was made since the start is searched."""


def search_less() -> None:
    """Leave what was loaded once out of every search, and let Python by itself search less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def search() -> None:
    """Free all that nobody reaches any more."""
    gc.collect()
