"""Nodes -> shards -> how much of the fleet is there. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal

from exporter.health.node import Component, Status

_BEST_FIRST: tuple[Status, ...] = ("UP", "UNKNOWN", "DOWN")


def by_shard(components: Iterable[Component]) -> dict[str, Status]:
    """The status of each shard.

    A replica that is known to be one and has no shard stands for none: its primary does, and losing it loses no data.
    Nor does a primary without slots.
    """
    groups: dict[str, list[Component]] = {}
    for component in components:
        if not component.idle and (component.shard or component.role != "replica"):
            groups.setdefault(component.group, []).append(component)
    return {shard: status(members) for shard, members in groups.items()}


def status(members: Sequence[Component]) -> Status:
    """UP while a primary of it is; without any, what the nodes say that are not known to be replicas.

    Where all are replicas (their primary is not watched) one that serves is enough, even what it last heard.
    """
    if any(member.status == "UP" and member.role == "primary" for member in members):
        return "UP"
    candidates = [member.status for member in members if member.role != "replica"]
    if candidates:
        return candidates[0] if len(set(candidates)) == 1 else "UNKNOWN"
    found = {"UP" if member.status == "OUT_OF_SERVICE" else member.status for member in members}
    return next(s for s in _BEST_FIRST if s in found)


def decided(statuses: Iterable[Status], most: Decimal) -> Status:
    """DOWN when more than the share `most` is down, UNKNOWN when it could be, else UP. OUT_OF_SERVICE is not down."""
    found = Counter(statuses)
    allowed = most * found.total()
    if found["DOWN"] > allowed:
        return "DOWN"
    return "UNKNOWN" if found["DOWN"] + found["UNKNOWN"] > allowed else "UP"
