"""Whether the prober tells the truth: behind a wire whose delay is known, and through a stall of one second.

The wire holds each answer back and measures for how long it did, awake all the time: a sleeper is woken late. What it held
is the truth. In the stall (SIGSTOP, SIGCONT) each probe that was due waits for what is left of it, so that of N probes in
the minute, one each `h` seconds, the slowest per cent ends 0.01 N h before the longest: p99 = stall - 0.01 N h.
"""

from __future__ import annotations

import contextlib
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.figures import Figure, as_json, table
from bench.probing import Probing, percentile
from sandbox.peer import Peer, Talk
from sandbox.ports import LOOPBACK, free_port
from sandbox.redis_node import RedisNode

DELAYS = (0.002, 0.005, 0.010)
SECONDS = 20.0
STALL, MINUTE = 1.0, 60.0
_EACH, _OFTEN = 0.05, 0.01
"""Seconds between two probes: of the wire, and through the stall."""
_PATIENCE = 5.0
_SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_MOST = 5.0


def measure(
    console: Console, trials: int | None, _nodes: int | None = None, seconds: float = SECONDS, minute: float = MINUTE
) -> dict[str, Any]:
    """Measure each delay `trials` times for some seconds, then one stall in a minute; print what is off by how much."""
    found: list[Figure] = []
    with (
        tempfile.TemporaryDirectory(prefix="cachewatch-bench-") as folder,
        RedisNode(free_port(), Path(folder)) as node,
    ):
        for delay in DELAYS:
            found += _delayed(node, delay, seconds * (trials or 1))
            console.print(f"a wire of {1000 * delay:g} ms: done", highlight=False)
        found += _stalled(node, minute)
    console.print(table("what the prober says, and what was so", found))
    return {"figures": as_json(found)}


def _delayed(node: RedisNode, delay: float, seconds: float) -> Iterator[Figure]:
    held: list[float] = []
    with Peer(_late(node.port, delay, held)) as wire, Probing({"wire": wire.port}, _EACH) as probing:
        time.sleep(1.0)  # the connection is made
        probing.forget()
        held.clear()
        time.sleep(seconds)
        said, so = list(probing.durations), list(held)
    for name, share in _SHARES.items():
        ours, truth = 1000 * percentile(said, share), 1000 * percentile(so, share)
        key = f"delay_{1000 * delay:g}ms_{name}"
        title = f"{1000 * delay:g} ms, {name}: {ours:.3f} for {truth:.3f} ms, off by"
        yield Figure(key, title, 100 * abs(ours / truth - 1), "%", _MOST)


def _late(port: int, delay: float, held: list[float]) -> Talk:
    """Pass on what comes, and the node's answer `delay` seconds after the request came; `held` gets what it was."""

    def talk(connection: socket.socket) -> None:
        with socket.create_connection((LOOPBACK, port)) as server:
            connection.setblocking(False)
            while data := _awake(connection):
                came = time.perf_counter()
                server.sendall(data)
                answer = server.recv(65536)
                while time.perf_counter() < came + delay:
                    pass
                connection.sendall(answer)
                held.append(time.perf_counter() - came)

    return talk


def _awake(connection: socket.socket) -> bytes:
    """What comes next, taken in the very moment."""
    while True:
        with contextlib.suppress(BlockingIOError):
            return connection.recv(65536)


def _stalled(node: RedisNode, minute: float) -> Iterator[Figure]:
    with Probing({"node": node.port}, _OFTEN, timeout=STALL + _PATIENCE) as probing:
        time.sleep(1.0)
        probing.forget()
        began = time.perf_counter()
        time.sleep(minute / 2)
        stopped = time.perf_counter()
        node.pause()
        time.sleep(STALL)
        stall = time.perf_counter() - stopped
        node.resume()
        time.sleep(max(0.0, began + minute - time.perf_counter()))
        said = list(probing.durations)
    due, waited = (
        stall / _OFTEN,
        sum(one > 2 * _OFTEN for one in said) + 2,
    )  # those of its last two turns waited no longer
    truth, ours = stall - 0.01 * len(said) * _OFTEN, percentile(said, 0.99)
    yield Figure(
        "stall_due",
        f"stall of {stall:.3f} s: {waited} of {due:.0f} probes show it, off by",
        _off(waited, due),
        "%",
        _MOST,
    )
    title = f"stall of {stall:.3f} s: p99 {ours:.3f} for {truth:.3f} s, off by"
    yield Figure("stall_p99", title, _off(ours, truth), "%", _MOST)
    yield Figure(
        "stall_max", f"stall: slowest {max(said):.3f} for {stall:.3f} s, off by", _off(max(said), stall), "%", _MOST
    )


def _off(ours: float, truth: float) -> float:
    return 100 * abs(ours / truth - 1)
