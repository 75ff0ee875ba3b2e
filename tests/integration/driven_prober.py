"""The prober in the test's own thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from exporter.access import OPEN, Access
from exporter.prober import Prober
from sandbox.ports import LOOPBACK


class Driven:
    """A prober in this thread, run for as long as a test wants."""

    def __init__(self, interval: float = 0.02, timeout: float = 0.3) -> None:
        self.prober = Prober()
        self.order = self.paced(interval, timeout)

    @staticmethod
    def paced(interval: float, timeout: float) -> dict[str, Any]:
        """What an order says beside its targets; reports wait as they do by the defaults."""
        return {"interval": interval, "timeout": timeout, "patience": 3 * timeout, "steady": 2, "pause": 0.5}

    def watch(self, *peers: tuple[str, int], access: Access = OPEN, host: str | None = LOOPBACK, key: str = "") -> None:
        """Probe these (instance, port) from now on, and write to `key` when there is one."""
        more = {"host": host, "access": access.order(), "key": key}
        targets = [{"instance": name, "port": port, **more} for name, port in peers]
        self.prober.retarget({**self.order, "targets": targets}, time.perf_counter())

    def run(self, until: Callable[[], bool], patience: float = 60.0) -> None:
        """Run until something is true."""
        end = time.perf_counter() + patience
        while not until():
            assert time.perf_counter() < end, f"in vain; {self.results()}"
            self.prober.turn(time.perf_counter())
            self.prober.wait(min(self.prober.next_turn(), time.perf_counter() + 0.02))

    def run_for(self, duration: float) -> None:
        """Run for some seconds."""
        end = time.perf_counter() + duration
        self.run(lambda: time.perf_counter() >= end, duration + 60.0)

    def results(self) -> set[str]:
        """Every class of health check so far."""
        return {event.result for event in self.prober.events if event.result and event.op == "ping"}

    def count(self, result: str, op: str = "ping") -> int:
        """How many checks, or SETs, ended so."""
        return sum(event.result == result and event.op == op for event in self.prober.events)

    def durations(self, op: str = "ping") -> list[float]:
        """Seconds of every reply to PING, or SET."""
        return [event.seconds for event in self.prober.events if event.seconds is not None and event.op == op]
