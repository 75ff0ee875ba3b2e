"""Faults of a primary at a limit of its configuration: connections, and replicas without which it takes no writes."""

from pathlib import Path

from sandbox.fleet import SentinelFleet
from sandbox.node_process import ProcessFault
from sandbox.redis_node import RedisNode

_ROOM = 20
_MANY = "100"


class SettingFault:
    """A primary's configuration is changed under its users."""

    setting: str

    def __init__(self, fleet: SentinelFleet, shard: str) -> None:
        self._fleet, self._shard = fleet, shard
        self._node: RedisNode | None = None
        self._before = ""

    @property
    def active(self) -> bool:
        """Whether it is changed now."""
        return self._node is not None

    def change(self, value: str) -> RedisNode:
        """Set it on the primary, and remember what it was."""
        node = self._fleet.primary(self._shard)
        with node.client() as client:
            self._before = client.execute_command("CONFIG", "GET", self.setting)[self.setting]
            client.execute_command("CONFIG", "SET", self.setting, value)
        self._node = node
        return node

    def undo(self) -> str:
        """Set what it was."""
        if self._node is None:
            return f"{self.setting} of {self._shard} is as it was"
        with self._node.client() as client:
            client.execute_command("CONFIG", "SET", self.setting, self._before)
        said = f"{self._node.instance} has its {self.setting} again"
        self._node = None
        return said


class ReadOnlyFault(SettingFault):
    """A primary wants more replicas than there are before it takes a write."""

    setting = "min-replicas-to-write"

    def begin(self) -> str:
        """Ask for a hundred."""
        node = self.change(_MANY)
        return f"{node.instance}, primary of {self._shard}, takes no writes"


class CrowdFault(SettingFault):
    """A primary has room for a few more connections, and somebody takes them all."""

    setting = "maxclients"

    def __init__(self, fleet: SentinelFleet, shard: str, directory: Path) -> None:
        super().__init__(fleet, shard)
        self._crowd = ProcessFault(fleet, shard, directory, module="sandbox.crowd", begun="", over="")

    def begin(self) -> str:
        """Leave little room and start the process that takes it."""
        connected = int(str(self._fleet.primary(self._shard).info("clients")["connected_clients"]))
        node = self.change(str(connected + _ROOM))
        self._crowd.trouble(node)
        return f"{node.instance}, primary of {self._shard}, has no room for connections"

    def undo(self) -> str:
        """End that process and make room."""
        self._crowd.undo()
        return super().undo()
