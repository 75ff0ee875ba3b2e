"""How soon `/health` answers while a third of the nodes hang: 200 requests a second, open loop, at the default intervals.

Its peer is `/-/healthy` of the same process, which does nothing, asked in turn: what the machine and aiohttp take alone.
`cpu` and `queued` are what the exporter computed for one answer, all its other work included, and waited for a processor.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from sandbox import web
from sandbox.module_child import module_argv, module_env
from sandbox.ports import LOOPBACK, free_port
from sandbox.process import wait_until
from sandbox.prometheus import WebChild
from sandbox.redis_node import RedisNode

NODES = 60
ROUNDS = 3
RATE = 200
WANTED_MS = 10.0
_SECONDS = 20  # two rounds of collection, in each trial
_PATHS = {"health": "/health", "peer": "/-/healthy"}
_QUIET = ("hz 1", "dynamic-hz no")


def measure(console: Console, trials: int | None, nodes: int | None = None) -> dict[str, Any]:
    """Ask both in turn for `trials` rounds and print a table."""
    rounds, count = trials or ROUNDS, nodes or NODES
    hung = count // 3
    with tempfile.TemporaryDirectory(prefix="cachewatch-bench-") as folder, ExitStack() as stack:
        directory = Path(folder)
        servers = [stack.enter_context(RedisNode(free_port(), directory, config=_QUIET)) for _ in range(count)]
        exporter = stack.enter_context(_exporter(servers, directory))
        wait_until(lambda: _nodes(exporter, "UP") == count, 60.0, "every node to be up", every=0.5)
        for server in servers[:hung]:
            server.pause()
            stack.callback(server.resume)
        wait_until(lambda: _nodes(exporter, "DOWN") == hung, 60.0, "a third to be down", every=0.5)
        console.print(f"{count} servers, {hung} of them hang; {RATE} requests a second", highlight=False)
        found = _rounds(exporter, rounds)
    figures = {name: _figures(answers) for name, answers in found.items()}
    console.print(_table(figures))
    return {
        "nodes": count,
        "hung": hung,
        "rate": RATE,
        "rounds": rounds,
        "wanted_p99_ms": WANTED_MS,
        **figures,
        "p99_ratio": figures["health"]["p99_ms"] / figures["peer"]["p99_ms"],
    }


def _exporter(servers: Sequence[RedisNode], directory: Path) -> WebChild:
    port, file = free_port(), directory / "cachewatch.yaml"
    file.write_text(yaml.safe_dump({"fleet": {"nodes": [f"redis://{server.instance}" for server in servers]}}))
    argv = module_argv("cli", "-c", file, "serve", "--listen", f"{LOOPBACK}:{port}")
    return WebChild("exporter", argv, directory, port, env=module_env())


def _nodes(exporter: WebChild, status: str) -> int:
    try:
        body = web.request("GET", f"{exporter.url}/health")
    except web.WebError as error:
        body = error.content or b"{}"
    return sum(node["status"] == status for node in json.loads(body).get("components", {}).values())


def _rounds(exporter: WebChild, rounds: int) -> dict[str, dict[str, list[float]]]:
    found: dict[str, dict[str, list[float]]] = {name: {"lags": [], "cpu": [], "queued": []} for name in _PATHS}
    for _ in range(rounds):
        for name, path in _PATHS.items():
            before = _scheduled(exporter.pid)
            told = _asked(f"{exporter.url}{path}")
            for what, then, now in zip(("cpu", "queued"), before, _scheduled(exporter.pid), strict=True):
                found[name][what].append((now - then) / len(told["lags"]))
            found[name]["lags"] += told["lags"]
            for status, took in told["answers"].items():
                found[name].setdefault(status, []).extend(took)
    return found


def _asked(url: str) -> dict[str, Any]:
    argv = module_argv("bench.open_loop", url, RATE, _SECONDS)
    ended = subprocess.run(argv, env=module_env(), capture_output=True, text=True, check=True, timeout=_SECONDS + 60)
    return dict(json.loads(ended.stdout))


def _scheduled(pid: int) -> tuple[float, float]:
    """Seconds that the process's first thread has run, and has waited for a processor."""
    ran, waited, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
    return int(ran) / 1e9, int(waited) / 1e9


def _figures(found: dict[str, list[float]]) -> dict[str, Any]:
    answers = {status: times for status, times in found.items() if status not in ("lags", "cpu", "queued")}
    took = sorted(seconds for times in answers.values() for seconds in times)
    return {
        "answers": {status: len(times) for status, times in answers.items()},
        "p50_ms": _at(took, 0.5),
        "p99_ms": _at(took, 0.99),
        "max_ms": 1000 * took[-1],
        "client_lag_p99_ms": _at(sorted(found["lags"]), 0.99),
        "cpu_ms": 1000 * statistics.mean(found["cpu"]),
        "queued_ms": 1000 * statistics.mean(found["queued"]),
    }


def _at(ordered: Sequence[float], share: float) -> float:
    return 1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def _table(figures: dict[str, dict[str, Any]]) -> Table:
    table = Table("ms", "/health", "/-/healthy", "ratio", "wanted", title=f"answers at {RATE} requests a second")
    for name in ("p50_ms", "p99_ms", "max_ms", "client_lag_p99_ms", "cpu_ms", "queued_ms"):
        mine, peer = figures["health"][name], figures["peer"][name]
        wanted = f"{WANTED_MS:g}" if name == "p99_ms" else ""
        table.add_row(name.removesuffix("_ms"), f"{mine:.2f}", f"{peer:.2f}", f"{mine / peer:.1f}", wanted)
    told = [" ".join(f"{status}: {count}" for status, count in figures[name]["answers"].items()) for name in _PATHS]
    table.add_row("answers", *told, "", "")
    return table
