"""One node's INFO: a kept connection, a bounded wait, the seed's retries, its breaker."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from functools import partial

from exporter import info
from exporter.failures import NodeError, from_exception
from exporter.names import Names
from exporter.state import NodeState, State
from exporter.wire import Connection, Credentials
from policy.units import seconds

log = logging.getLogger(__name__)


@dataclass
class Collector:
    """Collects from all nodes, each on its own: a node that hangs costs only itself."""

    state: State
    credentials: Credentials | None
    names: Names
    connections: dict[str, Connection] = field(default_factory=dict)
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def start_round(self) -> None:
        """Begin a collection of every node whose last one has ended."""
        self._drop_departed()
        for node in self.state.nodes.values():
            self._start(node)

    def start_new(self) -> None:
        """Begin a collection of every node that was never asked: one that joins does not wait for the next round."""
        for node in self.state.nodes.values():
            if node.collection is None:
                self._start(node)

    def _start(self, node: NodeState) -> None:
        instance = node.target.instance
        if instance not in self.running:
            task = asyncio.create_task(self._collect(node), name=f"collect {instance}")
            self.running[instance] = task
            task.add_done_callback(partial(self._ended, instance))

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

    def _drop_departed(self) -> None:
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
        ok = False
        try:
            error = await self._attempt(node)
            ok = error is None
        finally:
            node.breaker.record(time.monotonic(), ok)
        return error

    async def _attempt(self, node: NodeState) -> NodeError | None:
        began = time.monotonic()
        try:
            connection = await self._connection(node)
            async with asyncio.timeout(float(seconds(self.state.policy.collect.timeout))):
                (reply,) = await connection.ask([("INFO",)])
            fields = info.parse(reply)
        except (OSError, NodeError) as error:
            self._drop(node.target.instance)
            return from_exception(error)
        now = time.monotonic()
        self.state.collected(node.target.instance, fields, now - began, now)
        return None

    async def _connection(self, node: NodeState) -> Connection:
        """The kept connection, or a new one; when the name has moved to another address, so does the connection."""
        instance = node.target.instance
        async with asyncio.timeout(float(seconds(self.state.policy.timeouts.connection.timeout))):
            address = await self.names.resolve(node.target.host)
            if instance in self.connections and self.connections[instance].address != address:
                self._drop(instance)
            if instance not in self.connections:
                self.connections[instance] = await Connection.open(address, node.target.port, self.credentials)
        return self.connections[instance]

    def _drop(self, instance: str) -> None:
        connection = self.connections.pop(instance, None)
        if connection is not None:
            connection.close()


def _tell(instance: str, before: str | None, error: NodeError | None) -> None:
    """Log a change once, not each failure."""
    if error is not None and before != str(error):
        log.warning("%s: %s: %s", instance, error.result, error)
    elif error is None and before:
        log.info("%s: answers again", instance)
