"""What the board costs the exporter: CPU with nobody, one and twenty people watching 500 nodes, and bytes on the wire."""

from __future__ import annotations

import http.client
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from sandbox import web
from sandbox.many_nodes import ManyNodes
from sandbox.module_child import module_argv, module_env
from sandbox.ports import LOOPBACK, free_port
from sandbox.process import wait_until
from sandbox.prometheus import WebChild

NODES = 500
SECONDS = 30.0
MANY = 20
_TICKS = 100.0


class Viewers:
    """Clients of the feed that read what comes; `read` counts the bytes."""

    def __init__(self, port: int) -> None:
        self._port, self.read = port, 0

    def add(self, count: int) -> None:
        """Let so many more watch, until the server ends."""
        for _ in range(count):
            threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        connection = http.client.HTTPConnection(LOOPBACK, self._port)
        connection.request("GET", "/api/v1/events", headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        try:
            while part := answer.read1(65536):
                self.read += len(part)
        except (OSError, http.client.HTTPException):
            return  # the server has ended


def measure(console: Console, trials: int | None, nodes: int | None = None) -> dict[str, Any]:
    """Print a table and return its figures. `trials` is how many seconds each state is watched for."""
    duration, shards = float(trials or SECONDS), -(-(nodes or NODES) // 4)
    with tempfile.TemporaryDirectory(prefix="cachewatch-bench-") as folder, ExitStack() as stack:
        directory = Path(folder)
        many = ManyNodes(stack, directory / "nodes", shards)
        exporter = stack.enter_context(_exporter(directory, many))
        url = f"{exporter.url}/api/v1/fleet"
        wait_until(lambda: web.get_json(url)["counts"]["nodes"]["up"] == 4 * shards, 120.0, "all nodes up", every=0.5)
        time.sleep(20.0)  # the first round, with its details, is past
        found = _watched(exporter, duration)
        found["document_bytes"] = len(web.request("GET", url, timeout=30.0))
        found["document_bytes_gzip"] = len(web.request("GET", url, headers={"Accept-Encoding": "gzip"}, timeout=30.0))
    console.print(_table(found, 4 * shards))
    return {"nodes": 4 * shards, **found}


def _exporter(directory: Path, many: ManyNodes) -> WebChild:
    file, port = directory / "cachewatch.yaml", free_port()
    file.write_text(yaml.safe_dump({"fleet": {"nodes": many.listed}}))
    argv = module_argv("cli", "-c", file, "serve", "--listen", f"{LOOPBACK}:{port}")
    return WebChild("exporter", argv, directory, port, env=module_env())


def _watched(exporter: WebChild, duration: float) -> dict[str, Any]:
    viewers = Viewers(exporter.port)
    found: dict[str, Any] = {"cpu_share_unwatched": _share(exporter.pid, duration)[0]}
    for name, more in (("one", 1), ("many", MANY - 1)):
        viewers.add(more)
        time.sleep(5.0)
        share, read = _share(exporter.pid, duration, lambda: viewers.read)
        found |= {f"cpu_share_{name}": share, f"bytes_per_second_{name}": read}
    return found


def _share(pid: int, duration: float, count: Callable[[], int] = int) -> tuple[float, float]:
    """The share of one core that the process used, and what `count` grew by per second."""

    def used() -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    before, counted, began = used(), count(), time.monotonic()
    time.sleep(duration)
    passed = time.monotonic() - began
    return round((used() - before) / passed, 4), round((count() - counted) / passed, 1)


def _table(found: dict[str, Any], nodes: int) -> Table:
    table = Table(title=f"The board of {nodes} nodes", title_justify="left")
    table.add_column("")
    table.add_column("exporter, of one core", justify="right")
    table.add_column("sent", justify="right")
    table.add_row("nobody watches", f"{found['cpu_share_unwatched']:.1%}", "")
    for name, people in (("one", "one"), ("many", str(MANY))):
        sent = f"{found[f'bytes_per_second_{name}'] / 1000:.1f} kB/s"
        table.add_row(f"{people} watching", f"{found[f'cpu_share_{name}']:.1%}", sent)
    sizes = f"{found['document_bytes'] / 1000:.0f} kB, {found['document_bytes_gzip'] / 1000:.1f} kB with gzip"
    table.add_row("the document", "", sizes)
    return table
