"""Redis Cluster -> its primaries and replicas, told by any of them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from exporter.discovery import Found, Unreachable, unusable
from exporter.failures import NodeError, from_exception, granting
from exporter.keyring import Keyring
from exporter.names import Names
from exporter.targets import Target
from exporter.wire import Connection
from policy.access import is_host_name
from policy.fleet import REDIS_PORT, Cluster, is_address, join_address, split_address

# Nodes learned earlier that are asked when none of the policy's answers: enough to outlive the loss of a rack.
_LEARNED = 5
_RIGHTS = "+cluster|nodes"
# A node that is still being met, or that nobody has an address of.
_NOT_YET = {"handshake", "noaddr"}


@dataclass(frozen=True, slots=True)
class Member:
    """One line of CLUSTER NODES. `primary` is the id of the primary that it follows, empty for a primary.

    `slot` is the last one that it serves, None without any: resharding takes the first ones first. `name` is the host name
    that it announces (`cluster-announce-hostname`, Redis 7), empty where it announces none.
    """

    id: str
    host: str
    port: int
    primary: str
    slots: bool
    slot: int | None = None
    name: str = ""

    @property
    def instance(self) -> str:
        """The `instance` label."""
        return join_address(self.host, self.port)


async def discover(
    cluster: Cluster,
    known: Mapping[str, Target],
    keys: Keyring | None,
    patience: float,
    names: Names,
    *,
    of_another: bool = False,
) -> Found:
    """Ask the nodes of the policy in turn, then some of those `known`, until one answers; `patience` is seconds for each.

    `of_another` says that the known ones may be of another cluster: they keep their labels, and are not asked.

    CLUSTER NODES, because every version has it and it alone tells of replicas that failed. Unreachable when none does.
    """
    learned = itertools.islice((i for i in known if i not in cluster.addresses), 0 if of_another else _LEARNED)
    said = []
    for address in (*cluster.addresses, *learned):
        try:
            async with asyncio.timeout(patience):
                members = await _ask(known.get(address) or seed(address), keys, names, patience)
        except (OSError, NodeError) as error:
            said.append(f"{address}: {granting(from_exception(error), _RIGHTS)}")
        else:
            usable = [member for member in members if is_address(member.host, member.port)]
            doubt = unusable((member.host, str(member.port)) for member in members)
            return Found({target.instance: target for target in targets(usable, known)}, doubt=doubt)
    raise Unreachable(f"no node of the cluster answers: {'; '.join(said)}")


def seed(address: str) -> Target:
    """A node that the policy names, of which nobody has told anything yet."""
    host, port = split_address(address, REDIS_PORT)
    return Target.at(host, port, "")


async def _ask(node: Target, keys: Keyring | None, names: Names, patience: float) -> list[Member]:
    access = keys.of(node) if keys else None
    connection = await Connection.dial(names, node.host, node.port, access, patience)
    try:
        (reply,) = await connection.ask([("CLUSTER", "NODES")])
    finally:
        connection.close()
    members = list(parse(reply, connection.address))
    if not any(member.slots for member in members):  # it was reset: its word must not take every node off the pages
        raise NodeError("protocol", "knows of no slots")
    return members


def parse(reply: object, asked: str) -> Iterator[Member]:
    """The members in an answer of CLUSTER NODES; NodeError when it is none. `asked` is who answered: it may not know."""
    if not isinstance(reply, bytes):
        raise NodeError("protocol", "not the answer of a node of a cluster")
    for line in reply.decode("utf-8", "replace").splitlines():
        identity, address, flags, primary, *rest = line.split() if line.count(" ") >= 7 else [""] * 4
        place, _, name = address.partition(",")
        host, found, port = place.partition("@")[0].rpartition(":")
        if not found or not (port.isascii() and port.isdigit() and len(port) < 20):
            raise NodeError("protocol", "a line of CLUSTER NODES has no address")
        if port != "0" and not _NOT_YET & set(flags.split(",")):
            # Slots that are on the move stand in brackets; they are of the node that still has them.
            slots = rest[4:]
            yield Member(identity, host or asked, int(port), primary.strip("-"), bool(slots), _last(slots), _name(name))


def _name(announced: str) -> str:
    """The host name of `name,shard-id=...` (7.2 has more behind it); one that no handshake can ask for is none."""
    name = announced.partition(",")[0]
    return name if "=" not in name and is_host_name(name) else ""


def _last(slots: list[str]) -> int | None:
    """The highest of `0-5460 7000`; those in brackets are on the move, and not asked."""
    ends = [text.rpartition("-")[2] for text in slots if not text.startswith("[")]
    return max((int(end) for end in ends if end.isdecimal()), default=None)


def targets(members: list[Member], known: Mapping[str, Target]) -> Iterator[Target]:
    """The nodes, those of a shard under one label.

    A shard has no name in Cluster before 7.2, and its primary's id changes at a failover: the label is that of the lowest
    id at first sight, and then stays with the primary, which had it as a replica. Nodes are told apart by their ids, for
    their addresses may change.
    """
    before = {target.member: target for target in known.values() if target.member}
    for shard, label in _labelled(_by_primary(members), before):
        for member in shard:
            yield Target.at(member.host, member.port, label, member.slot, member.name, member.id)


def _by_primary(members: list[Member]) -> list[list[Member]]:
    """The members of each shard, its primary first."""
    shards: dict[str, list[Member]] = {}
    for member in members:
        shards.setdefault(member.primary or member.id, []).append(member)
    return [sorted(shard, key=lambda member: bool(member.primary)) for shard in shards.values()]


def _labelled(shards: list[list[Member]], before: Mapping[str, Target]) -> Iterator[tuple[list[Member], str]]:
    """Each shard with its label. No two with slots share one: who served slots under it keeps it."""

    def served(shard: list[Member]) -> bool:
        old = before.get(shard[0].id)
        return old is not None and old.slot is not None

    given: set[str] = set()
    for shard in sorted(shards, key=lambda shard: not served(shard)):
        old = next((before[member.id].shard for member in shard if member.id in before), "")
        label = old if old and not (old in given and shard[0].slots) else _new_label(shard, given)
        if shard[0].slots:
            given.add(label)
        yield shard, label


def _new_label(shard: list[Member], given: set[str]) -> str:
    """The beginning of the lowest id, or more of it where another shard has that already."""
    lowest = min(member.id for member in shard)
    names = (f"shard-{lowest[:length]}" for length in range(8, len(lowest) + 1))
    return next((name for name in names if name not in given), f"shard-{lowest}")
