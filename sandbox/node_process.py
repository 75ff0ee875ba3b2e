"""Processes that trouble one node: how a fault starts and ends one, and what `python -m sandbox.NAME` needs for it."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from sandbox.fleet import SentinelFleet
from sandbox.module_child import module_argv, module_env
from sandbox.process import Child
from sandbox.redis_node import RedisNode

PASSWORD_VARIABLE = "SANDBOX_REDIS_PASSWORD"  # noqa: S105  # the name of it
_LIFETIME = 1800.0


def main(description: str, trouble: Callable[[int, float], None]) -> None:
    """Read the arguments of such a process and trouble the port for that many seconds."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--lifetime", type=float, required=True)
    arguments = parser.parse_args()
    trouble(arguments.port, arguments.lifetime)


def password() -> str | None:
    """The password of the node, handed on by who started the process."""
    return os.environ.get(PASSWORD_VARIABLE)


class ProcessFault:
    """A process troubles a shard's primary; it ends by itself after half an hour, or with the node.

    `module` is what is run; `begun` says what it does to the node that is put before it, `over` that it has ended.
    """

    def __init__(  # two of them are sentences
        self, fleet: SentinelFleet, shard: str, directory: Path, *, module: str, begun: str, over: str
    ) -> None:
        self._fleet, self._shard, self._directory = fleet, shard, directory
        self._module, self._begun, self._over = module, begun, over
        self._child: Child | None = None

    @property
    def active(self) -> bool:
        """Whether the process runs."""
        return self._child is not None and self._child.alive

    def begin(self) -> str:
        """Start the process."""
        node = self._fleet.primary(self._shard)
        self.trouble(node)
        return f"{node.instance}, primary of {self._shard}, {self._begun}"

    def trouble(self, node: RedisNode) -> None:
        """Start it on that node."""
        argv = module_argv(self._module, "--port", node.port, "--lifetime", _LIFETIME)
        secret = {PASSWORD_VARIABLE: self._fleet.password} if self._fleet.password else {}
        self._child = Child(self._module.rpartition(".")[2], argv, self._directory, {**module_env(), **secret})
        self._child.start()

    def undo(self) -> str:
        """End the process."""
        if self._child is not None:
            self._child.stop()
        return self._over
