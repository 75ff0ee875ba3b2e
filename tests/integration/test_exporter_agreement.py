"""Hit rate, availability and latency agree, within 1 %, with who counts on their own: the traffic, and a second pinger."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest

from sandbox.fleet import SentinelFleet
from sandbox.ports import LOOPBACK
from sandbox.process import wait_until
from sandbox.redis_node import RedisNode
from sandbox.traffic import start_traffic
from tests.integration.exporter_support import Serving
from tests.unit.exporter.helpers import Series, value

pytestmark = pytest.mark.alone

REQUESTS = 2000
EACH, TIMEOUT, BOUND = 0.1, 0.5, 0.2
"""Seconds: between two PINGs, until one is given up, and what counts as fast."""


def _summed(page: Series, name: str) -> float:
    return sum(number for (found, _), number in page.items() if found == name)


def test_the_hit_rate_is_the_one_that_the_application_counted(tmp_path: Path) -> None:
    with SentinelFleet(tmp_path / "fleet", shards=2) as fleet:
        nodes = [{"url": f"redis://{node.instance}", "shard": "s"} for node in fleet.nodes]
        password = {"auth": {"password_env": "PASSWORD"}} if fleet.password else {}
        policy = {"fleet": {"nodes": nodes, **password}, "collect": {"interval": "2s"}}
        with (
            Serving(tmp_path / "exporter", policy, {"PASSWORD": fleet.password or ""}) as exporter,
            start_traffic(fleet, tmp_path / "traffic") as traffic,
        ):

            def counted(what: str) -> int:
                return sum(int(shard[what]) for shard in traffic.counts()["shards"].values())

            wait_until(lambda: counted("requests") >= REQUESTS, 120.0, "the requests")
            traffic.stop(grace=60.0)
            hits, misses = counted("hits"), counted("misses")

            def told() -> tuple[float, float]:
                page = exporter.page("/metrics/sli")
                return _summed(page, "cache_hits_total"), _summed(page, "cache_misses_total")

            wait_until(lambda: sum(told()) >= hits + misses, 30.0, "the last collection")
            its_hits, its_misses = told()
    assert its_hits == pytest.approx(hits, rel=0.01)
    assert its_hits / (its_hits + its_misses) == pytest.approx(hits / (hits + misses), abs=0.01)


class Pinger:
    """PINGs that leave each `EACH` seconds, whatever is outstanding: each in a thread and a connection of its own."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.taken: list[float | None] = []
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run)]

    def __enter__(self) -> Pinger:
        self._threads[0].start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._threads[0].join()
        for thread in self._threads[1:]:
            thread.join()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._ended.wait(max(0.0, due - time.monotonic())):
            self._threads.append(threading.Thread(target=self._ping))
            self._threads[-1].start()
            due += EACH

    def _ping(self) -> None:
        began = time.monotonic()
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=TIMEOUT) as connection:
                connection.sendall(b"PING\r\n")
                connection.settimeout(max(0.001, began + TIMEOUT - time.monotonic()))
                answered = connection.recv(64) == b"+PONG\r\n"
        except OSError:
            answered = False
        self.taken.append(time.monotonic() - began if answered else None)


def test_availability_and_latency_are_those_of_a_second_pinger(tmp_path: Path, redis_node: RedisNode) -> None:
    """Through two stalls of a second, in which some probes are late and some are lost."""
    policy = {
        "fleet": {"nodes": [f"redis://{redis_node.instance}"]},
        "probe": {"interval": f"{1000 * EACH:g}ms", "timeout": f"{1000 * TIMEOUT:g}ms"},
    }
    name = "cache_probe_duration_seconds"
    with Serving(tmp_path, policy) as exporter:

        def told() -> tuple[float, float, float]:
            """Checks, good ones, and PINGs that were answered fast."""
            page = exporter.page("/metrics/sli")
            good = value(page, "cache_health_checks_total", result="success") or 0.0
            fast = value(page, f"{name}_bucket", le=f"{BOUND:g}") or 0.0
            return _summed(page, "cache_health_checks_total"), good, fast

        wait_until(lambda: told()[1] >= 10, 30.0, "the probes to run")
        before = told()
        with Pinger(redis_node.port) as pinger:
            for _ in range(2):
                time.sleep(7.0)
                redis_node.pause()
                time.sleep(1.0)
                redis_node.resume()
            time.sleep(7.0)
        wait_until(lambda: told()[0] - before[0] >= len(pinger.taken), 30.0, "as many checks")
        checks, good, fast = (after - then for after, then in zip(told(), before, strict=True))
    own = [one for one in pinger.taken if one is not None]
    share = len(own) / len(pinger.taken)
    assert share < 0.98, "the stalls were seen"
    assert good / checks == pytest.approx(share, abs=0.01)
    assert fast / checks == pytest.approx(sum(one <= BOUND for one in own) / len(pinger.taken), abs=0.01)
