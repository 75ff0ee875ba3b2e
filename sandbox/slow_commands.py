"""Slow commands on one node, as a process: `python -m sandbox.slow_commands --port P --lifetime S`.

A script that computes for 25 ms keeps the server from everybody else: about one in five PINGs waits behind it, while
every health check is still answered in time. The pauses are drawn, so that no prober can fall into step with them.
"""

import random
import threading
import time
from dataclasses import dataclass

import redis

from sandbox.node_process import main, password
from sandbox.redis_node import connect

_BUSY = "local sum = 0 for step = 1, tonumber(ARGV[1]) do sum = sum + step end return 1"
_FIRST_STEPS, _MOST_STEPS = 50_000, 20_000_000


@dataclass(frozen=True)
class Load:
    """For how many seconds each script computes, and the shortest and the longest pause before the next."""

    busy: float = 0.025
    pauses: tuple[float, float] = (0.03, 0.09)


_USUAL = Load()


def burden(port: int, lifetime: float, load: Load = _USUAL, over: threading.Event | None = None) -> None:
    """Run slow commands on the node until `lifetime` seconds have passed, `over` is set or the node is gone."""
    deadline = time.monotonic() + lifetime
    steps, over = _FIRST_STEPS, over or threading.Event()
    with connect(port, timeout=5.0, password=password()) as client:
        while time.monotonic() < deadline:
            begun = time.monotonic()
            try:
                client.execute_command("EVAL", _BUSY, 0, steps)
            except redis.RedisError as error:
                print(f"ended: {error}")
                return
            steps = next_steps(steps, time.monotonic() - begun, load.busy)
            if over.wait(random.uniform(*load.pauses)):  # noqa: S311  # pauses, not a secret
                return


def next_steps(steps: int, took: float, wanted: float = _USUAL.busy) -> int:
    """Return how long the next script should count to take `wanted` seconds, given that `steps` took `took` on this machine.

    By a factor of two at most: one reply that waited for the processor must not make the next script tiny or huge.
    """
    factor = min(2.0, max(0.5, wanted / took))
    return min(_MOST_STEPS, max(1000, int(steps * factor)))


if __name__ == "__main__":
    main("Slow commands on one Redis node of the sandbox.", burden)
