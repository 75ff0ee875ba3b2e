"""What watching costs redis-server: CPU per collection, ours beside Debian's redis_exporter, on the same servers.

Between two beats of its own clock a server at `hz 1` spends nothing, and what those cost is of the size of what it is asked.
So few servers are asked often, five times a second each by either exporter, and what they spend idle is measured before
and after and taken off. Ours asks for details each sixth time, as at the defaults; the peer asks for everything each time.
The exporters take turns; the figures are the medians of the turns.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import exporters, servers
from bench.figures import Versus, versus_json, versus_table
from bench.process import cpu, share
from sandbox.redis_node import RedisNode

NODES = 10
TURNS = 6
SECONDS = 6.0
_REST = 0.5  # of those seconds, to measure what is spent idle
INTERVAL = 0.2
_DETAIL_EACH = 6


@dataclass(frozen=True)
class Spent:
    """CPU seconds of all servers while they were asked, seconds that it took, and how often a server was asked."""

    cpu: float
    took: float
    times: float

    def each(self, idle: float) -> float:
        """CPU milliseconds of one time, less what the servers spend idle, in CPU seconds a second."""
        return 1000 * max(self.cpu - idle * self.took, 0.0) / max(self.times, 1)


def measure(
    console: Console,
    trials: int | None,
    nodes: int | None = None,
    seconds: float = SECONDS,
    interval: float = INTERVAL,
) -> dict[str, Any]:
    """Let both exporters ask each `interval` for `seconds`, `trials` times in turn, and print the ratio."""
    turns, count = trials or TURNS, nodes or NODES
    found: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory(prefix="cachewatch-bench-") as folder, ExitStack() as stack:
        directory = Path(folder)
        fleet = servers.started(stack, directory, count)
        for number in range(1, turns + 1):
            found.append(_turn(fleet, directory, seconds, interval))
            console.print("turn {}/{}: {:.3f} and {:.3f} ms".format(number, turns, *found[-1]), highlight=False)
    ours, peer = (statistics.median(turn[side] for turn in found) for side in (0, 1))
    rows = [Versus("server_ms", "redis-server", ours, peer, 1 / 3)]
    console.print(versus_table(f"{count} servers, median of {turns} turns", "CPU ms per node and collection", rows))
    ratios = sorted(Versus("", "", *turn, most=0).ratio for turn in found)
    return {"nodes": count, "turns": turns, **versus_json(rows), "ratios": ratios}


def _turn(fleet: Sequence[RedisNode], directory: Path, seconds: float, interval: float) -> tuple[float, float]:
    """Milliseconds of ours and of the peer."""
    pids = [one.pid for one in fleet]
    before = share(pids, seconds * _REST)
    ours = _ours(fleet, directory, seconds, interval)
    between = share(pids, seconds * _REST)
    peer = _peer(fleet, directory, seconds, interval)
    after = share(pids, seconds * _REST)
    return ours.each((before + between) / 2), peer.each((between + after) / 2)


def _often(interval: float) -> dict[str, Any]:
    timing = {"interval": interval, "timeout": interval * 0.95, "detail_interval": interval * _DETAIL_EACH}
    collect = {key: f"{1000 * value:.0f}ms" for key, value in timing.items()}
    return {"collect": collect, "probe": {"interval": "10s"}}  # the peer has no prober


def _ours(fleet: Sequence[RedisNode], directory: Path, seconds: float, interval: float) -> Spent:
    with exporters.ours(directory, [one.instance for one in fleet], _often(interval)) as child:
        exporters.warmed(child, len(fleet))

        def work() -> float:
            before = exporters.collections(exporters.page(f"{child.url}/metrics"))
            time.sleep(seconds)
            return exporters.collections(exporters.page(f"{child.url}/metrics")) - before

        return _spent(fleet, work)


def _peer(fleet: Sequence[RedisNode], directory: Path, seconds: float, interval: float) -> Spent:
    with exporters.peer(directory) as child:

        def work() -> float:
            rounds, end = 0, time.monotonic() + seconds
            while (began := time.monotonic()) < end:
                for one in fleet:
                    exporters.page(f"{child.url}/scrape?target={one.instance}")
                rounds += 1
                time.sleep(max(began + interval - time.monotonic(), 0.0))
            return float(rounds * len(fleet))

        return _spent(fleet, work)


def _spent(fleet: Sequence[RedisNode], work: Callable[[], float]) -> Spent:
    """What the servers spend while the work runs, which gives how often they were asked."""
    pids = [one.pid for one in fleet]
    before, began = cpu(pids), time.monotonic()
    times = work()
    return Spent(cpu(pids) - before, time.monotonic() - began, times)
