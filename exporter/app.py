"""The exporter put together: discovery, collection, probes, HTTP, on one schedule."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial

from exporter import descriptors, garbage
from exporter.board.board import Board
from exporter.board.meters import tick
from exporter.board.pages import Pages as BoardPages
from exporter.collector import Collector
from exporter.connections import Guard, Patience
from exporter.failovers import Failovers
from exporter.health.judge import Judge
from exporter.health.pages import Pages
from exporter.heirs import heirs
from exporter.http import Doors, application
from exporter.keyring import Keyring
from exporter.names import Names
from exporter.own_metrics import OwnMetrics
from exporter.probe_link import ProbeLink
from exporter.renewal import Renewals
from exporter.schedule import Schedule
from exporter.scrape import Scraper
from exporter.sources import Sources
from exporter.state import Collection, State
from policy.fleet import POLICY_PART, join_address
from policy.key_files import SecretError
from policy.model import Policy

log = logging.getLogger(__name__)
_JUDGED_EACH = timedelta(seconds=1)


class PolicyRefused(Exception):
    """A policy that cannot be taken; the text has its problems, one a line."""


class Exporter:
    """Everything that runs in `cachewatch serve`."""

    def __init__(self, policy: Policy, environ: Mapping[str, str]) -> None:
        self.policy = policy
        self._environ = environ
        self.state = State(policy)
        self.keys = Keyring(policy.fleet, environ)
        self.names = Names()
        self.sources = Sources(policy, self.keys, self.names)
        self.collector = Collector(self.state, self.keys, self.names)
        self.renewals = Renewals(self.state, self.collector)
        self.link = ProbeLink(self.state, self.keys, self.names, self.collector.start)
        self.scraper = Scraper(self.state, self.collector, self.names)
        self.own = OwnMetrics(lambda: self.link.restarts)
        self.schedule = Schedule()
        self.judge = Judge(self.state)
        self.failovers = Failovers(self.state)
        self.fallen: set[str] = set()
        self._all_asked = False
        self.board = Board(self.state)
        self._reload: dict[str, Collection] = {}

    def discovered(self) -> bool:
        """Whether all that names nodes was asked, so that nothing is still to come of its own."""
        return self.sources.heard and bool(self.state.nodes)

    def whole(self) -> bool:
        """Whether all that names nodes has answered at some time, so that what is known is the whole fleet."""
        return self.discovered() and not self.sources.unheard

    def ready(self) -> bool:
        """Whether all that names nodes and every node was asked once. A node that joins later does not take it back."""
        asked = all(node.collection is not None for node in self.state.nodes.values())
        self._all_asked |= self.discovered() and (asked or not self.policy.collect.background)
        return self._all_asked

    def unready(self) -> str:
        """Why it is not ready, empty when it is."""
        if self.ready():
            return ""
        return "not every node was asked yet" if self.discovered() else "not all that names nodes was asked yet"

    async def refresh(self) -> None:
        """Ask who belongs to the fleet, and watch what is named; listed nodes do not wait for the first answers."""
        sources = self.sources
        if not sources.asked or not self.state.nodes:
            await self._watch()
        if sources.asked:
            await sources.refresh()
            await self._watch()

    async def _watch(self) -> None:
        """Watch the nodes that are listed or found."""
        sources = self.sources
        self.state.parts, self.state.unheard = {**sources.parts, **self._reload}, frozenset(sources.unheard)
        self.state.quorum, self.state.sentinels = sources.quorum, sources.sentinels
        targets = await sources.targets()
        if sources is not self.sources:
            return  # another policy came meanwhile, and has seen to its own nodes
        _tell_changes(set(self.state.nodes), {target.instance for target in targets})
        self.state.retarget(targets)
        background = self.policy.collect.background
        self.link.retarget(targets if background else ())
        self.collector.drop_departed()
        if background:
            await self.collector.start_new()

    async def collect(self) -> None:
        """Begin a round; each node ends on its own time."""
        if self.policy.collect.background:
            await self.collector.start_round()

    async def reload(self, load: Callable[[], Policy]) -> str:
        """Take the policy that `load` gives. Its problems, one a line, when it is refused: the old one goes on then."""
        began, problems = time.monotonic(), ""
        try:
            policy = load()
            keys = Keyring(policy.fleet, self._environ)
        except (PolicyRefused, SecretError) as refused:
            problems = str(refused)
            for problem in problems.splitlines():
                log.error("the policy is refused, the old one goes on: %s", problem)
        else:
            self._adopt(policy, keys)
            log.info("the policy was read again")
        self._reload = {POLICY_PART: Collection(time.monotonic() - began, problems)}
        await self._watch()
        return problems

    def _adopt(self, policy: Policy, keys: Keyring) -> None:
        """All at once, so that nobody sees half of one policy and half of another."""
        self.policy, self.keys = policy, keys
        self.state.adopt(policy, time.monotonic())
        self.sources = Sources(policy, keys, self.names, self.sources)
        self.collector.enter_with(keys)
        self.link.keys = keys
        self._plan()

    def _plan(self) -> None:
        """Run by the policy's intervals, from now on."""
        fleet, interval = self.policy.fleet, self.policy.collect.interval
        refreshes = [source.refresh for source in (fleet.sentinel, fleet.cluster) if source is not None]
        self.schedule.every(min(refreshes, default=interval), self.refresh, name="refresh", first_now=True)
        self.schedule.every(interval, self.collect, name="collect")
        self.schedule.every(_JUDGED_EACH, self._judge, name="judge")
        self.schedule.every(timedelta(seconds=tick(self.policy)), self.board.tick, name="board")

    async def _judge(self) -> None:
        now = time.monotonic()
        self.state.forget_bounds(now)
        self.judge.look(now)
        self.renewals.look(now)
        if self.policy.collect.background:
            self.failovers.look(now)
            for node in heirs(self.state.nodes.values(), now):
                self.collector.start(node)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Discover, probe and collect until the block ends."""
        self._plan()
        self.schedule.every(garbage.EACH, garbage.search, name="garbage")
        self.own.watch(self.schedule.scheduler)
        prober = asyncio.create_task(self.link.run(), name="prober")
        clock = self.schedule.start()
        for task in (prober, clock):
            task.add_done_callback(self._tell_end)
        try:
            yield
        finally:
            self.schedule.stop()
            for task in (prober, clock):
                task.cancel()
            await asyncio.gather(prober, clock, return_exceptions=True)
            await self.renewals.close()
            await self.collector.close()

    def _tell_end(self, task: asyncio.Task[None]) -> None:
        """A task that should run for ever and fell over must not do so in silence."""
        if not task.cancelled() and task.exception() is not None:
            self.fallen.add(task.get_name())
            log.error("%s stopped working; start the exporter again", task.get_name(), exc_info=task.exception())

    def doors(self, load: Callable[[], Policy]) -> Doors:
        """What stands behind the endpoints."""
        health = Pages(self.judge, self.unready, lambda: self.fallen, self._environ)
        reload = partial(self.reload, load)
        return Doors(self.state, self.whole, self.ready, self.own.text, self.scraper.page, reload, health)


async def serve_until_stopped(
    policy: Policy, listen: tuple[str, int], environ: Mapping[str, str], load: Callable[[], Policy]
) -> None:
    """Serve until SIGINT or SIGTERM; SIGHUP and `/-/reload` take the policy that `load` gives, or refuse it.

    `load` raises PolicyRefused. CannotListen when the address cannot be had.
    """
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    exporter, guard = Exporter(policy, environ), Guard()
    doors = exporter.doors(load)
    loop.add_signal_handler(signal.SIGHUP, _begin, doors.reload, set())
    site = application(doors, guard.middleware())
    BoardPages(exporter.board).add_to(site)
    runner = guard.runner(site)
    await runner.setup()
    try:
        async with guard.listening(runner, *listen), exporter.running():
            log.info("serving on http://%s/metrics", join_address(*listen))
            await stop.wait()
    finally:
        await runner.cleanup()


def _begin(reload: Callable[[], Awaitable[str]], under_way: set[asyncio.Future[str]]) -> None:
    """Reload beside everything else; the loop itself would let go of a task that nobody holds."""
    task = asyncio.ensure_future(reload())
    under_way.add(task)
    task.add_done_callback(under_way.discard)


def _tell_changes(before: set[str], after: set[str]) -> None:
    for instance in sorted(after - before):
        log.info("watching %s", instance)
    for instance in sorted(before - after):
        log.info("no longer watching %s", instance)
    if after - before:
        descriptors.warn_unless_enough(len(after), Patience().most)
