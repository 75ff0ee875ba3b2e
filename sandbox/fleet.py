"""Shards of one primary and one replica under three sentinels, all real, all on loopback."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sandbox import ports
from sandbox.process import Started, wait_until
from sandbox.redis_node import RedisNode
from sandbox.sentinel import Sentinel, Watch, primary_port

SENTINELS = 3
_SYNC_TIMEOUT = 30.0


@dataclass(frozen=True)
class FleetNode:
    """A node as it is now: "host:port", "primary" or "replica", shard name, process id."""

    instance: str
    role: str
    shard: str
    pid: int


class SentinelFleet(Started):
    """A fleet that fails over by itself: a dead primary is replaced about `down_after_ms` + 1.2 s later.

    Shards are called shard-a, shard-b, ... `maxmemory` is each node's, as Redis writes it.
    """

    def __init__(
        self,
        directory: Path,
        *,
        shards: int = 1,
        maxmemory: str = "32mb",
        down_after_ms: int = 2000,
        failover_timeout_ms: int = 6000,
        password: str | None = None,
    ) -> None:
        self.password = password
        self.by_shard = {
            f"shard-{chr(ord('a') + index)}": _pair(directory, index, maxmemory, password) for index in range(shards)
        }
        watch = Watch(
            primaries={name: pair[0].port for name, pair in self.by_shard.items()},
            down_after_ms=down_after_ms,
            failover_timeout_ms=failover_timeout_ms,
            password=password,
        )
        self.sentinel_servers = tuple(Sentinel(port, directory, watch) for port in ports.free_ports(SENTINELS))

    @property
    def shards(self) -> tuple[str, ...]:
        """The names of the shards."""
        return tuple(self.by_shard)

    @property
    def sentinels(self) -> tuple[str, ...]:
        """The addresses ("host:port") of the sentinels."""
        return tuple(sentinel.instance for sentinel in self.sentinel_servers)

    @property
    def nodes(self) -> tuple[FleetNode, ...]:
        """Every node, with the role it has now."""
        return tuple(
            FleetNode(node.instance, self._role(node, shard), shard, node.pid) for shard, node in self.members()
        )

    def _role(self, node: RedisNode, shard: str) -> str:
        # A node that cannot answer has the role that the sentinels give it.
        return node.role(timeout=0.3) or ("primary" if primary_port(self.sentinels, shard) == node.port else "replica")

    def members(self) -> Iterator[tuple[str, RedisNode]]:
        """Yield every server with its shard, in each shard the one first that began as the primary."""
        for shard, pair in self.by_shard.items():
            for node in pair:
                yield shard, node

    def node(self, instance: str) -> RedisNode:
        """Return the server with that "host:port". `KeyError` for one that is not of the fleet."""
        return {node.instance: node for _, node in self.members()}[instance]

    def primary(self, shard: str) -> RedisNode:
        """Return the shard's primary as the sentinels see it now."""
        port = primary_port(self.sentinels, shard)
        return next((node for node in self.by_shard[shard] if node.port == port), self.by_shard[shard][0])

    def replica(self, shard: str) -> RedisNode:
        """Return the shard's other node."""
        primary = self.primary(shard)
        return next(node for node in self.by_shard[shard] if node is not primary)

    def start(self) -> None:
        """Start all, replicas in sync and sentinels aware of each other when it returns. Stops all if one fails."""
        with ExitStack() as undo:
            undo.callback(self.stop)
            for _, node in self.members():
                node.start()
            for sentinel in self.sentinel_servers:
                sentinel.start()
            wait_until(self.in_sync, _SYNC_TIMEOUT, "the replicas to be in sync")
            wait_until(self.watched, _SYNC_TIMEOUT, "the sentinels to know each other and the replicas")
            undo.pop_all()

    def in_sync(self) -> bool:
        """Whether every shard has one answering primary and one connected replica of it."""
        return all(self.pair_in_sync(shard) for shard in self.by_shard)

    def pair_in_sync(self, shard: str) -> bool:
        """Whether that shard has one answering primary and one connected replica of it."""
        primary, replica = self.primary(shard), self.replica(shard)
        if primary.role() != "primary" or replica.role() != "replica":
            return False
        state = replica.info("replication")
        return state.get("master_link_status") == "up" and state.get("master_port") == primary.port

    def watched(self) -> bool:
        """Whether every sentinel knows the others and each shard's replica."""
        return all(
            sentinel.sees(shard, replicas=1, sentinels=SENTINELS - 1)
            for sentinel in self.sentinel_servers
            for shard in self.by_shard
        )

    def stop(self) -> None:
        """End all, sentinels first so that they do not begin a failover."""
        everything: list[Sentinel | RedisNode] = [*self.sentinel_servers, *(node for _, node in self.members())]
        for server in everything:
            server.ask_to_stop()
        for server in everything:
            server.stop()


def _pair(directory: Path, index: int, maxmemory: str, password: str | None) -> tuple[RedisNode, RedisNode]:
    letter = chr(ord("a") + index)
    first, second = ports.free_ports(2)
    return (
        RedisNode(first, directory, name=f"redis-{letter}1", maxmemory=maxmemory, password=password),
        RedisNode(second, directory, name=f"redis-{letter}2", maxmemory=maxmemory, password=password, replica_of=first),
    )
