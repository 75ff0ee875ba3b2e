"""Free ports on loopback.

They lie below the kernel's ephemeral range: inside it an outgoing connection may be given the very port
between our look and the server's bind, and the server then cannot start, once in some hundred runs.
"""

import errno
import os
import random
import socket
from contextlib import closing
from pathlib import Path

from sandbox.errors import SandboxError

LOOPBACK = "127.0.0.1"
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 12000
SLICE = "CACHEWATCH_SANDBOX_PORTS"
"""Environment variable `NUMBER/COUNT`: of COUNT equal slices of the ports, the one counted from 0. Inherited by children."""
_given: set[int] = set()
# Seeded by the system: two test runs on one machine must not walk through the same ports.
_chance = random.SystemRandom()


class PortInUse(SandboxError):
    """Somebody else listens on the port that was asked for."""


def is_free(port: int) -> bool:
    """Say whether a server could listen on the loopback port now.

    SO_REUSEADDR as the servers themselves set it: connections in TIME_WAIT do not block a restart.
    """
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def require_free(port: int, who: str) -> None:
    """Raise `PortInUse` when `who` could not listen on the port."""
    if not is_free(port):
        raise PortInUse(f"{who} cannot listen on {LOOPBACK}:{port}: another program does. End it, or use another port.")


def free_port() -> int:
    """Return a loopback port that is free now and that this process has not handed out before."""
    lowest, beyond = _slice(*port_range())
    for _ in range(1000):
        port = _chance.randrange(lowest, beyond)
        if port not in _given and is_free(port):
            _given.add(port)
            return port
    raise PortInUse(f"No free port found on {LOOPBACK} between {lowest} and {beyond - 1} in 1000 tries.")


def free_ports(count: int) -> tuple[int, ...]:
    """Return `count` different free ports."""
    return tuple(free_port() for _ in range(count))


def _slice(lowest: int, beyond: int) -> tuple[int, int]:
    """Our share of the ports where several programs choose at the same time: between choice and bind a port looks free."""
    number, _, count = os.environ.get(SLICE, "0/1").partition("/")
    size = (beyond - lowest) // int(count)
    return lowest + int(number) * size, lowest + (int(number) + 1) * size


def port_range() -> tuple[int, int]:
    """Return the first port to choose from and the one past the last.

    The last is 10000 below the ephemeral range where that leaves room: a Redis Cluster node listens on its port
    + 10000 too.
    """
    ephemeral = int(_EPHEMERAL.read_text().split()[0]) if _EPHEMERAL.exists() else 32768
    beyond = ephemeral - 10000
    if beyond - _LOWEST >= 1000:
        return _LOWEST, beyond
    return (1024, ephemeral) if ephemeral > 2048 else (_LOWEST, 32768)
