"""What the prober adds to Redis' own latency: its PINGs beside those of `redis-benchmark -c 1 -t ping`, in turn.

An exporter collects the fleet each second all the while, ten times as often as by default. The prober watches the fleet at
the default interval; then redis-benchmark asks one of the servers, each turn another. The prober's are single PINGs
to servers and connections that have slept; redis-benchmark keeps one of each awake. The figures are medians over the turns of
each turn's ratio.
"""

from __future__ import annotations

import csv
import statistics
import subprocess
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import exporters, servers
from bench.figures import Figure, as_json, table
from bench.probing import Probing, percentile
from sandbox import binaries
from sandbox.redis_node import RedisNode

NODES = 90
TURNS = 6
SECONDS = 12.0
REQUESTS = 60_000
_SHARES = {"p50": (0.5, 2.5), "p99": (0.99, 3.0)}
_BUSY = {"collect": {"interval": "1s", "timeout": "900ms"}, "probe": {"interval": "10s"}}  # ours is the prober here


@dataclass(frozen=True)
class Turn:
    """Milliseconds at each percentile, and how many PINGs of ours they are of."""

    ours: dict[str, float]
    peer: dict[str, float]
    count: int
    lag: float


def measure(
    console: Console,
    trials: int | None,
    nodes: int | None = None,
    seconds: float = SECONDS,
    requests: int = REQUESTS,
) -> dict[str, Any]:
    """Measure both in turn, `trials` times, and print the ratios."""
    count = nodes or NODES
    turns: list[Turn] = []
    with tempfile.TemporaryDirectory(prefix="cachewatch-bench-") as folder, ExitStack() as stack:
        directory = Path(folder)
        fleet = servers.started(stack, directory, count)
        exporter = stack.enter_context(exporters.ours(directory, [one.instance for one in fleet], _BUSY))
        exporters.warmed(exporter, count)
        for number in range(trials or TURNS):
            turns.append(_turn(fleet, fleet[number % count], seconds, requests))
            console.print(_said(number + 1, turns[-1]), highlight=False)
    figures = _figures(turns)
    console.print(table(f"PING beside a collector busy with {count} nodes, median of {len(turns)} turns", figures))
    return {"nodes": count, "turns": len(turns), "figures": as_json(figures)}


def _turn(fleet: list[RedisNode], one: RedisNode, seconds: float, requests: int) -> Turn:
    with Probing({node.instance: node.port for node in fleet}) as probing:
        time.sleep(1.0)  # connections are made, and the processes have found their places
        probing.forget()
        time.sleep(seconds)
        taken, lags = list(probing.durations), list(probing.lags)
    ours = {name: 1000 * percentile(taken, share) for name, (share, _) in _SHARES.items()}
    return Turn(ours, _benchmark(one, requests), len(taken), 1000 * max(lags))


def _benchmark(node: RedisNode, requests: int) -> dict[str, float]:
    """What redis-benchmark says of one connection that asks again as soon as it is answered."""
    argv = [str(binaries.find("redis-benchmark")), "-p", str(node.port), "-c", "1", "-t", "ping_mbulk"]
    ended = subprocess.run(
        [*argv, "-n", str(requests), "--csv"], capture_output=True, text=True, check=True, timeout=120
    )
    (row,) = csv.DictReader(ended.stdout.splitlines())
    return {name: float(row[f"{name}_latency_ms"]) for name in _SHARES}


def _said(number: int, turn: Turn) -> str:
    both = ", ".join(f"{name} {turn.ours[name]:.3f} : {turn.peer[name]:.3f} ms" for name in _SHARES)
    return f"turn {number}: {both}; {turn.count} PINGs, sent {turn.lag:.1f} ms late at worst"


def _figures(turns: list[Turn]) -> list[Figure]:
    found = []
    for name, (_, most) in _SHARES.items():
        ours, peer, ratio = (
            statistics.median(values)
            for values in zip(*((t.ours[name], t.peer[name], t.ours[name] / t.peer[name]) for t in turns), strict=True)
        )
        found.append(Figure(f"{name}_ratio", f"{name}, prober over redis-benchmark", ratio, "x", most, 2))
        found.append(Figure(f"{name}_prober", f"{name}, prober", ours, "ms", None, 3))
        found.append(Figure(f"{name}_benchmark", f"{name}, redis-benchmark -c 1", peer, "ms", None, 3))
    return found
