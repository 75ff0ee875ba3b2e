"""What is watched: frozen, pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from policy.fleet import Fleet, join_address


@dataclass(frozen=True, slots=True)
class Target:
    """One node. `instance` is its label, `shard` empty where nobody named it, `slot` one that it serves in a Cluster.

    `name` is the host name that a Cluster announces for it, empty where it announces none: its certificate is for that name.
    `member` is its id in the Cluster. `tls` says that who named it, a file, asks for TLS.
    """

    instance: str
    host: str
    port: int
    shard: str = ""
    slot: int | None = None
    name: str = ""
    member: str = ""
    tls: bool = False

    @classmethod
    def at(cls, host: str, port: int, shard: str, slot: int | None = None, name: str = "", member: str = "") -> Target:
        """The node at an address. A host name is one in lower case too: overrides and listed nodes name it so."""
        host = host if host.startswith("/") else host.lower()
        return cls(join_address(host, port), host, port, shard, slot, name, member)


def static_targets(fleet: Fleet) -> tuple[Target, ...]:
    """The nodes that the policy lists."""
    return tuple(Target.at(*node.address, node.shard) for node in fleet.nodes)


def merge(
    static: tuple[Target, ...], found: Mapping[str, Target], address: Callable[[str], str | None]
) -> tuple[Target, ...]:
    """Listed nodes and found ones, each once; the shard of a node that Sentinel knows is the name of its master.

    The alert that misses a whole shard looks for that name: a listed node with another one would page for ever.
    A node that is listed by name and found by address is one node, under the name: twice, its hits would count double.
    Of two found at one place the first stays. Where one that names a node asks for TLS it is TLS, whatever the others say.
    `address` gives the known address of a host.
    """
    if not found:
        return tuple(sorted(static, key=_order))

    def place(target: Target) -> tuple[str, int]:
        return address(target.host) or target.host, target.port

    shards: dict[tuple[str, int], str] = {}
    slots: dict[tuple[str, int], int | None] = {}
    secured = {place(target) for target in found.values() if target.tls}
    for target in found.values():
        shards[place(target)] = shards.get(place(target)) or target.shard
        slots[place(target)] = target.slot if slots.get(place(target)) is None else slots[place(target)]
    seen = {place(target) for target in static}
    nodes = list(static)
    for target in found.values():
        if place(target) not in seen:
            seen.add(place(target))
            nodes.append(target)
    named = (
        replace(n, shard=shards.get(place(n)) or n.shard, slot=slots.get(place(n)), tls=place(n) in secured)
        for n in nodes
    )
    return tuple(sorted(named, key=_order))


def _order(target: Target) -> tuple[str, str, int]:
    return target.shard, target.host, target.port
