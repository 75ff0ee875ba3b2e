"""A primary and two replicas that the policy lists: whoever watches them, and each replica, reaches them over a slow path."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from bench.alert_quality import hurry
from sandbox import ports
from sandbox.process import wait_until
from sandbox.redis_node import RedisNode
from sandbox.slow_path import Pace, SlowPath
from sandbox.stack import Stack

SHARD = "shard-a"
_PATIENCE = 60.0
_ROOM = "600mb"


class PathLab:
    """The servers, the way to each, the way from each replica to its primary, and their stack. All ends with `stack`."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        chosen = ports.free_ports(3)
        run = directory / "run"
        self._ways = dict(zip(chosen, ports.free_ports(3), strict=True))
        self._links = dict(zip(chosen[1:], ports.free_ports(2), strict=True))
        leading = {way: port for port, way in self._ways.items()} | dict.fromkeys(self._links.values(), chosen[0])
        self._path = stack.enter_context(SlowPath(run, leading))
        self.primary = stack.enter_context(RedisNode(chosen[0], run, name="primary", maxmemory=_ROOM))
        self.replicas = tuple(
            stack.enter_context(RedisNode(port, run, name=f"replica-{port}", maxmemory=_ROOM, replica_of=link))
            for port, link in self._links.items()
        )
        wait_until(self.in_sync, _PATIENCE, "the replicas to be in sync")
        listed = [{"url": f"redis://{self.address(node)}", "shard": SHARD} for node in self.nodes]
        self.watchers = stack.enter_context(Stack(directory, {"nodes": listed}, hurry.listed()))
        self.watchers.wait_for({"count(cache_node_up == 1)": len(self.nodes)})

    @property
    def nodes(self) -> tuple[RedisNode, ...]:
        """Every server, the primary first."""
        return self.primary, *self.replicas

    def address(self, node: RedisNode) -> str:
        """Where the watching reaches a server, which is what it is called there."""
        return f"{ports.LOOPBACK}:{self._ways[node.port]}"

    def hold_up(self, node: RedisNode, pace: Pace) -> None:
        """Hold up what a server answers to whoever watches."""
        self._path.hold_up(self._ways[node.port], pace)

    def cut(self, node: RedisNode) -> None:
        """Cut the connections to a server as its next answers come."""
        self._path.cut(self._ways[node.port])

    def hold_up_copy(self, replica: RedisNode, pace: Pace) -> None:
        """Hold up what the primary sends to a replica."""
        self._path.hold_up(self._links[replica.port], pace)

    def follow(self, replica: RedisNode) -> None:
        """Have a replica follow the primary."""
        with replica.client() as client:
            client.execute_command("REPLICAOF", ports.LOOPBACK, self._links[replica.port])

    def in_sync(self) -> bool:
        """Whether both replicas have all that the primary has."""
        state = self.primary.info("replication")
        told = [row for key, row in state.items() if key.startswith("slave") and isinstance(row, dict)]
        return len(told) == len(self.replicas) and all(row["offset"] == state["master_repl_offset"] for row in told)
