"""The faults that the sandbox can make, each real and each undone: `Faults.break_it` and `Faults.heal`."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import redis

from sandbox.errors import SandboxError
from sandbox.faults_fleet import (
    FloodFault,
    PasswordFault,
    PersistenceFault,
    ReplicaCutFault,
    ReplicaDownFault,
    SentinelFault,
)
from sandbox.faults_limits import CrowdFault, ReadOnlyFault
from sandbox.faults_stack import PartFault, ProberFault
from sandbox.fleet import SentinelFleet
from sandbox.node_process import ProcessFault
from sandbox.process import wait_until
from sandbox.redis_node import RedisNode
from sandbox.sentinel import primary_port
from sandbox.stack import Stack
from sandbox.traffic import Traffic

_HEAL_TIMEOUT = 30.0
_FILL_TO = 0.93
_FILL_VALUE = 64 * 1024
_FILL_PREFIX = "sandbox-fault-memory:"


NAMES = tuple(
    """
    node-down node-hang hit-rate latency memory evictions replica-down replica-cut password persistence sentinels read-only
    connections exporter prober notifier
    """.split()
)
"""The faults of a demo, known without one."""


class UnknownFault(SandboxError):
    """No fault goes by that name."""


class Fault(Protocol):
    """One fault: `begin` and `undo` return a sentence on what they did; `active` while it is there."""

    @property
    def active(self) -> bool:
        """Whether the fault is there now."""

    def begin(self) -> str:
        """Make the fault."""

    def undo(self) -> str:
        """Take it away."""


class NodeFault:
    """A shard's primary is killed, or stopped so that it hangs. Sentinel then makes the replica the primary."""

    def __init__(self, fleet: SentinelFleet, shard: str, hang: bool) -> None:
        self._fleet = fleet
        self._shard = shard
        self._hang = hang
        self._node: RedisNode | None = None

    @property
    def active(self) -> bool:
        """Whether a node is down by this fault."""
        return self._node is not None

    def begin(self) -> str:
        """Kill or stop the primary. `SandboxError` when that would leave the shard without any node."""
        node = self._fleet.primary(self._shard)
        if self._fleet.replica(self._shard).role() is None:
            raise SandboxError(f"{self._shard} has no other node that answers; heal what is broken there first")
        self._node = node
        if self._hang:
            node.pause()
            return f"{node.instance}, primary of {self._shard}, hangs (SIGSTOP)"
        node.kill()
        return f"{node.instance}, primary of {self._shard}, is dead (SIGKILL)"

    def undo(self) -> str:
        """Bring the node back, as a replica of whoever is the primary by now."""
        node = self._node
        if node is None:
            return f"no node of {self._shard} is broken"
        primary = primary_port(self._fleet.sentinels, self._shard)
        follow = primary if primary != node.port else None
        if self._hang:
            node.resume()
            wait_until(node.answers, _HEAL_TIMEOUT, f"{node.instance} to answer again")
            _follow(node, follow)
        elif not node.alive:  # one that an earlier try has started was only late
            node.replica_of = follow
            node.start()
        self._node = None
        return f"{node.instance} is back" + (f" as replica of the primary on port {follow}" if follow else "")


def _follow(node: RedisNode, port: int | None) -> None:
    # Sentinel would do it too, ten seconds later; until then two nodes would call themselves primary.
    if port is not None:
        with node.client() as client:
            client.execute_command("REPLICAOF", "127.0.0.1", port)


class HitRateFault:
    """The application asks for keys that are in neither the cache nor the database."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic

    @property
    def active(self) -> bool:
        """Whether the traffic is in that mode."""
        return self._traffic.mode == "cold"

    def begin(self) -> str:
        """Switch the traffic over."""
        self._traffic.set_mode("cold")
        return "three of four requests now ask for users who do not exist"

    def undo(self) -> str:
        """Switch the traffic back."""
        self._traffic.set_mode("normal")
        return "the requests ask for known users again"


class MemoryFault:
    """Somebody writes large values until a primary's memory is nearly full."""

    def __init__(self, fleet: SentinelFleet, shard: str) -> None:
        self._fleet = fleet
        self._shard = shard
        self._written = 0

    @property
    def active(self) -> bool:
        """Whether the values are there."""
        return self._written > 0

    def begin(self) -> str:
        """Write until used_memory is 93 % of maxmemory: above every threshold, below where keys are evicted."""
        node = self._fleet.primary(self._shard)
        with node.client(timeout=5.0) as client:
            limit = int(client.execute_command("CONFIG", "GET", "maxmemory")["maxmemory"])
            if not limit:
                raise SandboxError(f"{node.instance} has no maxmemory that could be filled")
            while _used(client) < _FILL_TO * limit:
                client.execute_command("SET", f"{_FILL_PREFIX}{self._written}", "x" * _FILL_VALUE, "EX", 3600)
                self._written += 1
            share = _used(client) / limit
        return f"{node.instance}, primary of {self._shard}, uses {share:.0%} of its memory"

    def undo(self) -> str:
        """Delete what was written, wherever the shard's primary is now."""
        node = self._fleet.primary(self._shard)
        keys = [f"{_FILL_PREFIX}{number}" for number in range(self._written)]
        with node.client(timeout=5.0) as client:
            client.unlink(*keys)
        self._written = 0
        return f"the large values on {self._shard} are deleted"


def _used(client: redis.Redis) -> int:
    return int(client.info("memory")["used_memory"])


class Faults:
    """All faults of one sandbox by name; those of what watches it, when `watchers` are given."""

    def __init__(self, fleet: SentinelFleet, traffic: Traffic, directory: Path, watchers: Stack | None = None) -> None:
        first, last = fleet.shards[0], fleet.shards[-1]
        self._faults: dict[str, Fault] = {
            "node-down": NodeFault(fleet, first, hang=False),
            "node-hang": NodeFault(fleet, last, hang=True),
            "hit-rate": HitRateFault(traffic),
            "latency": ProcessFault(
                fleet,
                first,
                directory,
                module="sandbox.slow_commands",
                begun="runs scripts of 25 ms, about ten a second",
                over="the slow scripts have ended",
            ),
            "memory": MemoryFault(fleet, last),
            "evictions": FloodFault(fleet, last, directory),
            "replica-down": ReplicaDownFault(fleet, first),
            "replica-cut": ReplicaCutFault(fleet, last),
            "password": PasswordFault(fleet, first),
            "persistence": PersistenceFault(fleet, last),
            "sentinels": SentinelFault(fleet),
            "read-only": ReadOnlyFault(fleet, first),
            "connections": CrowdFault(fleet, last, directory),
        }
        if watchers is not None:
            self._faults |= {
                "exporter": PartFault(watchers.exporter),
                "prober": ProberFault(watchers.exporter),
                "notifier": PartFault(watchers.notifier),
            }

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the faults."""
        return tuple(self._faults)

    @property
    def active(self) -> tuple[str, ...]:
        """The names of the faults that are there now."""
        return tuple(name for name, fault in self._faults.items() if fault.active)

    def break_it(self, name: str) -> str:
        """Make the fault and return a sentence; a second time changes nothing. `UnknownFault`, or `SandboxError`."""
        fault = self._known(name)
        if fault.active:
            return f"{name}: broken already, nothing changed"
        return f"{name}: {_honest(fault.begin)}"

    def heal(self, name: str | None = None) -> str:
        """Undo the fault, or all of them, and return a sentence; what is not broken is left alone. `UnknownFault`."""
        if name is None:
            return self._heal_all() or "nothing is broken"
        fault = self._known(name)
        if not fault.active:
            return f"{name}: not broken, nothing changed"
        return f"{name}: {_honest(fault.undo)}"

    def _heal_all(self) -> str:
        """Undo each that is there, whatever becomes of the others. `SandboxError` with all that was done and was not."""
        told, failed = [], False
        for name in self.active:
            try:
                told.append(self.heal(name))
            except SandboxError as error:
                told.append(f"{name}: NOT healed: {error}")
                failed = True
        if failed:
            raise SandboxError("\n".join(told))
        return "\n".join(told)

    def _known(self, name: str) -> Fault:
        try:
            return self._faults[name]
        except KeyError:
            raise UnknownFault(f"there is no fault {name!r}; there are {', '.join(self.names)}") from None


def _honest(step: Callable[[], str]) -> str:
    """Turn a server's refusal into an error of the sandbox."""
    try:
        return step()
    except redis.RedisError as error:
        raise SandboxError(f"the node did not do it: {type(error).__name__}: {error}") from error
