"""One node's INFO: a kept connection, a bounded wait, the seed's retries, its breaker."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from exporter.access import Access
from exporter.failures import NodeError, from_exception
from exporter.families.facts import Collection
from exporter.keyring import Keyring
from exporter.names import Names
from exporter.round import Round
from exporter.state import NodeState, State
from exporter.wire import Connection
from policy.units import seconds

log = logging.getLogger(__name__)

# So many collections begin at a time, so many seconds apart: the answers of a whole fleet at once would have to be in
# memory together, and keep whoever reads a page waiting. 500 nodes have all been asked after 0.2 s.
_AT_ONCE, _PAUSE = 16, 0.005


@dataclass
class Collector:
    """Collects from all nodes, each on its own: a node that hangs costs only itself."""

    state: State
    keys: Keyring | None
    names: Names
    connections: dict[str, Connection] = field(default_factory=dict)
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def start_round(self) -> None:
        """Begin a collection of every node whose last one has ended."""
        self.drop_departed()
        await self._start(list(self.state.nodes.values()))

    async def start_new(self) -> None:
        """Begin a collection of every node that was never asked: one that joins does not wait for the next round."""
        await self._start([node for node in self.state.nodes.values() if node.collection is None])

    async def _start(self, nodes: Sequence[NodeState]) -> None:
        """Some at a time, whether the ones before have answered or not; one that left meanwhile is left out."""
        for at in range(0, len(nodes), _AT_ONCE):
            if at:
                await asyncio.sleep(_PAUSE)
            for node in nodes[at : at + _AT_ONCE]:
                if self.state.nodes.get(node.target.instance) is node:
                    self.start(node)

    def start(self, node: NodeState) -> asyncio.Task[None]:
        """Begin a collection of one node, or give the one that runs."""
        instance = node.target.instance
        task = self.running.get(instance)
        if task is None:
            task = self.running[instance] = asyncio.create_task(self._collect(node), name=f"collect {instance}")
            task.add_done_callback(partial(self._ended, instance))
        return task

    def enter_with(self, keys: Keyring) -> None:
        """Use other keys from now on; the connections that they would have made otherwise are made anew."""
        before, self.keys = self.keys, keys
        for instance in list(self.connections):
            node = self.state.nodes.get(instance)
            if node is None or before is None or before.of(node.target) != keys.of(node.target):
                self._drop(instance)

    async def close(self) -> None:
        """End what runs and drop every connection."""
        for task in list(self.running.values()):
            task.cancel()
        await asyncio.gather(*self.running.values(), return_exceptions=True)
        for connection in self.connections.values():
            connection.close()
        self.connections.clear()

    def _ended(self, instance: str, task: asyncio.Task[None]) -> None:
        self.running.pop(instance, None)
        if not task.cancelled() and task.exception() is not None:
            log.error("%s: collection failed", instance, exc_info=task.exception())

    def drop_departed(self) -> None:
        """Close the connections to nodes that are watched no more."""
        for instance in set(self.connections) - set(self.state.nodes):
            self.connections.pop(instance).close()

    async def _collect(self, node: NodeState) -> None:
        """Try as often as the policy and the breaker allow."""
        instance, retry = node.target.instance, self.state.policy.timeouts.connection
        began = time.monotonic()
        for attempt in range(1 + retry.retries):
            if attempt:
                await asyncio.sleep(float(seconds(retry.backoff)))
            if not node.breaker.allows(time.monotonic()):
                break
            before = node.collection.error if node.collection else None
            error = await self._counted(node)
            _tell(instance, before, error)
            if error is None:
                return
            self.state.failed(instance, str(error), time.monotonic() - began)

    async def _counted(self, node: NodeState) -> NodeError | None:
        """One attempt, told to the breaker however it ends: it would wait for ever for a trial that nobody ended."""
        began, ok = time.monotonic(), False
        try:
            error = await self._attempt(node)
            ok = error is None
        finally:
            now = time.monotonic()
            node.breaker.record(now, ok, now - began)
        return error

    async def _attempt(self, node: NodeState) -> NodeError | None:
        began, instance = time.monotonic(), node.target.instance
        try:
            connection = self._kept(node) or await self._connect(node)
            known = self.state.fresh_facts(node, began)
            asked = Round(
                connection, self.state.policy.collect, known.fields if known else None, self._detail_due(node, began)
            )
            async with asyncio.timeout(self.state.patience):
                fields, extra = await asked.cheap()
        except (OSError, NodeError) as error:
            self._drop(instance)
            return from_exception(error)
        _tell_parts(instance, node.facts.extra.parts if node.facts else {}, extra.parts)
        now = time.monotonic()
        self.state.collected(instance, fields, now - began, now, extra)
        if node.detail is None and not asked.due:  # it is another process than the one that the details were of
            asked.ask_detail(fields)
        if asked.due:
            await self._detail(node, asked)
        return None

    async def _detail(self, node: NodeState, asked: Round) -> None:
        """Take what is asked less often. However it ends, the node has answered: INFO is in."""
        now, instance = time.monotonic(), node.target.instance
        try:
            async with asyncio.timeout(self.state.patience):
                detail = await asked.detail(now)
        except (OSError, NodeError) as error:
            self._drop(instance)
            detail = asked.lost(from_exception(error), now)
        _tell_parts(instance, node.detail.parts if node.detail else {}, detail.parts)
        self.state.detailed(instance, detail)

    def _detail_due(self, node: NodeState, now: float) -> bool:
        """Whether a detail interval has passed; half an interval early is better than one late."""
        return node.detail is None or now - node.detail.at >= self.state.detail_pause

    def _kept(self, node: NodeState) -> Connection | None:
        """The connection of last time; none when it has ended, its name has another address, or TLS is asked for otherwise."""
        kept = self.connections.get(node.target.instance)
        if kept is None or kept.ended or kept.address != self.names.address(node.target.host):
            return None
        return kept if kept.asked_for_tls == node.target.tls else None

    async def _connect(self, node: NodeState) -> Connection:
        instance, began = node.target.instance, time.monotonic()
        self._drop(instance)
        patience, target = float(seconds(self.state.policy.timeouts.connection.timeout)), node.target
        access = self.access(node)
        async with asyncio.timeout(patience):
            connection = await Connection.dial(self.names, target.host, target.port, access, patience)
        if self.keys and self.keys.of(target) != access:
            connection.close()
            raise ConnectionResetError  # another policy came meanwhile; the next attempt enters as it says
        connection.asked_for_tls = target.tls
        self.connections[instance] = connection
        self.entered(node, Collection(time.monotonic() - began), connection.certificate_ends)
        return connection

    def access(self, node: NodeState) -> Access | None:
        """How a node is entered now; the end of the client certificate for that is noted, for one that has ended is refused."""
        access: Access | None = self.keys.of(node.target) if self.keys else None
        node.own_certificate_ends = None if access is None else access.own_certificate_ends()
        return access

    def entered(self, node: NodeState, how: Collection, certificate_ends: float | None) -> None:
        """Note how a new connection ended and, unless it failed, the server's certificate; logged once, not each time."""
        before, node.connect = node.connect.error if node.connect else "", how
        if how.error and how.error != before:
            log.warning("%s: no new connection comes in, what is open goes on: %s", node.target.instance, how.error)
        elif before and not how.error:
            log.info("%s: new connections come in again", node.target.instance)
        if not how.error:
            node.certificate_ends = certificate_ends

    def _drop(self, instance: str) -> None:
        connection = self.connections.pop(instance, None)
        if connection is not None:
            connection.close()


def _tell_parts(instance: str, before: Mapping[str, Collection], now: Mapping[str, Collection]) -> None:
    """Log once that a part cannot be read, and once that it can again."""
    for part, how in now.items():
        was = before[part].error if part in before else ""
        if how.error and how.error != was:
            log.warning("%s: the part %s cannot be collected: %s", instance, part, how.error)
        elif was and not how.error:
            log.info("%s: the part %s is collected again", instance, part)


def _tell(instance: str, before: str | None, error: NodeError | None) -> None:
    """Log a change once, not each failure."""
    if error is not None and before != str(error):
        log.warning("%s: %s: %s", instance, error.result, error)
    elif error is None and before:
        log.info("%s: answers again", instance)
