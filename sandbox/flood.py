"""Writes without end on one node, as a process: `python -m sandbox.flood --port P --lifetime S`.

Values of 8 KiB, some hundred a second: once the memory is full, an eviction policy pushes as many others out.
"""

import time

import redis

from sandbox.node_process import main, password
from sandbox.redis_node import connect

PREFIX = "sandbox-flood:"
_VALUE = "x" * 8192
_PAUSE = 0.002


def flood(port: int, lifetime: float) -> None:
    """Write until `lifetime` seconds have passed or the node is gone."""
    deadline = time.monotonic() + lifetime
    number = 0
    with connect(port, timeout=5.0, password=password()) as client:
        while time.monotonic() < deadline:
            try:
                client.execute_command("SET", f"{PREFIX}{number}", _VALUE, "EX", 3600)
            except redis.RedisError as error:
                print(f"ended: {error}")
                return
            number += 1
            time.sleep(_PAUSE)


if __name__ == "__main__":
    main("Writes without end on one Redis node of the sandbox.", flood)
