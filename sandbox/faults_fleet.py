"""Faults of a fleet behind Sentinel beyond its dead, slow and full primaries; `sandbox.faults` has those and the names."""

from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.fleet import SentinelFleet
from sandbox.flood import PREFIX
from sandbox.node_process import ProcessFault
from sandbox.process import wait_until
from sandbox.redis_node import RedisNode, connect
from sandbox.sentinel import Sentinel, primary_port

_HEAL_TIMEOUT = 30.0


class ReplicaDownFault:
    """A shard's replica is killed: nothing fails over, and nothing is left to fail over to."""

    def __init__(self, fleet: SentinelFleet, shard: str) -> None:
        self._fleet, self._shard = fleet, shard
        self._node: RedisNode | None = None

    @property
    def active(self) -> bool:
        """Whether the replica is dead by this fault."""
        return self._node is not None

    def begin(self) -> str:
        """Kill the replica. `SandboxError` when the shard has no primary, or no replica, that answers."""
        if self._fleet.primary(self._shard).role() != "primary":
            raise SandboxError(f"{self._shard} has no primary that answers; heal what is broken there first")
        if self._fleet.replica(self._shard).role() is None:
            raise SandboxError(f"{self._shard} has no replica that answers; heal what is broken there first")
        self._node = self._fleet.replica(self._shard)
        self._node.kill()
        return f"{self._node.instance}, replica of {self._shard}, is dead (SIGKILL)"

    def undo(self) -> str:
        """Start it as a replica of whoever is the primary."""
        node, port = self._node, primary_port(self._fleet.sentinels, self._shard)
        if node is None:
            return f"no replica of {self._shard} is dead"
        if not node.alive:
            node.start(port if port != node.port else None)
        self._node = None
        return f"{node.instance} is back as replica of {self._shard}"


class ReplicaCutFault:
    """A replica and its primary lose each other, while both answer everybody else.

    No packet filter is needed: the primary refuses the commands of replication.
    """

    def __init__(self, fleet: SentinelFleet, shard: str) -> None:
        self._fleet, self._shard = fleet, shard
        self._primary: RedisNode | None = None

    @property
    def active(self) -> bool:
        """Whether the two are apart."""
        return self._primary is not None

    def begin(self) -> str:
        """End the replica's connection, and let none begin."""
        primary, replica = self._fleet.primary(self._shard), self._fleet.replica(self._shard)
        with primary.client() as client:
            client.execute_command("ACL", "SETUSER", "default", "-psync", "-sync")
            client.execute_command("CLIENT", "KILL", "TYPE", "replica")
        self._primary = primary
        return f"{replica.instance}, replica of {self._shard}, has lost its primary"

    def undo(self) -> str:
        """Let replicas in again, and wait until this one is there.

        By PSYNC first: one that was just refused it and then let in by SYNC is taken for a server before 2.8, and never
        acknowledges what it gets.
        """
        if self._primary is None:
            return f"the replica of {self._shard} has its primary"
        with self._primary.client() as client:
            client.execute_command("ACL", "SETUSER", "default", "+psync")
            wait_until(lambda: self._fleet.pair_in_sync(self._shard), _HEAL_TIMEOUT, "the replica to be in sync")
            client.execute_command("ACL", "SETUSER", "default", "+sync")
        self._primary = None
        return f"the replica of {self._shard} follows its primary again"


class FloodFault(ProcessFault):
    """Somebody writes more than a primary's memory holds, without end: keys are evicted."""

    def __init__(self, fleet: SentinelFleet, shard: str, directory: Path) -> None:
        begun, over = "is written to without end", f"nobody floods {shard} any more"
        super().__init__(fleet, shard, directory, module="sandbox.flood", begun=begun, over=over)
        self._there = False

    @property
    def active(self) -> bool:
        """Whether what it wrote may still be there: the process itself ends with its node."""
        return self._there

    def begin(self) -> str:
        """Start the process."""
        told = super().begin()
        self._there = True
        return told

    def undo(self) -> str:
        """End the process and delete what it has written, wherever the shard's primary is now."""
        over = super().undo()
        with self._fleet.primary(self._shard).client(timeout=5.0) as client:
            for key in client.scan_iter(f"{PREFIX}*", count=1000):
                client.unlink(key)
        self._there = False
        return over


class PasswordFault:
    """Somebody sets a password on a replica, and tells nobody."""

    _SECRET = "sandbox-fault"  # noqa: S105  # of a throw-away server

    def __init__(self, fleet: SentinelFleet, shard: str) -> None:
        self._fleet, self._shard = fleet, shard
        self._node: RedisNode | None = None

    @property
    def active(self) -> bool:
        """Whether the password is there."""
        return self._node is not None

    def begin(self) -> str:
        """Set it, and end the connections that were made without."""
        node = self._fleet.replica(self._shard)
        with node.client() as client:
            client.execute_command("CONFIG", "SET", "requirepass", self._SECRET)
            for kind in ("normal", "pubsub"):
                client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
        self._node = node
        return f"{node.instance}, replica of {self._shard}, wants a password that nobody knows"

    def undo(self) -> str:
        """Take it back."""
        if self._node is None:
            return f"no password stands on the replica of {self._shard}"
        with connect(self._node.port, password=self._SECRET) as client:
            client.execute_command("CONFIG", "SET", "requirepass", self._fleet.password or "")
        self._node = None
        return f"the replica of {self._shard} takes logins as before"


class SentinelFault:
    """So many sentinels die that the others can no longer agree on a failover."""

    def __init__(self, fleet: SentinelFleet) -> None:
        self._fleet = fleet
        self._dead: tuple[Sentinel, ...] = ()

    @property
    def active(self) -> bool:
        """Whether they are dead."""
        return bool(self._dead)

    def begin(self) -> str:
        """Kill all but one."""
        self._dead = self._fleet.sentinel_servers[1:]
        for sentinel in self._dead:
            sentinel.kill()
        return f"{len(self._dead)} of {len(self._fleet.sentinels)} sentinels are dead (SIGKILL)"

    def undo(self) -> str:
        """Start them with what they knew; one that an earlier try has started runs already."""
        for sentinel in self._dead:
            if not sentinel.alive:
                sentinel.start_again()
        self._dead = ()
        wait_until(self._fleet.watched, _HEAL_TIMEOUT, "the sentinels to know each other")
        return "the sentinels are back"


class PersistenceFault:
    """A primary cannot write its snapshot: where the file should be there is a folder."""

    def __init__(self, fleet: SentinelFleet, shard: str) -> None:
        self._fleet, self._shard = fleet, shard
        self._node: RedisNode | None = None

    @property
    def active(self) -> bool:
        """Whether the folder is in the way."""
        return self._node is not None

    def begin(self) -> str:
        """Put it there and ask for a snapshot."""
        node = self._fleet.primary(self._shard)
        node.snapshot.unlink(missing_ok=True)  # what a full synchronisation left there
        node.snapshot.mkdir()
        self._node = node
        self._save(node, "err")
        return f"{node.instance}, primary of {self._shard}, has failed to write its snapshot"

    def undo(self) -> str:
        """Take the folder away and let the node write one, if it answers; nothing of it stays, or a restart would load it."""
        node = self._node
        if node is None:
            return "no snapshot is prevented"
        if node.snapshot.is_dir():
            node.snapshot.rmdir()
        if node.role() is not None:
            self._save(node, "ok")
        node.snapshot.unlink(missing_ok=True)
        self._node = None
        return "snapshots are written again"

    def _save(self, node: RedisNode, status: str) -> None:
        with node.client() as client:
            client.execute_command("BGSAVE")
        wait_until(lambda: _saved(node) == (0, status), _HEAL_TIMEOUT, f"the snapshot of {node.instance}")


def _saved(node: RedisNode) -> tuple[int, str]:
    state = node.info("persistence")
    return int(str(state["rdb_bgsave_in_progress"])), str(state["rdb_last_bgsave_status"])
