"""Sentinel -> the nodes of its masters."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import hiredis

from exporter.failures import NodeError, from_exception, granting
from exporter.keyring import Keyring
from exporter.layout import LONGEST
from exporter.names import Names
from exporter.quorum import Sentinels, best_view, reaches_quorum, sentinels
from exporter.targets import Target
from exporter.wire import Connection
from policy.fleet import SENTINEL_PORT, Sentinel, is_address, split_address

# What a user of Sentinel must be granted; docs/redis_exporter.md has the rule as a whole.
_RIGHTS = "+sentinel|masters +sentinel|replicas +sentinel|ckquorum"
# Of addresses that are none so many are told, each cut to so many characters.
_MOST_TOLD, _SHOWN = 3, 40
_NO_CKQUORUM = "may not be asked whether it could fail over; grant the user +sentinel|ckquorum"


class Unreachable(Exception):
    """A source of nodes gave no answer of use; the text says why."""


class SentinelUnreachable(Unreachable):
    """No Sentinel gave an answer; the text has what each said."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a source of nodes knows: nodes by instance; which masters of the policy Sentinel lacks; what else is wrong.

    `doubt` is what is odd about an answer that is whole all the same, `denied` that Sentinel would not say all of `quorum`.
    `quorum` says of each master whether Sentinel could fail it over now; one that may not be asked is left out. `sentinels` says
    on how many Sentinels it could count.
    """

    targets: Mapping[str, Target]
    missing: tuple[str, ...] = ()
    trouble: str = ""
    doubt: str = ""
    quorum: Mapping[str, bool] = field(default_factory=dict)
    sentinels: Mapping[str, Sentinels] = field(default_factory=dict)
    denied: str = ""

    @property
    def problem(self) -> str:
        """What is wrong with the answer; empty when nothing is."""
        lacking = f"no Sentinel knows {', '.join(self.missing)}" if self.missing else ""
        return lacking or "; ".join(filter(None, (self.trouble, self.doubt)))

    @property
    def is_whole(self) -> bool:
        """Whether it named all that there is to name."""
        return not self.missing and not self.trouble


async def discover(
    sentinel: Sentinel, keys: Keyring | None, patience: float, names: Names, known: Mapping[str, Target] | None = None
) -> Found:
    """Ask the Sentinels in turn until they know every master of the policy and every node `known`, and reach the quorums.

    One that was set up anew has forgotten masters and dead replicas: they stay while any other knows them, and while no
    majority answers. At first, where the policy names no masters, all are asked. One Sentinel that reaches the quorum of a
    master is enough: it can fail it over, whatever another says that is cut off. Where it does not know how many are left, more
    are asked for that alone. `patience` bounds each in seconds. SentinelUnreachable when none gives an answer of use.
    """
    known = {i: node for i, node in (known or {}).items() if sentinel.masters is None or node.shard in sentinel.masters}
    said, found, more = [], list[Found](), list[Found]()
    for address in sentinel.addresses:
        try:
            async with asyncio.timeout(patience):
                answer = await _ask(address, sentinel.masters, keys, names, patience)
        except (OSError, NodeError) as error:
            said.append(f"{address}: {granting(from_exception(error), _RIGHTS)}")
        else:
            (more if _is_enough(sentinel, known, found) else found).append(answer)
            if _is_enough(sentinel, known, found) and not _uncounted(found, more):
                break
    if not found:
        raise SentinelUnreachable("; ".join(said))
    # Of equals the last: the one that was asked no further.
    best = min(reversed(found), key=lambda answer: len(answer.missing))
    lost = {} if 2 * len(found) > len(sentinel.addresses) else _forgotten(known, found)
    nodes = {i: node for answer in (*found, best) for i, node in answer.targets.items()}
    denied = [answer.denied for answer in found] if _unreached(found) - _quorum(found).keys() else []
    odd = [answer.doubt for answer in found]
    doubts = dict.fromkeys(filter(None, (_doubt(sentinel, found, lost), *odd, *denied)))
    views = best_view(answer.sentinels for answer in (*found, *more))
    return replace(best, targets={**lost, **nodes}, quorum=_quorum(found), sentinels=views, doubt="; ".join(doubts))


def _unreached(found: Sequence[Found]) -> set[str]:
    """The masters of which no answer says that their quorum is reached; of some none may say anything."""
    reached = {name for name, ok in _quorum(found).items() if ok}
    return {node.shard for answer in found for node in answer.targets.values()} - reached


def _is_enough(sentinel: Sentinel, known: Mapping[str, Target], found: Sequence[Found]) -> bool:
    if not found or found[-1].missing or _unreached(found):
        return False
    return bool(known or sentinel.masters) and not _forgotten(known, found)


def _uncounted(found: Sequence[Found], more: Sequence[Found]) -> set[str]:
    """The masters of which no answer says how many Sentinels are left: one that was just started does not know."""
    shards = {node.shard for answer in found for node in answer.targets.values()}
    return shards.difference(*(answer.sentinels for answer in (*found, *more)))


def _forgotten(known: Mapping[str, Target], found: Sequence[Found]) -> dict[str, Target]:
    """The known nodes that no answer has."""
    return {i: node for i, node in known.items() if not any(i in answer.targets for answer in found)}


def _doubt(sentinel: Sentinel, found: Sequence[Found], lost: Mapping[str, Target]) -> str:
    """What Sentinels do not agree about, empty when nothing; a dead replica may be known to some alone."""
    if lost:
        return f"too few Sentinels answer to believe that these are gone: {', '.join(sorted(lost))}"
    if sentinel.masters is not None:
        return ""
    shards: list[set[str]] = [{node.shard for node in answer.targets.values()} for answer in found]
    only = {name for name in set[str]().union(*shards) if not all(name in known for known in shards)}
    return f"only some Sentinels know {', '.join(sorted(only))}" if only else ""


def _quorum(found: Sequence[Found]) -> dict[str, bool]:
    """Of each master whether any Sentinel reaches its quorum."""
    masters = {name for answer in found for name in answer.quorum}
    return {name: any(answer.quorum.get(name) for answer in found) for name in sorted(masters)}


async def _ask(
    address: str, wanted: tuple[str, ...] | None, keys: Keyring | None, names: Names, patience: float
) -> Found:
    host, port = split_address(address, SENTINEL_PORT)
    connection = await Connection.dial(names, host, port, keys.sentinel(host) if keys else None, patience)
    try:
        (reply,) = await connection.ask([("SENTINEL", "MASTERS")])
        masters = {entry["name"]: entry for entry in entries(reply)}
        shards = [name for name in wanted or masters if name in masters]
        if not shards:  # it was just set up or emptied: its word must not take every node off the pages
            raise NodeError("protocol", "knows none of the masters")
        replies = await connection.ask([("SENTINEL", "REPLICAS", name) for name in shards])
        connection.send([("SENTINEL", "CKQUORUM", name) for name in shards])
        told = await connection.replies(len(shards))
    finally:
        connection.close()
    rows = {name: [masters[name], *entries(reply)] for name, reply in zip(shards, replies, strict=True)}
    found = (target for name, instances in rows.items() for target in targets(name, instances))
    missing = tuple(name for name in wanted or () if name not in masters)
    reached = dict(zip(shards, map(reaches_quorum, told), strict=True))
    quorum = {name: ok for name, ok in reached.items() if ok is not None}
    views = {name: sentinels(reply, masters[name]) for name, reply in zip(shards, told, strict=True)}
    denied = any(isinstance(reply, hiredis.ReplyError) and str(reply).startswith("NOPERM") for reply in told)
    odd = unusable((row["ip"], row["port"]) for instances in rows.values() for row in instances if _told(row))
    return Found(
        {target.instance: target for target in found},
        missing,
        doubt=odd and f"{address}: {odd}",
        quorum=quorum,
        sentinels={name: view for name, view in views.items() if view is not None},
        denied=f"{address}: {_NO_CKQUORUM}" if denied else "",
    )


def entries(reply: object) -> list[dict[str, str]]:
    """Turn Sentinel's lists of names and values into mappings; NodeError when they are anything else."""
    if not isinstance(reply, list) or not all(isinstance(entry, list) for entry in reply):
        raise NodeError("protocol", "not the answer of a Sentinel")
    texts = [
        [item.decode("utf-8", "replace")[:LONGEST] for item in entry if isinstance(item, bytes)] for entry in reply
    ]
    found = [dict(zip(items[::2], items[1::2], strict=False)) for items in texts]
    if not all({"name", "ip", "port"} <= entry.keys() for entry in found):
        raise NodeError("protocol", "an entry of Sentinel has no name, ip or port")
    return found


def targets(shard: str, instances: Iterable[Mapping[str, str]]) -> Iterator[Target]:
    """The nodes of a shard; one that has not told its address yet is left out, and one whose address is none."""
    for entry in instances:
        if _told(entry) and _is_address(entry["ip"], entry["port"]):
            yield Target.at(entry["ip"], int(entry["port"]), shard)


def _told(entry: Mapping[str, str]) -> bool:
    return entry["ip"] not in ("", "?") and entry["port"] != "0"


def _is_address(host: str, port: str) -> bool:
    return port.isascii() and port.isdigit() and len(port) < 6 and is_address(host, int(port))


def unusable(told: Iterable[tuple[str, str]]) -> str:
    """Which hosts and ports are no address, empty when all are one: whoever names them must not choose what is dialled here."""
    odd = [f"{host[:_SHOWN]!r} port {port[:_SHOWN]!r}" for host, port in told if not _is_address(host, port)]
    more = f" and {len(odd) - _MOST_TOLD} more" if len(odd) > _MOST_TOLD else ""
    return f"no address of a node: {', '.join(odd[:_MOST_TOLD])}{more}" if odd else ""
