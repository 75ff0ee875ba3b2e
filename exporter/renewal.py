"""A new connection to each node now and then, beside the kept one: that nobody new comes in is told while the kept ones go on.

A certificate that expires, a password or a rule of a firewall that is changed ends no connection that is open: callers' new
ones fail, and neither the collector nor the prober would meet it before their next one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from zlib import crc32

import hiredis

from exporter.collector import Collector
from exporter.failures import NodeError, from_exception, from_reply, result_of_reply
from exporter.state import Collection, NodeState, State
from exporter.wire import Connection
from policy.units import seconds

log = logging.getLogger(__name__)
# So many at a time; the others of a second have their turn in the next one.
_AT_ONCE = 16
# A PING that is answered by any other error came from within: the node loads, a script runs, a save failed.
_KEPT_OUT = ("auth", "refused")
# Of these callers CacheRejectedConnections speaks. Over TLS a full node hangs up without a word: that is told as any failure is.
_FULL = "ERR max number of clients"


@dataclass
class Renewals:
    """Enters each node anew once in `collect.connect_interval`, at a moment of its own: a fleet is spread over the interval.

    The new connection is closed again; the kept one stays whatever comes of it. Nodes without one are left to the collector.
    """

    state: State
    collector: Collector
    clock: Callable[[], float] = time.monotonic
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _due: dict[str, float] = field(default_factory=dict)
    _interval: float = 0.0

    def look(self, now: float) -> None:
        """Begin with those whose turn it is; `now` is monotonic seconds."""
        interval = float(seconds(self.state.policy.collect.connect_interval))
        if interval != self._interval:
            self._interval, self._due = interval, {}
        for departed in self._due.keys() - self.state.nodes.keys():
            del self._due[departed]
        for instance, node in self.state.nodes.items():
            if now >= self._due.setdefault(instance, self._next(instance, now)) and len(self.running) < _AT_ONCE:
                self._due[instance] = self._next(instance, now)
                self._start(node)

    def _next(self, instance: str, now: float) -> float:
        """A node's next turn: at the same place of each interval, however often it was entered in between."""
        return now + self._interval - (now - _place(instance) * self._interval) % self._interval

    def _start(self, node: NodeState) -> None:
        instance = node.target.instance
        kept = self.collector.connections.get(instance)
        if kept is None or kept.ended or instance in self.running:
            return
        task = self.running[instance] = asyncio.create_task(self._renew(node, kept), name=f"enter {instance}")
        task.add_done_callback(partial(self._ended, instance))

    async def _renew(self, node: NodeState, kept: Connection) -> None:
        instance, began, error, ends = node.target.instance, self.clock(), "", None
        try:
            ends = await self._enter(node, kept.address)
        except (OSError, NodeError) as raised:
            failure = from_exception(raised)
            error = f"{failure.result}: {failure}"
            if str(failure).startswith(_FULL):
                return
        if kept.ended or self.collector.connections.get(instance) is not kept:
            return  # the node or its policy is another one meanwhile: the collector's own next connection tells how it is entered
        now = self.clock()
        self.collector.entered(node, Collection(now - began, error), ends)
        if error:
            again = float(seconds(self.state.policy.collect.connect_again))
            self._due[instance] = min(self._due.get(instance, now), now + again)

    async def _enter(self, node: NodeState, address: str) -> float | None:
        """Connect and be answered; when the server's certificate ends.

        That it wants another certificate of us, or a password, is told with the answer only.
        """
        patience, access = float(seconds(self.state.policy.timeouts.connection.timeout)), self.collector.access(node)
        async with asyncio.timeout(patience + self.state.patience):
            connection = await Connection.open(address, node.target.port, access, patience)
            try:
                connection.send([("PING",)])
                (reply,) = await connection.replies(1)
                ends = connection.certificate_ends
            finally:
                connection.close()
        if isinstance(reply, hiredis.ReplyError) and result_of_reply(str(reply)) in _KEPT_OUT:
            raise from_reply(str(reply))
        return ends

    def _ended(self, instance: str, task: asyncio.Task[None]) -> None:
        self.running.pop(instance, None)
        if not task.cancelled() and task.exception() is not None:
            log.error("%s: a new connection failed", instance, exc_info=task.exception())

    async def close(self) -> None:
        """End what runs."""
        tasks = list(self.running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@lru_cache(maxsize=1 << 12)
def _place(instance: str) -> float:
    """Where in each interval a node's turn is, between 0 and 1."""
    return crc32(instance.encode()) / (1 << 32)
