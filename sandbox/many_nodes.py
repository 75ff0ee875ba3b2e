"""Hundreds of instances on few servers: each address 127.x.y.z of loopback is an instance of its own to whoever watches."""

from contextlib import ExitStack
from pathlib import Path

from sandbox import ports
from sandbox.redis_node import RedisNode

# Redis binds sixteen addresses at most; with 127.0.0.1, where it is asked whether it runs, that leaves fifteen.
EACH = 15


class ManyNodes:
    """Shards of a primary and three replicas; the servers run until `stack` ends.

    `shards` holds the instances, the primary first; `servers` gives the server behind each instance.
    """

    def __init__(self, stack: ExitStack, directory: Path, shards: int) -> None:
        self.servers: dict[str, RedisNode] = {}
        primaries = self._serve(stack, directory, shards, 1, None)
        replicas = self._serve(stack, directory, 3 * shards, 2, self.servers[primaries[0]].port)
        triples = zip(*[iter(replicas)] * 3, strict=True)
        self.shards = [[primary, *three] for primary, three in zip(primaries, triples, strict=True)]

    @property
    def listed(self) -> list[dict[str, str]]:
        """The nodes as a policy lists them; the shards are called shard-000 and on."""
        return [
            {"url": f"redis://{instance}", "shard": f"shard-{number:03}"}
            for number, shard in enumerate(self.shards)
            for instance in shard
        ]

    def _serve(self, stack: ExitStack, directory: Path, count: int, net: int, of: int | None) -> list[str]:
        found: list[str] = []
        for number in range(-(-count // EACH)):
            hosts = [f"127.{net}.{number}.{last}" for last in range(1, EACH + 1)][: count - len(found)]
            bind = (f"bind {ports.LOOPBACK} {' '.join(hosts)}",)
            port = ports.free_port()
            node = stack.enter_context(RedisNode(port, directory, replica_of=of, config=bind, maxmemory="64mb"))
            self.servers |= {f"{host}:{port}": node for host in hosts}
            found += [f"{host}:{port}" for host in hosts]
        return found
