"""What watching costs: CPU of the exporter and of redis-server, ours beside Debian's redis_exporter, in one run.

Both collect the same families from the same servers, each with 48 commands seen; every collection is read as a page. Our
intervals stand in the defaults' proportion: details each sixth collection. The peer asks for everything each time.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from sandbox import binaries, web
from sandbox.module_child import module_argv, module_env
from sandbox.ports import LOOPBACK, free_port
from sandbox.process import wait_until
from sandbox.prometheus import WebChild
from sandbox.redis_node import RedisNode

NODES = 90
ROUNDS = 12
_INTERVAL = 2.0
_DETAIL_EACH = 6
_AT_ONCE = 16
_QUIET = ("hz 1", "dynamic-hz no")  # what a server does by itself is taken off, and must not drown what it is asked
_COMMANDS = """
set s 1|get s|append s 1|strlen s|getrange s 0 1|setrange s 0 2|getset s 3|setnx s 4|mset a 1 b 2|mget a b|exists a
type a|touch a|expire a 900|ttl a|persist a|pttl a|incr n|decr n|incrby n 2|decrby n 2|incrbyfloat n 1|hset h f 1|hget h f
hlen h|hkeys h|hvals h|hgetall h|hexists h f|hincrby h f 1|lpush l 1|rpush l 2|lrange l 0 1|llen l|lindex l 0|lpop l|sadd t 1
scard t|smembers t|sismember t 1|zadd z 1 a|zcard z|zscore z a|zrange z 0 1|zrank z a|pfadd p 1|pfcount p|dbsize
"""


@dataclass(frozen=True)
class Cost:
    """CPU milliseconds per node and collection: of the exporter, and of redis-server less what it spends idle."""

    exporter: float
    server: float
    series: int


def measure(console: Console, trials: int | None, nodes: int | None = None) -> dict[str, Any]:
    """Run both exporters over the same servers and print a table with the ratios. `trials` is the number of rounds."""
    rounds, count = max(trials or ROUNDS, 2), nodes or NODES
    with tempfile.TemporaryDirectory(prefix="cachewatch-bench-") as folder, ExitStack() as stack:
        directory = Path(folder)
        servers = [stack.enter_context(RedisNode(free_port(), directory, config=_QUIET)) for _ in range(count)]
        for server in servers:
            _use(server)
        console.print(f"{count} servers, {rounds} rounds", highlight=False)
        idle = _idle(servers)
        ours = _ours(servers, directory, rounds, idle)
        peer = _peer(servers, directory, rounds, idle)
    console.print(_table(ours, peer))
    return {
        "nodes": count,
        "rounds": rounds,
        "exporter_ms": {"ours": ours.exporter, "peer": peer.exporter, "ratio": ours.exporter / peer.exporter},
        "server_ms": {"ours": ours.server, "peer": peer.server, "ratio": ours.server / peer.server},
        "series": {"ours": ours.series, "peer": peer.series},
    }


def _use(server: RedisNode) -> None:
    with server.client() as client:
        for command in _COMMANDS.replace("\n", "|").strip("|").split("|"):
            client.execute_command(*command.split())


def _idle(servers: Sequence[RedisNode]) -> float:
    """CPU seconds a second that all servers spend with nobody asking."""
    before, began = _cpu(server.pid for server in servers), time.monotonic()
    time.sleep(5.0)
    return (_cpu(server.pid for server in servers) - before) / (time.monotonic() - began)


def _ours(servers: Sequence[RedisNode], directory: Path, rounds: int, idle: float) -> Cost:
    port, file = free_port(), directory / "cachewatch.yaml"
    collect = {
        "interval": f"{_INTERVAL:g}s",
        "timeout": "1500ms",
        "detail_interval": f"{_INTERVAL * _DETAIL_EACH:g}s",
        "families": {"deny": ["redis_commands_latencies_usec"]},  # the peer of this version does not ask for it
    }
    policy = {
        "fleet": {"nodes": [f"redis://{server.instance}" for server in servers]},
        "collect": collect,
        "probe": {"interval": "10s"},  # the peer has no prober
    }
    file.write_text(yaml.safe_dump(policy))
    argv = module_argv("cli", "-c", file, "serve", "--listen", f"{LOOPBACK}:{port}")
    with WebChild("exporter", argv, directory, port, env=module_env()) as child:
        page = _warmed(lambda: _page(f"{child.url}/metrics"), "redis_slowlog_length{", len(servers))

        def read() -> None:
            for _ in range(rounds):
                time.sleep(_INTERVAL)
                _page(f"{child.url}/metrics")

        before = _collections(page)
        exporter, server = _spent(child.pid, servers, idle, read)
        page = _page(f"{child.url}/metrics")
    each = _collections(page) - before
    return Cost(1000 * exporter / each, 1000 * server / each, _series(page) // len(servers))


def _peer(servers: Sequence[RedisNode], directory: Path, rounds: int, idle: float) -> Cost:
    port = free_port()
    argv = (binaries.find("redis_exporter"), "-web.listen-address", f"{LOOPBACK}:{port}", "-redis.addr", "")
    with WebChild("peer", argv, directory, port, ready_path="/health") as child, ThreadPoolExecutor(_AT_ONCE) as pool:
        urls = [f"{child.url}/scrape?target={server.instance}" for server in servers]
        page = next(iter(pool.map(_page, urls)))

        def scrape() -> None:
            for _ in range(rounds):
                list(pool.map(_page, urls))

        exporter, server = _spent(child.pid, servers, idle, scrape)
    each = rounds * len(servers)
    return Cost(1000 * exporter / each, 1000 * server / each, _series(page))


def _spent(exporter: int, servers: Sequence[RedisNode], idle: float, work: Callable[[], None]) -> tuple[float, float]:
    """CPU seconds of the exporter and of all servers together, less what those spend idle, while the work runs."""
    pids = [server.pid for server in servers]
    mine, theirs, began = _cpu([exporter]), _cpu(pids), time.monotonic()
    work()
    took = time.monotonic() - began
    return _cpu([exporter]) - mine, max(_cpu(pids) - theirs - idle * took, 0.0)


def _cpu(pids: Iterable[int]) -> float:
    """CPU seconds that the processes' threads have had, by the scheduler's own nanoseconds."""
    threads = (thread for pid in pids for thread in Path(f"/proc/{pid}/task").iterdir())
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def _page(url: str) -> str:
    return web.request("GET", url, timeout=30.0).decode()


def _warmed(page: Callable[[], str], mark: str, count: int) -> str:
    wait_until(lambda: page().count(mark) == count, 60.0, "every node's details", every=0.5)
    return page()


def _collections(page: str) -> float:
    found = [line for line in page.splitlines() if line.startswith("redis_exporter_scrapes_total{")]
    return sum(float(line.rpartition(" ")[2]) for line in found)


def _series(page: str) -> int:
    return sum(line.startswith("redis_") for line in page.splitlines())


def _table(ours: Cost, peer: Cost) -> Table:
    table = Table(
        "CPU ms per node and collection", "Cachewatch", "redis_exporter", "ratio", title="what watching costs"
    )
    rows = (("exporter", ours.exporter, peer.exporter), ("redis-server", ours.server, peer.server))
    for name, mine, theirs in rows:
        table.add_row(name, f"{mine:.3f}", f"{theirs:.3f}", f"1/{theirs / mine:.1f}" if mine else "-")
    table.add_row("series of a node", str(ours.series), str(peer.series), "")
    return table
