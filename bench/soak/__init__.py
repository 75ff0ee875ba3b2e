"""Whether the exporter keeps its size when all that surrounds it changes for half an hour, as it does for weeks elsewhere.

Servers are killed, stopped, told new commands, errors and clients' names; nodes leave the file of targets and join it, under
addresses that nobody saw before; the policy is reloaded; readers come for every page, some go in the middle of one. What
the processes hold (memory, descriptors, threads) in the second quarter of the time is put beside the last.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from rich.console import Console

from bench import exporters, servers
from bench.figures import Figure, as_json, table
from bench.process import descriptors, memory
from bench.soak.churn import ADDRESSES, Churn, write_targets
from bench.soak.readers import Readers
from sandbox.process import children
from sandbox.prometheus import WebChild

NODES = 40
MINUTES = 30
_EVERY = 5.0  # seconds between two looks at the processes
_STEP = 0.25  # and between two changes
_SEED = 20261130
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Held:
    """What a process holds at one moment: bytes of memory, descriptors."""

    memory: int
    descriptors: int


@dataclass(frozen=True)
class Look:
    """The exporter and its prober at one moment."""

    exporter: Held
    prober: Held


def measure(
    console: Console, trials: int | None, nodes: int | None = None, seconds: float | None = None
) -> dict[str, Any]:
    """Change everything for `trials` minutes, or `seconds`, and print a table of what was held before and after."""
    window = seconds or 60.0 * (trials or MINUTES)
    with tempfile.TemporaryDirectory(prefix="cachewatch-bench-") as folder, ExitStack() as stack:
        directory = Path(folder)
        found = servers.started(stack, directory, nodes or NODES, (f"bind {' '.join(ADDRESSES)}",))
        targets = directory / "targets.json"
        write_targets(targets, [server.instance for server in found])
        child = stack.enter_context(exporters.ours(directory, [], {"fleet": {"files": [str(targets)]}}))
        exporters.warmed(child, len(found))
        churn = Churn(found, targets, child, random.Random(_SEED))  # noqa: S311  # the same changes in each run
        looks, read = _watched(console, child, churn, window)
    figures = _figures(looks)
    console.print(table(f"{len(found)} servers, {window / 60:g} minutes, {churn.made} changes, {read} pages", figures))
    return {
        "nodes": len(found),
        "seconds": window,
        "changes": dict(churn.counts),
        "pages": read,
        "figures": as_json(figures),
    }


def _watched(console: Console, child: WebChild, churn: Churn, window: float) -> tuple[list[Look], int]:
    """What the processes held while everything changed, in order, and how many pages were read meanwhile."""
    looks: list[Look] = []
    over, readers = Event(), Readers(child.url)
    with ThreadPoolExecutor(2) as pool:
        busy = [pool.submit(churn.until, over, _STEP), pool.submit(readers.until, over)]
        try:
            began = time.monotonic()
            while (passed := time.monotonic() - began) < window and not any(each.done() for each in busy):
                time.sleep(min(_EVERY, window / 8))
                looks.append(_look(child))
                _tell(console, looks, passed, window)
        finally:
            over.set()
        for each in busy:
            each.result()
    return looks, readers.read


def _look(child: WebChild) -> Look:
    """A prober that is being replaced is not there, or two are: then the last look counts, which the next one makes good."""
    return Look(_held([child.pid]), _held(children(child.pid)))


def _held(pids: list[int]) -> Held:
    return Held(sum(map(memory, pids)), sum(map(descriptors, pids)))


def _tell(console: Console, looks: list[Look], passed: float, window: float) -> None:
    if len(looks) % 12 == 0:
        held = looks[-1].exporter
        told = f"{passed / 60:.0f} of {window / 60:g} minutes: {held.memory / _MIB:.1f} MiB, {held.descriptors} descriptors"
        console.print(told, highlight=False)


def _figures(looks: list[Look]) -> list[Figure]:
    exporter, prober = [look.exporter for look in looks], [look.prober for look in looks]
    return [*_of("exporter", exporter), *_of("prober", prober)]


def _of(name: str, held: list[Held]) -> list[Figure]:
    sizes, files = [one.memory / _MIB for one in held], [float(one.descriptors) for one in held]
    (early, late), (few, many) = quarters(sizes), quarters(files)
    return [
        Figure(f"{name}_memory", f"memory of the {name}, second quarter", early, "MiB"),
        Figure(f"{name}_growth", "the last quarter over it", late / early, "x", 1.03, 3),
        Figure(f"{name}_descriptors", f"descriptors of the {name}, second quarter", few, "", None, 0),
        Figure(f"{name}_descriptors_growth", "the last quarter over it", many / few, "x", 1.1, 2),
    ]


def quarters(values: list[float]) -> tuple[float, float]:
    """Medians of the second and of the last quarter: the first is that of a start."""
    quarter = len(values) // 4
    return statistics.median(values[quarter : 2 * quarter]), statistics.median(values[-quarter:])
