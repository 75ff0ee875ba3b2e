"""What probing takes: the CPU of the prober's process at 1000 probes a second, each answered by a real server."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import process, servers
from bench.figures import Figure, as_json, table
from bench.probing import Probing

NODES = 50
RATE = 1000
SECONDS = 20.0
TURNS = 3
_MOST = 20.0


def measure(console: Console, trials: int | None, nodes: int | None = None, seconds: float = SECONDS) -> dict[str, Any]:
    """Probe so many servers so often that it makes `RATE`, `trials` times; print the share of a core."""
    count = nodes or NODES
    shares, rates, lags = [], [], []
    with tempfile.TemporaryDirectory(prefix="cachewatch-bench-") as folder, ExitStack() as stack:
        fleet = servers.started(stack, Path(folder), count)
        targets = {node.instance: node.port for node in fleet}
        for _ in range(trials or TURNS):
            with Probing(targets, interval=count / RATE) as probing:
                time.sleep(2.0)  # connections are made
                probing.forget()
                began = time.perf_counter()
                shares.append(100 * process.share([probing.pid], seconds))
                rates.append(probing.checks["success"] / (time.perf_counter() - began))
                lags.append(1000 * max(probing.lags))
    figures = (
        Figure(
            "share",
            f"CPU of the prober, {count} nodes, the most of {len(shares)} turns",
            max(shares),
            "% of a core",
            _MOST,
        ),
        Figure("rate", "probes answered a second, the fewest", min(rates), ""),
        Figure("lag", "sent late, at worst", max(lags), "ms"),
    )
    console.print(table(f"{RATE} probes a second", figures))
    return {"nodes": count, "figures": as_json(figures)}
