"""Ask every node once: what `cachewatch check --connect` shows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import hiredis

from exporter import discovery_cluster, info
from exporter.access import Access
from exporter.failures import NodeError, from_exception, from_reply, result_of_reply
from exporter.families import questions
from exporter.families.questions import RIGHTS, Command, Question
from exporter.keyring import Keyring
from exporter.names import Names
from exporter.ping import set_words
from exporter.probe_key import key_for
from exporter.sources import Sources
from exporter.targets import Target
from exporter.wire import Connection
from policy.model import Policy
from policy.units import duration_text, seconds

# Without these there is nothing to show.
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_FIRST = (Question("ping", (("PING",),)), Question("info", (questions.INFO,)))


@dataclass(frozen=True, slots=True)
class Answer:
    """What one node said. `error` is empty when it answered, else its class and text.

    `tls` is the version, "no" on a plain connection, empty where there is none. `missing` are the ACL rights that the
    user lacks for what the exporter asks, as ACL SETUSER takes them. `certificate_ends` is the day in UTC, as 2027-01-31, empty
    where no certificate was shown. `client_certificate` is the file of the one that it is shown, and `client_certificate_ends`
    when that ends, as 2027-01-31T09:30:00Z; both empty without one.
    """

    instance: str
    shard: str
    role: str = ""
    version: str = ""
    tls: str = ""
    missing: tuple[str, ...] = ()
    error: str = ""
    certificate_ends: str = ""
    client_certificate: str = ""
    client_certificate_ends: str = ""


@dataclass(slots=True)
class _Learned:
    """What is known of a node so far."""

    target: Target
    access: Access
    tls: str = ""
    certificate_ends: str = ""
    own_certificate_ends: float | None = None
    fields: Mapping[str, str] | None = None
    missing: tuple[str, ...] = ()

    def lacks(self, rights: Iterable[str]) -> None:
        """Note rights, each once."""
        self.missing = tuple(dict.fromkeys((*self.missing, *rights)))

    def answer(self, error: str = "") -> Answer:
        fields, target = self.fields or {}, self.target
        # Valkey names the version of Redis that it is like, the same for all of its own.
        version = fields.get("valkey_version") or fields.get("redis_version", "")
        role = info.role(fields) or ""
        shown, ends = self.access.tls.cert if self.access.tls else "", self.own_certificate_ends
        own = (shown, "" if ends is None else f"{datetime.fromtimestamp(ends, UTC):{_MOMENT}}")
        return Answer(
            target.instance, target.shard, role, version, self.tls, self.missing, error, self.certificate_ends, *own
        )


def _day(ends: float | None) -> str:
    return "" if ends is None else f"{datetime.fromtimestamp(ends, UTC):%Y-%m-%d}"


async def survey(policy: Policy, environ: Mapping[str, str]) -> tuple[list[Answer], str]:
    """Ask every source and every node, each within connection and collect timeout; the answers, what sources lacked."""
    names, keys = Names(), Keyring(policy.fleet, environ)
    sources = Sources(policy, keys, names)
    await sources.refresh()
    targets = await sources.targets() or _seeds(policy, sources)
    asked = (_ask(target, keys.of(target), names, policy) for target in targets)
    return list(await asyncio.gather(*asked)), sources.problems


def shard_problems(policy: Policy, answers: Iterable[Answer]) -> Iterator[str]:
    """What is wrong with the roles in a shard that has a name, each with its cure: two primaries, or replicas alone."""
    shards: dict[str, list[Answer]] = {}
    for answer in answers:
        shards.setdefault(answer.shard, []).append(answer)
    for shard, members in sorted(shards.items()):
        primaries = [member.instance for member in members if member.role == "primary"]
        if shard and len(primaries) > 1:
            yield (
                f"shard {shard} has {len(primaries)} primaries ({', '.join(primaries)}): callers may write to either. Make one a "
                "replica (REPLICAOF), or name two shards"
            )
        elif shard not in ("", *policy.fleet.primary_elsewhere) and all(member.role == "replica" for member in members):
            named = ", ".join(member.instance for member in members)
            yield f"shard {shard} has replicas alone ({named}): add its primary, or name it in fleet.primary_elsewhere"


def certificate_warnings(policy: Policy, answers: Iterable[Answer], now: datetime) -> Iterator[str]:
    """Each client certificate that has ended or will within `alerts.certificate.before`: its file, whom it concerns, the cure."""
    files: dict[tuple[str, str], list[str]] = {}
    for answer in answers:
        if answer.client_certificate_ends:
            files.setdefault((answer.client_certificate_ends, answer.client_certificate), []).append(answer.instance)
    for (ends, file), instances in sorted(files.items()):
        left = datetime.strptime(ends, _MOMENT).replace(tzinfo=UTC) - now
        if left < policy.alerts.certificate.before:
            before = duration_text(policy.alerts.certificate.before)
            how = f"ends on {ends[:10]}, in less than {before}" if left > timedelta() else f"has ended, on {ends[:10]}"
            whom = f"{instances[0]}{f' and {len(instances) - 1} more' if instances[1:] else ''}"
            yield (
                f"the client certificate {file}, shown to {whom}, {how}: nodes refuse one that has ended. Put a new one, and its "
                "key, in its place; each new connection reads them anew"
            )


def _seeds(policy: Policy, sources: Sources) -> tuple[Target, ...]:
    """The nodes of a Cluster that the policy names, where the right to ask them for the others is what lacks: more may lack."""
    cluster, told = policy.fleet.cluster, sources.parts.get("cluster")
    if cluster is None or told is None or "NOPERM" not in told.error:
        return ()
    # Any slot will do: a right is asked for before the slot is.
    return tuple(replace(discovery_cluster.seed(address), slot=0) for address in cluster.addresses)


async def _ask(target: Target, access: Access, names: Names, policy: Policy) -> Answer:
    opening, answering = (float(seconds(time)) for time in (policy.timeouts.connection.timeout, policy.collect.timeout))
    learned, connection = _Learned(target, access), None
    try:
        learned.own_certificate_ends = access.own_certificate_ends()
        async with asyncio.timeout(opening + answering):
            connection = await Connection.dial(names, target.host, target.port, access, opening)
            learned.tls, learned.certificate_ends = connection.tls or "no", _day(connection.certificate_ends)
            await _interview(connection, policy, learned)
    except (OSError, NodeError) as error:
        failure = from_exception(error)
        return learned.answer(f"{failure.result}: {failure}")
    finally:
        if connection is not None:
            connection.close()
    return learned.answer()


async def _interview(connection: Connection, policy: Policy, learned: _Learned) -> None:
    """Ask all that the exporter would, and note what is refused. NodeError when PING or INFO is, once all rights are known."""
    replies = await _put(connection, _FIRST, learned)
    refused = [from_reply(str(reply)) for reply in replies if isinstance(reply, hiredis.ReplyError)]
    for error in refused:
        if not _is_denied(error):
            raise error
    fields = await _greeted(connection) if _is_denied(replies[1]) else info.parse(replies[1])
    learned.fields, families = fields, policy.collect.families
    asked = (*questions.cheap(fields, families), *questions.detail(fields, families))
    await _put(connection, asked, learned)
    if key := key_for(learned.target, fields, policy.probe):
        learned.lacks(await _write(connection, key, policy.probe.key))
    if refused:
        raise refused[0]


async def _greeted(connection: Connection) -> Mapping[str, str]:
    """What HELLO, which no user can be denied, tells of what stands in INFO; empty before Redis 6."""
    connection.send([("HELLO",)])
    (reply,) = await connection.replies(1)
    if not isinstance(reply, list):
        return {}
    texts = [item.decode("utf-8", "replace") if isinstance(item, bytes) else "" for item in reply]
    told = dict(zip(texts[::2], texts[1::2], strict=False))
    role = "slave" if told.get("role") == "replica" else told.get("role", "")
    return {"redis_version": told.get("version", ""), "redis_mode": told.get("mode", ""), "role": role}


def _is_denied(reply: object) -> bool:
    return isinstance(reply, hiredis.ReplyError | NodeError) and str(reply).startswith("NOPERM")


async def _write(connection: Connection, key: str, named: str) -> tuple[str, ...]:
    """SET the key as the prober would, and give the rights that lack. NodeError when the node does not take it."""
    connection.send([set_words(key)])
    (reply,) = await connection.replies(1)
    text = str(reply) if isinstance(reply, hiredis.ReplyError) else ""
    if text.startswith("NOPERM"):
        return (f"~{named}*",) if "key" in text else ("+set", f"~{named}*")
    if text and not text.startswith(("MOVED", "ASK")):
        raise NodeError(result_of_reply(text), f"{key} cannot be SET: {text}")
    return ()


async def _put(connection: Connection, asked: tuple[Question, ...], learned: _Learned) -> list[object]:
    """The replies; the rights that were lacking are noted."""
    commands = [command for question in asked for command in question.commands]
    connection.send(commands)
    replies = await connection.replies(len(commands))
    rights = (_right(question.part, command) for question in asked for command in question.commands)
    learned.lacks(_lacking(rights, replies))
    return replies


def _lacking(rights: Iterator[str], replies: list[object]) -> Iterator[str]:
    for right, reply in zip(rights, replies, strict=True):
        if _is_denied(reply):
            yield right


def _right(part: str, command: Command) -> str:
    """The one right of a part's list that is about a command: with its subcommand where the list has it so."""
    word = f"+{command[0].lower()}"
    return next((r for r in RIGHTS.get(part, "").split() if r == "|".join((word, *command[1:2])).lower()), word)
