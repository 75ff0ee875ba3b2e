"""The exporter put together: discovery, collection, probes, HTTP, on one schedule."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import signal
import time
from collections.abc import AsyncIterator, Mapping

from aiohttp import web

from exporter.collector import Collector
from exporter.discovery import SentinelUnreachable, discover
from exporter.http import application
from exporter.names import Names
from exporter.own_metrics import OwnMetrics
from exporter.probe_link import ProbeLink
from exporter.schedule import Schedule
from exporter.state import Collection, State
from exporter.targets import Target, merge, static_targets
from exporter.wire import Credentials
from policy.fleet import Auth, Sentinel, join_address
from policy.model import Policy
from policy.secret_files import password
from policy.units import seconds

log = logging.getLogger(__name__)
# Seconds that a refresh waits for name servers; what they say later is taken by the next one.
NAME_PATIENCE = 1.0


class CannotListen(Exception):
    """The address to serve on cannot be had; the text says why and what to do."""


class Exporter:
    """Everything that runs in `cachewatch serve`."""

    def __init__(self, policy: Policy, environ: Mapping[str, str]) -> None:
        self.policy = policy
        self.state = State(policy)
        node_login = credentials(policy.fleet.auth, environ)
        self._sentinel_login = credentials(policy.fleet.sentinel.auth if policy.fleet.sentinel else None, environ)
        self._found: dict[str, Target] = {}
        self.names = Names()
        self.collector = Collector(self.state, node_login, self.names)
        self.link = ProbeLink(self.state, node_login, self.names)
        self.own = OwnMetrics(lambda: self.link.restarts)
        self.schedule = Schedule()

    def ready(self) -> bool:
        """Whether Sentinel and every node were asked once."""
        nodes, discovered = self.state.nodes.values(), not self.policy.fleet.sentinel or "sentinel" in self.state.parts
        return discovered and bool(nodes) and all(node.collection is not None for node in nodes)

    async def refresh(self) -> None:
        """Ask Sentinel, if there is one, and watch what it names; listed nodes do not wait for its first answer."""
        sentinel = self.policy.fleet.sentinel
        if sentinel is None or not self.state.nodes:
            await self._watch()
        if sentinel is not None:
            await self._discover(sentinel)
            await self._watch()

    async def _discover(self, sentinel: Sentinel) -> None:
        """Take Sentinel's answer; of shards that it does not know, and when it is silent, the last one stays."""
        began = time.monotonic()
        try:
            patience = float(seconds(self.policy.collect.timeout))
            found = await discover(sentinel, self._sentinel_login, patience, self.names)
        except SentinelUnreachable as unreachable:
            error = str(unreachable)
        else:
            error = found.problem
            kept = {i: target for i, target in self._found.items() if target.shard in found.missing}
            self._found = {**kept, **found.targets}
        if error and error != getattr(self.state.parts.get("sentinel"), "error", None):
            log.warning("%s", error)
        self.state.parts["sentinel"] = Collection(time.monotonic() - began, error)

    async def _watch(self) -> None:
        """Look names up and watch the nodes that are listed or found."""
        listed = static_targets(self.policy.fleet)
        await self.names.refresh((target.host for target in (*listed, *self._found.values())), NAME_PATIENCE)
        targets = merge(listed, self._found, self.names.address)
        _tell_changes(set(self.state.nodes), {target.instance for target in targets})
        self.state.retarget(targets)
        self.link.retarget(targets)
        self.collector.start_new()

    async def collect(self) -> None:
        """Begin a round; each node ends on its own time."""
        self.collector.start_round()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Discover, probe and collect until the block ends."""
        sentinel, interval = self.policy.fleet.sentinel, self.policy.collect.interval
        self.schedule.every(sentinel.refresh if sentinel else interval, self.refresh, first_now=True)
        self.schedule.every(interval, self.collect)
        self.own.watch(self.schedule.scheduler)
        prober = asyncio.create_task(self.link.run(), name="prober")
        clock = self.schedule.start()
        for task in (prober, clock):
            task.add_done_callback(_tell_end)
        try:
            yield
        finally:
            self.schedule.stop()
            for task in (prober, clock):
                task.cancel()
            await asyncio.gather(prober, clock, return_exceptions=True)
            await self.collector.close()


async def serve_until_stopped(policy: Policy, listen: tuple[str, int], environ: Mapping[str, str]) -> None:
    """Serve until SIGINT or SIGTERM. CannotListen when the address cannot be had."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    exporter = Exporter(policy, environ)
    runner = web.AppRunner(
        application(exporter.state, exporter.ready, exporter.own.text), access_log=None, shutdown_timeout=1.0
    )
    await runner.setup()
    try:
        await _listen(runner, listen)
        async with exporter.running():
            log.info("serving on http://%s/metrics", join_address(*listen))
            await stop.wait()
    finally:
        await runner.cleanup()


def _tell_changes(before: set[str], after: set[str]) -> None:
    for instance in sorted(after - before):
        log.info("watching %s", instance)
    for instance in sorted(before - after):
        log.info("no longer watching %s", instance)


def _tell_end(task: asyncio.Task[None]) -> None:
    """A task that should run for ever and fell over must not do so in silence."""
    if not task.cancelled() and task.exception() is not None:
        log.error("%s stopped working; start the exporter again", task.get_name(), exc_info=task.exception())


async def _listen(runner: web.AppRunner, listen: tuple[str, int]) -> None:
    try:
        await web.TCPSite(runner, *listen).start()
    except OSError as error:
        reason = "the port is in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
        address = join_address(*listen)
        raise CannotListen(f"cannot listen on {address}: {reason}; name another address with --listen") from error


def credentials(auth: Auth | None, environ: Mapping[str, str]) -> Credentials | None:
    """The login that the policy names, its password read now; SecretError when it cannot be."""
    return None if auth is None else Credentials(auth.username, password(auth, environ))
