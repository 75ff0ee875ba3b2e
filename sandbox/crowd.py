"""Connections to one node until it takes no more, as a process: `python -m sandbox.crowd --port P --lifetime S`.

What is refused is tried again ten times a second, as a badly made pool of connections does.
"""

import socket
import time
from contextlib import suppress

from sandbox.node_process import main
from sandbox.ports import LOOPBACK

_PAUSE = 0.1
_MOST = 500


def crowd(port: int, lifetime: float) -> None:
    """Hold what one gets until `lifetime` seconds have passed."""
    deadline = time.monotonic() + lifetime
    held: list[socket.socket] = []
    while time.monotonic() < deadline:
        with suppress(OSError):
            one = socket.create_connection((LOOPBACK, port), timeout=1.0)
            if len(held) < _MOST and _taken(one):
                held.append(one)
                continue
            one.close()
        time.sleep(_PAUSE)


def _taken(one: socket.socket) -> bool:
    """Whether the server keeps the connection; what is too many is told so at once."""
    one.sendall(b"PING\r\n")
    return one.recv(64).startswith(b"+")


if __name__ == "__main__":
    main("Too many connections to one Redis node of the sandbox.", crowd)
