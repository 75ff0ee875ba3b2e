"""What watching costs the exporter: CPU per node and collection, ours beside Debian's redis_exporter, in one run.

Both collect the same families from the same servers, each with 48 commands seen; every collection is read as a page. Our
intervals stand in the defaults' proportion: details each sixth collection. The peer asks for everything each time. What
redis-server spends on it is another figure, `server_cost`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import exporters, servers
from bench.figures import Versus, versus_json, versus_table
from bench.process import cpu

NODES = 90
ROUNDS = 12
_INTERVAL = 2.0
_DETAIL_EACH = 6
_AT_ONCE = 16
_POLICY = {
    "collect": {
        "interval": "2s",
        "timeout": "1500ms",
        "detail_interval": f"{_INTERVAL * _DETAIL_EACH:g}s",
        "families": {"deny": ["redis_commands_latencies_usec"]},  # the peer of this version does not ask for it
    },
    "probe": {"interval": "10s"},  # the peer has no prober
}


@dataclass(frozen=True)
class Cost:
    """CPU milliseconds per node and collection, and node facts on a page, per node."""

    each: float
    series: int


def measure(console: Console, trials: int | None, nodes: int | None = None) -> dict[str, Any]:
    """Run both exporters over the same servers and print a table with the ratio. `trials` is the number of rounds."""
    rounds, count = max(trials or ROUNDS, 2), nodes or NODES
    with tempfile.TemporaryDirectory(prefix="cachewatch-bench-") as folder, ExitStack() as stack:
        directory = Path(folder)
        fleet = [server.instance for server in servers.started(stack, directory, count)]
        ours = _ours(fleet, directory, rounds)
        peer = _peer(fleet, directory, rounds)
    rows = [Versus("exporter_ms", "exporter", ours.each, peer.each, 1 / 10)]
    title = f"{count} servers, {rounds} rounds; {ours.series} and {peer.series} series of a node"
    console.print(versus_table(title, "CPU ms per node and collection", rows))
    series = {"ours": ours.series, "peer": peer.series}
    return {"nodes": count, "rounds": rounds, **versus_json(rows), "series": series}


def _ours(fleet: Sequence[str], directory: Path, rounds: int) -> Cost:
    with exporters.ours(directory, fleet, _POLICY) as child:
        exporters.warmed(child, len(fleet))
        page = exporters.page(f"{child.url}/metrics")
        made, before = exporters.collections(page), cpu([child.pid])
        for _ in range(rounds):
            time.sleep(_INTERVAL)
            page = exporters.page(f"{child.url}/metrics")
        spent, made = cpu([child.pid]) - before, exporters.collections(page) - made
    return Cost(1000 * spent / max(made, 1), exporters.series(page) // len(fleet))


def _peer(fleet: Sequence[str], directory: Path, rounds: int) -> Cost:
    with exporters.peer(directory) as child, ThreadPoolExecutor(_AT_ONCE) as pool:
        urls = [f"{child.url}/scrape?target={instance}" for instance in fleet]
        page = next(iter(pool.map(exporters.page, urls)))
        before = cpu([child.pid])
        for _ in range(rounds):
            list(pool.map(exporters.page, urls))
        return Cost(1000 * (cpu([child.pid]) - before) / (rounds * len(fleet)), exporters.series(page))
