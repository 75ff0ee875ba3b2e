"""What a large fleet costs one exporter: CPU, memory and pages at 500 nodes, and the cost of a node at 50 and at 500.

All servers run the whole time; first the exporter watches a tenth of them, then another one all. CPU is that of one
detail interval, in which every node's details come once, while the pages are asked for as the generated `prometheus.yml` does:
/metrics/sli each 2 s, /metrics each 15 s, plain. Afterwards the pages are timed, at moments spread over the collection, and
then /-/healthy while /metrics is read without a pause: how long a page keeps all else waiting.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import exporters, servers
from bench.figures import Figure, as_json, table
from bench.process import cpu, peak_memory, waited
from sandbox import web
from sandbox.process import children
from sandbox.prometheus import WebChild

NODES = 500
READS = 20
WINDOW = 60.0
_FEWER = 10
INTERVAL = 5.0
_SLI_EVERY, _ALL_EVERY = 2.0, 15.0
_MIB = 1024 * 1024
_GZIP = {"Accept-Encoding": "gzip"}
SLI, ALL, HEALTHY = "/metrics/sli", "/metrics", "/-/healthy"
_PAUSE = 0.002


@dataclass(frozen=True)
class Load:
    """Of one exporter: shares of a core, CPU milliseconds per node and collection, and the most bytes in memory."""

    nodes: int
    exporter: float
    prober: float
    each: float
    memory: int
    prober_memory: int


@dataclass(frozen=True)
class Page:
    """Of one page read several times: milliseconds to its end, and its bytes.

    `cpu` and `waited` are the exporter's, medians in milliseconds: spent, and ready to run while others had the cores.
    """

    times: tuple[float, ...]
    size: int
    cpu: float
    waited: float


def measure(
    console: Console,
    trials: int | None,
    nodes: int | None = None,
    window: float = WINDOW,
    interval: float = INTERVAL,
) -> dict[str, Any]:
    """Watch a tenth of `nodes` and then all of them for `window` seconds each; every page is read `trials` times."""
    count, reads = nodes or NODES, trials or READS
    few = max(count // _FEWER, 1)
    with tempfile.TemporaryDirectory(prefix="cachewatch-bench-") as folder, ExitStack() as stack:
        directory = Path(folder)
        fleet = [server.instance for server in servers.started(stack, directory, count)]
        console.print(f"{count} servers run", highlight=False)
        small, *_ = _watch(directory, fleet[:few], interval, window, 0)
        console.print(f"{few} nodes: {100 * small.exporter:.1f} % of a core", highlight=False)
        large, pages, beside = _watch(directory, fleet, interval, window, reads)
    figures = _figures(small, large, pages, beside)
    console.print(table(f"one exporter, {count} nodes, interval {interval:g} s", figures))
    return {"nodes": count, "seconds": window, "reads": reads, "figures": as_json(figures)}


def _watch(
    directory: Path, fleet: list[str], interval: float, window: float, reads: int
) -> tuple[Load, dict[str, Page], list[float]]:
    """Run an exporter on these nodes: its load over the window, then its pages, then what others wait for beside them."""
    policy = {"collect": {"interval": f"{interval:g}s"}}
    with exporters.ours(directory, fleet, policy, f"exporter-{len(fleet)}") as child:
        exporters.warmed(child, len(fleet))
        time.sleep(interval)
        before = exporters.collections(exporters.page(child.url + ALL))
        mine, prober, took = _spent(child, window)
        made = exporters.collections(exporters.page(child.url + ALL)) - before
        wanted = {SLI: (SLI, {}), ALL: (ALL, {}), "gzip": (ALL, _GZIP)} if reads else {}
        pages = {name: _read(child, path, headers, reads, interval) for name, (path, headers) in wanted.items()}
        beside = _beside(child, reads) if reads else []
        memory = [peak_memory(pid) for pid in (child.pid, *children(child.pid))]
        each = 1000 * mine * took / max(made, 1)
        return Load(len(fleet), mine, prober, each, memory[0], sum(memory[1:])), pages, beside


def _spent(child: WebChild, window: float) -> tuple[float, float, float]:
    """The shares of a core of exporter and prober while the pages are read as Prometheus does, and the seconds it took."""
    probers = children(child.pid)
    mine, theirs, began = cpu([child.pid]), cpu(probers), time.monotonic()
    for due, path in sorted([*_times(SLI, _SLI_EVERY, window), *_times(ALL, _ALL_EVERY, window)]):
        time.sleep(max(began + due - time.monotonic(), 0.0))
        web.request("GET", child.url + path, timeout=30.0)
    time.sleep(max(began + window - time.monotonic(), 0.0))
    took = time.monotonic() - began
    return (cpu([child.pid]) - mine) / took, (cpu(probers) - theirs) / took, took


def _times(path: str, every: float, window: float) -> list[tuple[float, str]]:
    """When a page is asked for, in seconds from the beginning of the window."""
    return [(every * number, path) for number in range(1, int(window / every) + 1)]


def _read(child: WebChild, path: str, headers: dict[str, str], reads: int, interval: float) -> Page:
    """Read a page at moments that are spread over the collection interval, which goes on meanwhile."""
    times, spent, waits, size, pids = [], [], [], 0, [child.pid]
    for number in range(reads):
        time.sleep(number * 0.618 % 1 * interval / 4)
        before, waiting, began = cpu(pids), waited(pids), time.monotonic()
        size = len(web.request("GET", child.url + path, headers=headers, timeout=30.0))
        times.append(1000 * (time.monotonic() - began))
        spent.append(1000 * (cpu(pids) - before))
        waits.append(1000 * (waited(pids) - waiting))
    return Page(tuple(times), size, statistics.median(spent), statistics.median(waits))


def _beside(child: WebChild, reads: int) -> list[float]:
    """Milliseconds that /-/healthy took, time after time, while /metrics was read so often as Prometheus reads it."""
    took: list[float] = []
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(lambda: [_packed_page(child) for _ in range(reads)])
        while not took or not reading.done():
            began = time.monotonic()
            web.request("GET", child.url + HEALTHY, timeout=30.0)
            took.append(1000 * (time.monotonic() - began))
            time.sleep(_PAUSE)
        reading.result()
    return took


def _packed_page(child: WebChild) -> bytes:
    return web.request("GET", child.url + ALL, headers=_GZIP, timeout=30.0)


def _figures(small: Load, large: Load, pages: dict[str, Page], beside: list[float]) -> list[Figure]:
    return [
        Figure("exporter_share", "CPU of the exporter", 100 * large.exporter, "% of a core", 25),
        Figure("prober_share", "CPU of the prober", 100 * large.prober, "% of a core"),
        Figure("each_few", f"CPU per node and collection, {small.nodes} nodes", small.each, "ms", None, 3),
        Figure("each", f"the same, {large.nodes} nodes", large.each, "ms", None, 3),
        Figure("growth", "the second over the first", large.each / small.each, "x", 1.1, 2),
        Figure("memory", "memory of the exporter, at most", large.memory / _MIB, "MiB", 120),
        Figure("prober_memory", "memory of the prober, at most", large.prober_memory / _MIB, "MiB"),
        *_page_figures("sli", SLI, pages[SLI], 50),
        *_page_figures("metrics", ALL, pages[ALL], 300),
        *_page_figures("metrics_gzip", f"{ALL} with gzip", pages["gzip"], None),
        Figure("healthy_median", f"{HEALTHY} beside {ALL}, median", statistics.median(beside), "ms"),
        Figure("healthy_max", "the same, slowest", max(beside), "ms"),
    ]


def _page_figures(key: str, name: str, page: Page, most: float | None) -> list[Figure]:
    rows: list[tuple[str, str, Callable[[tuple[float, ...]], float]]] = [
        ("median", "median", statistics.median),
        ("max", "slowest", max),
    ]
    return [
        *(
            Figure(f"{key}_{k}", f"{name}, {word} of {len(page.times)}", of(page.times), "ms", most)
            for k, word, of in rows
        ),
        Figure(f"{key}_cpu", f"{name}, CPU of the exporter", page.cpu, "ms"),
        Figure(f"{key}_waited", f"{name}, waiting for a core", page.waited, "ms"),
        Figure(f"{key}_size", f"{name}, size", page.size / 1e6, "MB", None, 2),
    ]
