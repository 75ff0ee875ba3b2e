"""`/scrape?target=`: one node, asked now, as redis_exporter's endpoint of that name answers."""

from __future__ import annotations

import asyncio
import ipaddress
import math
import time
from dataclasses import replace

from exporter import samples
from exporter.collector import Collector
from exporter.exposition import render
from exporter.names import Names
from exporter.state import Collection, NodeState, State
from exporter.targets import Target
from policy.fleet import REDIS_PORT, join_address, split_address, without_database

# Prometheus' own scrape timeout, for who does not send it.
DEFAULT_PATIENCE = 10.0
# Of the scrape timeout: what the way back and the page itself may take. At least a fifth of a short one is kept for it.
_MARGIN = 0.5
# Connections to nodes that are not of the fleet: each lives as long as its scrape.
_VISITS = 32


class BadTarget(ValueError):
    """What was asked for is no target; the text says how one is written."""


class Forbidden(Exception):
    """A target that is none of ours."""


class Busy(Exception):
    """More scrapes than can be answered in time."""


def patience(header: str | None) -> float:
    """Seconds in which to answer, by X-Prometheus-Scrape-Timeout-Seconds; a header that is no time counts as none."""
    try:
        allowed = float(header or "nan")
    except ValueError:
        allowed = math.nan
    if not (math.isfinite(allowed) and allowed > 0):
        allowed = DEFAULT_PATIENCE
    return allowed - min(_MARGIN, allowed / 5)


def parse(text: str) -> tuple[str, int]:
    """Host and port of `host:port`, `redis://host:port` or `rediss://host:port`. BadTarget, which repeats no password."""
    scheme, found, address = text.rpartition("://")
    if found and scheme not in ("redis", "rediss"):
        raise BadTarget("the target must be host:port, redis://host:port or rediss://host:port")
    try:
        return split_address(without_database(address).rstrip("/"), REDIS_PORT)
    except ValueError as error:
        raise BadTarget(f"the target {error}" if "credentials" in str(error) else str(error)) from None


class Scraper:
    """Asks one node when somebody wants it: those of the fleet over the connection that is kept anyway."""

    def __init__(self, state: State, collector: Collector, names: Names) -> None:
        self._state, self._collector, self._names = state, collector, names
        self._visits = asyncio.Semaphore(_VISITS)

    async def page(self, text: str, seconds: float) -> bytes:
        """The page of a target within `seconds`, `redis_up` 0 on it when the node did not answer. BadTarget, Forbidden, Busy."""
        until = time.monotonic() + seconds
        node = self._state.nodes.get(text) or self._of_fleet(*parse(text))
        if node is not None:
            self._check_tls(text, node)
            if not self._state.policy.collect.background:  # nobody else would see that it answers again
                node.breaker.retry_now(time.monotonic())
            return self._rendered(await _live(self._collector, node, until))
        return await self._visit(self._allowed(text), until)

    def _of_fleet(self, host: str, port: int) -> NodeState | None:
        """The node of that name, or at that address under another name."""
        node = self._state.nodes.get(join_address(host, port))
        address = self._names.address(host)
        if node is not None or address is None:
            return node
        return next((n for n in self._state.nodes.values() if self._place(n.target) == (address, port)), None)

    def _place(self, target: Target) -> tuple[str | None, int]:
        return self._names.address(target.host), target.port

    def _check_tls(self, text: str, node: NodeState) -> None:
        """Forbidden where TLS is asked for and the policy has none: the answer, and a login, would be in clear text."""
        keys = self._collector.keys
        if text.startswith("rediss://") and (keys is None or keys.of(node.target).tls is None):
            raise Forbidden(f"of {node.target.instance} the policy knows no TLS; write it there as rediss://, or tls")

    def _allowed(self, text: str) -> Target:
        """A node of the allowed networks. Addresses only: whoever answers for a name could lead us anywhere."""
        host, port = parse(text)
        instance = join_address(host, port)
        try:
            allowed = self._state.policy.collect.allows(ipaddress.ip_address(host))
        except ValueError:
            raise Forbidden(
                f"{instance} is not of the fleet; collect.allowed_targets admits addresses, not names"
            ) from None
        if not allowed:
            raise Forbidden(f"{instance} is neither of the fleet nor in collect.allowed_targets")
        if text.startswith("rediss://"):
            raise Forbidden(
                f"{instance} is not of the fleet, and only of its nodes TLS is known; list it in the policy"
            )
        return Target.at(host, port, "")

    async def _visit(self, target: Target, until: float) -> bytes:
        """Ask a stranger, without any login: those that we have were given for others."""
        try:
            async with asyncio.timeout(until - time.monotonic()):
                await self._visits.acquire()
        except TimeoutError:
            raise Busy(f"{_VISITS} other scrapes of allowed targets have not ended") from None
        state = State(self._state.policy)
        state.retarget([target])
        collector = Collector(state, None, self._names)
        try:
            return self._rendered(await _live(collector, state.nodes[target.instance], until))
        finally:
            self._visits.release()
            await collector.close()

    def _rendered(self, node: NodeState) -> bytes:
        """The page of a node without our labels: by relabelling Prometheus gives its own, and ours would be in their way."""
        return render(samples.of_node(self._state, node, time.monotonic()))


async def _live(collector: Collector, node: NodeState, until: float) -> NodeState:
    """Collect now, or wait for the collection that runs, and for another when that had its facts before we came.

    Gives the node as it was found: without facts when it did not answer.
    """
    began = time.monotonic()
    while True:
        joined = node.target.instance in collector.running
        task = collector.start(node)
        await asyncio.wait({task}, timeout=until - time.monotonic())
        if node.facts is not None and node.facts.at >= began:
            return node
        if not joined or not task.done():
            silence = node.collection.error if node.collection and node.collection.error else "no answer in time"
            return replace(node, facts=None, detail=None, collection=Collection(time.monotonic() - began, silence))
        await asyncio.sleep(0)  # one that has just ended is listed until the loop turns
