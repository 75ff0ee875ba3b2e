"""A real Redis Cluster on loopback: three primaries with a replica each."""

import re
import subprocess
from contextlib import ExitStack
from pathlib import Path

from sandbox import binaries, ports
from sandbox.errors import SandboxError
from sandbox.process import Started, wait_until
from sandbox.redis_node import RedisNode

PRIMARIES = 3
SLOTS = 16384
_PATIENCE = 60.0


class RedisCluster(Started):
    """Six servers, all slots covered. A dead primary is replaced about 1.5 `node_timeout_ms` later."""

    def __init__(self, directory: Path, *, node_timeout_ms: int = 1000) -> None:
        self._directory, self._node_timeout_ms = directory, node_timeout_ms
        self.nodes = [self._server() for _ in range(2 * PRIMARIES)]

    def _server(self) -> RedisNode:
        port = ports.free_port()
        config = (
            "cluster-enabled yes",
            f"cluster-config-file nodes-{port}.conf",
            f"cluster-node-timeout {self._node_timeout_ms}",
        )
        return RedisNode(port, self._directory, config=config)

    def start(self) -> None:
        """Start all; every slot is served and every primary has its replica when this returns. Stops all if one fails."""
        with ExitStack() as undo:
            undo.callback(self.stop)
            for node in self.nodes:
                node.start()
            _cli("--cluster", "create", *(n.instance for n in self.nodes), "--cluster-replicas", "1", "--cluster-yes")
            wait_until(self.whole, _PATIENCE, "the cluster to be whole")
            undo.pop_all()

    def whole(self) -> bool:
        """Whether every living node knows all slots as served, and every one of its primaries with slots has a replica."""
        return all(self._sees_all(node) for node in self.nodes if node.alive)

    def _sees_all(self, node: RedisNode) -> bool:
        info = _cli("-p", str(node.port), "cluster", "info")
        lines = self.lines(node)
        followed = {line[3] for line in lines if "slave" in line[2]}
        return "cluster_state:ok" in info and all(
            line[0] in followed for line in lines if "master" in line[2] and line[8:]
        )

    def lines(self, node: RedisNode) -> list[list[str]]:
        """CLUSTER NODES as a node sees it, each line in its words."""
        return [line.split() for line in _cli("-p", str(node.port), "cluster", "nodes").splitlines() if line]

    def primaries(self) -> list[RedisNode]:
        """The living servers that are primaries now."""
        return [node for node in self.nodes if node.alive and node.role() == "primary"]

    def replica_of(self, primary: RedisNode) -> RedisNode:
        """The replica of a primary. `SandboxError` when it has none."""
        lines = self.lines(primary)
        identity = self.id_of(primary)
        port = next((re.split("[:@]", line[1])[1] for line in lines if line[3] == identity), "")
        found = next((node for node in self.nodes if str(node.port) == port), None)
        if found is None:
            raise SandboxError(f"{primary.instance} has no replica")
        return found

    def id_of(self, node: RedisNode) -> str:
        """The id by which the others know a server."""
        return next(line[0] for line in self.lines(node) if "myself" in line[2])

    def join(self) -> RedisNode:
        """A further server, a primary without slots; all know it when this returns."""
        node = self._server()
        node.start()
        self.nodes.append(node)
        _cli("--cluster", "add-node", node.instance, self.nodes[0].instance)
        wait_until(lambda: self._known_to_all(node), _PATIENCE, f"{node.instance} to be known")
        return node

    def _known_to_all(self, node: RedisNode) -> bool:
        known = [[line[1].partition("@")[0] for line in self.lines(n)] for n in self.nodes if n.alive]
        return all(node.instance in addresses for addresses in known)

    def move_slots(self, source: RedisNode, to: RedisNode, count: int) -> None:
        """Give slots of one primary to another."""
        ends = ("--cluster-from", self.id_of(source), "--cluster-to", self.id_of(to))
        _cli("--cluster", "reshard", to.instance, *ends, "--cluster-slots", str(count), "--cluster-yes")

    def remove(self, node: RedisNode) -> None:
        """Take a server without slots out of the cluster, and end it."""
        _cli("--cluster", "del-node", next(n for n in self.nodes if n is not node).instance, self.id_of(node))
        node.stop()
        self.nodes.remove(node)

    def stop(self) -> None:
        """End all."""
        for node in self.nodes:
            node.ask_to_stop()
        for node in self.nodes:
            node.stop()


def _cli(*words: str) -> str:
    """What redis-cli says on loopback. `SandboxError` with its words when it fails."""
    ended = subprocess.run(
        [binaries.find("redis-cli"), "-h", ports.LOOPBACK, *words],
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    if ended.returncode:
        raise SandboxError(f"redis-cli {' '.join(words)} failed: {ended.stdout[-500:]}{ended.stderr[-500:]}")
    return ended.stdout
