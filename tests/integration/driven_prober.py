"""The prober in the test's own thread."""

from __future__ import annotations

import time
from collections.abc import Callable

from exporter.access import OPEN, Access
from exporter.prober import Prober
from sandbox.ports import LOOPBACK


class Driven:
    """A prober in this thread, run for as long as a test wants."""

    def __init__(self, interval: float = 0.02, timeout: float = 0.3) -> None:
        self.prober = Prober()
        self.order = {"interval": interval, "timeout": timeout}

    def watch(self, *peers: tuple[str, int], access: Access = OPEN, host: str | None = LOOPBACK) -> None:
        """Probe these (instance, port) from now on."""
        targets = [{"instance": name, "host": host, "port": port, "access": access.order(), "key": ""} for name, port in peers]
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
        """Every class of result so far."""
        return {event.result for event in self.prober.events if event.result}

    def count(self, result: str) -> int:
        """How many checks ended so."""
        return sum(event.result == result for event in self.prober.events)
