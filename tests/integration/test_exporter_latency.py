"""The probe's series are right: no less than what the wire took, not much more, and nothing left out of a stall."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from exporter.ping import PING
from sandbox.ports import LOOPBACK
from sandbox.process import wait_until
from sandbox.redis_node import RedisNode
from tests.integration.exporter_support import Peer, Serving, passes_on
from tests.unit.exporter.helpers import Series, value

pytestmark = pytest.mark.alone

NAME = "cache_probe_duration_seconds"


def _policy(*nodes: str, **row: Any) -> dict[str, Any]:
    return {
        "fleet": {"nodes": [f"redis://{node}" for node in nodes]},
        "probe": {"interval": "50ms", "timeout": "2s"},
        "thresholds": {"latency_p50": row},
    }


def _share(page: Series, instance: str, le: str, before: Series | None = None) -> float:
    """The share of the probes up to this page, or between two pages, that took no longer than the bound."""

    def grown(kind: str, **own: str) -> float:
        now = value(page, f"{NAME}_{kind}", instance=instance, **own)
        assert now is not None
        return now - (value(before or {}, f"{NAME}_{kind}", instance=instance, **own) or 0.0)

    count = grown("count")
    assert count
    return grown("bucket", le=le) / count


def _count(exporter: Serving, instance: str) -> float:
    return value(exporter.page("/metrics/sli"), f"{NAME}_count", instance=instance) or 0.0


def _next_share(exporter: Serving, instance: str, le: str) -> float:
    """The share of the next sixty probes."""
    before, first = exporter.page("/metrics/sli"), _count(exporter, instance)
    wait_until(lambda: _count(exporter, instance) >= first + 60, 60.0, "the next sixty probes")
    return _share(exporter.page("/metrics/sli"), instance, le, before)


def test_a_wire_of_five_milliseconds_is_measured_as_five_to_seven(tmp_path: Path, redis_node: RedisNode) -> None:
    row = {"target": "5ms", "warning": {"above": "7ms"}, "critical": {"above": "20ms"}}
    with (
        Peer(passes_on(redis_node.port, delay=lambda: 0.005)) as wire,
        Serving(tmp_path, _policy(wire.instance, **row)) as exporter,
    ):
        # Another program may hold the machine for a moment and the wire with it; it does not do so all the time.
        wait_until(
            lambda: _next_share(exporter, wire.instance, "0.007") >= 0.5, 60.0, "half of the probes to take 5-7 ms"
        )
        page = exporter.page("/metrics/sli")
    assert _share(page, wire.instance, "0.005") == 0, "none is faster than the wire"


def test_every_probe_due_in_a_stall_is_observed_with_the_time_it_really_waited(
    tmp_path: Path, redis_node: RedisNode
) -> None:
    flowing = threading.Event()
    flowing.set()
    with Peer(passes_on(redis_node.port, pause=flowing)) as wire, Serving(tmp_path, _policy(wire.instance)) as exporter:
        wait_until(lambda: _count(exporter, wire.instance) >= 20, 30.0, "the probes to run")
        before, began = exporter.page("/metrics/sli"), time.monotonic()
        flowing.clear()
        time.sleep(1.0)
        flowing.set()
        stall = time.monotonic() - began
        seen = _count(exporter, wire.instance)
        wait_until(lambda: _count(exporter, wire.instance) >= seen + 25, 30.0, "the waiting replies")
        after = exporter.page("/metrics/sli")

    def grown(kind: str, **labels: str) -> float:
        ends = [value(page, f"{NAME}_{kind}", instance=wire.instance, **labels) or 0.0 for page in (before, after)]
        return ends[1] - ends[0]

    # Open loop: a probe each 50 ms, each waiting for the rest of the stall.
    assert grown("sum") == pytest.approx(stall**2 / 2 / 0.05, rel=0.2)
    half = grown("bucket", le="2.0") - grown("bucket", le="0.5")
    assert half == pytest.approx((stall - 0.5) / 0.05, abs=3)


# A blocking socket in a process that does nothing else: what a probe takes on this machine as busy as it is now.
_PLAIN = """
import socket, statistics, sys, time
taken = []
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as connection:
    for _ in range(200):
        time.sleep(0.01)
        began = time.perf_counter()
        connection.sendall(sys.argv[3].encode())
        connection.recv(64)
        taken.append(time.perf_counter() - began)
print(statistics.median(taken))
"""


def test_beside_a_busy_exporter_the_median_is_that_of_a_process_that_does_nothing_else(
    tmp_path: Path, redis_node: RedisNode
) -> None:
    with Serving(tmp_path, _policy(redis_node.instance)) as exporter, _reading(exporter):
        before, first = exporter.page("/metrics/sli"), _count(exporter, redis_node.instance)
        argv = [sys.executable, "-c", _PLAIN, LOOPBACK, str(redis_node.port), PING.decode()]
        plain = float(subprocess.run(argv, capture_output=True, check=True, timeout=60.0).stdout)
        wait_until(lambda: _count(exporter, redis_node.instance) >= first + 60, 30.0, "sixty probes")
        page = exporter.page("/metrics/sli")
    bounds = ["5e-05", "0.0001", "0.0002", "0.0005", "0.001", "0.002", "0.005"]
    median = next((float(b) for b in bounds if _share(page, redis_node.instance, b, before) >= 0.5), 1.0)
    assert median <= 10 * plain, f"prober {median * 1000:g} ms, plain socket {plain * 1000:.3f} ms"


@contextmanager
def _reading(exporter: Serving) -> Iterator[None]:
    """Somebody who reads the large page again and again."""
    idle = threading.Event()

    def read() -> None:
        while not idle.is_set():
            exporter.text()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield
    finally:
        idle.set()
        reader.join(10)
