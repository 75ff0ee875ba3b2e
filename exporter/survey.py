"""Ask every node once: what `cachewatch check --connect` shows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from exporter import info
from exporter.app import NAME_PATIENCE, credentials
from exporter.discovery import Found, SentinelUnreachable, discover
from exporter.failures import NodeError, from_exception
from exporter.names import Names
from exporter.targets import Target, merge, static_targets
from exporter.wire import Connection, Credentials
from policy.model import Policy
from policy.units import seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """What one node said. `error` is empty when it answered, else its class and text."""

    instance: str
    shard: str
    role: str = ""
    version: str = ""
    error: str = ""


async def survey(policy: Policy, environ: Mapping[str, str]) -> tuple[list[Answer], str]:
    """Ask Sentinel and every node, each within connection and collect timeout; the answers and Sentinel's failure."""
    names, found, failure = Names(), Found({}), ""
    if policy.fleet.sentinel is not None:
        try:
            login = credentials(policy.fleet.sentinel.auth, environ)
            found = await discover(policy.fleet.sentinel, login, float(seconds(policy.collect.timeout)), names)
            failure = found.problem
        except SentinelUnreachable as error:
            failure = str(error)
    login = credentials(policy.fleet.auth, environ)
    listed = static_targets(policy.fleet)
    await names.refresh((target.host for target in listed), NAME_PATIENCE)
    targets = merge(listed, found.targets, names.address)
    patience = float(seconds(policy.timeouts.connection.timeout + policy.collect.timeout))
    return list(await asyncio.gather(*(_ask(target, names, login, patience) for target in targets))), failure


async def _ask(target: Target, names: Names, login: Credentials | None, patience: float) -> Answer:
    connection = None
    try:
        async with asyncio.timeout(patience):
            connection = await Connection.open(await names.resolve(target.host), target.port, login)
            _, reply = await connection.ask([("PING",), ("INFO",)])
        fields = info.parse(reply)
    except (OSError, NodeError) as error:
        failure = from_exception(error)
        return Answer(target.instance, target.shard, error=f"{failure.result}: {failure}")
    finally:
        if connection is not None:
            connection.close()
    return Answer(target.instance, target.shard, info.role(fields) or "", fields["redis_version"])
