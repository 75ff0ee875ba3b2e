"""What one isolated `/scrape?target=` costs the exporter: CPU, ours beside the redis_exporter on the PATH, on the same servers.

One scrape at a time over one kept connection, as a Prometheus asks one target; the exporters take turns. The peer asks a
server for everything in every scrape. Ours is measured twice: at the defaults (`collect.background: false`), where a
scrape asks for details that are older than 60 s and shows the others as they are known; and with a detail interval so
short that every scrape asks for them, as the peer's does. Both show the same families either way. Each is asked plainly, and
for gzip as Prometheus does by itself.
"""

from __future__ import annotations

import http.client
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rich.console import Console

from bench import exporters, servers
from bench.figures import Versus, versus_json, versus_table
from bench.process import cpu
from sandbox.ports import LOOPBACK
from sandbox.prometheus import WebChild
from sandbox.web import WebError

NODES = 4
TURNS = 10
_SCRAPES = 10  # of each server and turn
_WAYS = {"default": "details each 60 s", "always": "details in every scrape"}


def measure(console: Console, trials: int | None, nodes: int | None = None) -> dict[str, Any]:
    """Scrape each server ten times a turn, of which there are `trials`, and print a table with the ratios."""
    turns, count = trials or TURNS, nodes or NODES
    with tempfile.TemporaryDirectory(prefix="cachewatch-bench-") as folder, ExitStack() as stack:
        directory = Path(folder)
        fleet = [server.instance for server in servers.started(stack, directory, count)]
        children = _children(directory, fleet, stack)
        for child in children.values():
            _batch(child, fleet, "identity")
        version = exporters.version(children["peer"])
        costs = {asked: _turns(children, fleet, coding, turns) for asked, coding in exporters.CODINGS.items()}
    rows = [
        Versus(f"{way}_{asked}_ms", f"{words}, {asked}", costs[asked][way], costs[asked]["peer"], 1 / 5)
        for asked in exporters.CODINGS
        for way, words in _WAYS.items()
    ]
    title = f"{count} servers, {turns} turns of {count * _SCRAPES} scrapes, one at a time; redis_exporter {version}"
    console.print(versus_table(title, "CPU ms of the exporter per /scrape", rows))
    return {"nodes": count, "turns": turns, "peer": version, **versus_json(rows)}


def _children(directory: Path, fleet: Sequence[str], stack: ExitStack) -> dict[str, WebChild]:
    """The peer, and ours twice, with the peer's families."""
    peer = stack.enter_context(exporters.peer(directory))
    _batch(peer, fleet, "identity")  # what it asks is a command that the servers have seen, too
    unknown = exporters.unknown_to(exporters.page(f"{peer.url}/scrape?target={fleet[0]}"))
    collect = {"background": False, "families": {"deny": unknown}}
    ways = {"default": collect, "always": {**collect, "detail_interval": "1ms"}}
    ours = {way: exporters.ours(directory, fleet, {"collect": each}, way) for way, each in ways.items()}
    return {**{way: stack.enter_context(child) for way, child in ours.items()}, "peer": peer}


def _turns(children: dict[str, WebChild], fleet: Sequence[str], coding: str, turns: int) -> dict[str, float]:
    """The median of the turns, in milliseconds, by exporter."""
    found: dict[str, list[float]] = {name: [] for name in children}
    for _ in range(turns):
        for name, child in children.items():
            before = cpu([child.pid])
            made = _batch(child, fleet, coding)
            found[name].append(1000 * (cpu([child.pid]) - before) / made)
    return {name: statistics.median(each) for name, each in found.items()}


def _batch(child: WebChild, fleet: Sequence[str], coding: str) -> int:
    """Scrape each server several times over one connection; how many scrapes that were."""
    connection = http.client.HTTPConnection(LOOPBACK, child.port, timeout=30.0)
    try:
        for instance in [*fleet] * _SCRAPES:
            connection.request("GET", f"/scrape?target={quote(instance)}", headers={"Accept-Encoding": coding})
            answer = connection.getresponse()
            if answer.status != 200 or not answer.read():
                raise WebError(f"{child.name} answered {answer.status} to a scrape of {instance}", answer.status)
    finally:
        connection.close()
    return len(fleet) * _SCRAPES
