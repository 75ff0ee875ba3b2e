"""What watching costs the exporter: CPU per node and collection, ours beside the redis_exporter on the PATH, in one run.

Both collect the same families from the same servers, each with 48 commands seen: what that version does not show, ours does
not either; every collection is read as a page, first
plainly, then with gzip as Prometheus asks for it by itself. Our intervals stand in the defaults' proportion: details each
sixth collection. The peer asks for everything each time. What redis-server spends on it is another figure, `server_cost`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import exporters, servers
from bench.figures import Versus, versus_json, versus_table
from bench.process import cpu
from sandbox.prometheus import WebChild

NODES = 90
ROUNDS = 12
_INTERVAL = 2.0
_DETAIL_EACH = 6
_AT_ONCE = 16
_POLICY: dict[str, dict[str, object]] = {
    "collect": {
        "interval": "2s",
        "timeout": "1500ms",
        "detail_interval": f"{_INTERVAL * _DETAIL_EACH:g}s",
    },
    "probe": {"interval": "10s"},  # the peer has no prober
}


@dataclass(frozen=True)
class Cost:
    """CPU milliseconds per node and collection by how the pages were asked for, and node facts on a page, per node."""

    each: dict[str, float]
    series: int
    version: str = ""
    unknown: tuple[str, ...] = ()


def measure(console: Console, trials: int | None, nodes: int | None = None) -> dict[str, Any]:
    """Run both exporters over the same servers and print a table with the ratio. `trials` is the number of rounds."""
    rounds, count = max(trials or ROUNDS, 2), nodes or NODES
    with tempfile.TemporaryDirectory(prefix="cachewatch-bench-") as folder, ExitStack() as stack:
        directory = Path(folder)
        fleet = [server.instance for server in servers.started(stack, directory, count)]
        peer = _peer(fleet, directory, rounds)
        ours = _ours(fleet, directory, rounds, peer.unknown)
    rows = [
        Versus(f"exporter_{asked}_ms", f"exporter, {asked}", ours.each[asked], peer.each[asked], 1 / 10)
        for asked in exporters.CODINGS
    ]
    title = f"{count} servers, {rounds} rounds; {ours.series} and {peer.series} series of a node; redis_exporter {peer.version}"
    console.print(versus_table(title, "CPU ms per node and collection", rows))
    series = {"ours": ours.series, "peer": peer.series}
    return {"nodes": count, "rounds": rounds, "peer": peer.version, **versus_json(rows), "series": series}


def _ours(fleet: Sequence[str], directory: Path, rounds: int, unknown: Sequence[str]) -> Cost:
    policy = {**_POLICY, "collect": {**_POLICY["collect"], "families": {"deny": list(unknown)}}}
    with exporters.ours(directory, fleet, policy) as child:
        exporters.warmed(child, len(fleet))
        each = {asked: _watched(child, coding, rounds) for asked, coding in exporters.CODINGS.items()}
        return Cost(each, exporters.series(exporters.page(f"{child.url}/metrics")) // len(fleet))


def _watched(child: WebChild, coding: str, rounds: int) -> float:
    page = exporters.page(f"{child.url}/metrics", coding)
    made, before = exporters.collections(page), cpu([child.pid])
    for _ in range(rounds):
        time.sleep(_INTERVAL)
        page = exporters.page(f"{child.url}/metrics", coding)
    return 1000 * (cpu([child.pid]) - before) / max(exporters.collections(page) - made, 1)


def _peer(fleet: Sequence[str], directory: Path, rounds: int) -> Cost:
    with exporters.peer(directory) as child, ThreadPoolExecutor(_AT_ONCE) as pool:
        urls = [f"{child.url}/scrape?target={instance}" for instance in fleet]
        list(pool.map(exporters.page, urls))  # what the exporters ask is a command that the server has seen, too
        page = exporters.page(urls[0])
        each = {asked: _scraped(child, pool, urls, coding, rounds) for asked, coding in exporters.CODINGS.items()}
        return Cost(each, exporters.series(page), exporters.version(child), tuple(exporters.unknown_to(page)))


def _scraped(child: WebChild, pool: Executor, urls: Sequence[str], coding: str, rounds: int) -> float:
    before = cpu([child.pid])
    for _ in range(rounds):
        list(pool.map(partial(exporters.page, coding=coding), urls))
    return 1000 * (cpu([child.pid]) - before) / (rounds * len(urls))
