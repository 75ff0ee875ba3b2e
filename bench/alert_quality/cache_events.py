"""What is done to servers, to the path to them and to what is in them, by the scenarios of `cache_scenarios`."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import redis

from bench.alert_quality.events import planned_failover
from bench.alert_quality.lab import Lab
from policy.objectives import counted
from sandbox.process import wait_until
from sandbox.redis_node import RedisNode
from sandbox.slow_commands import Load, burden
from sandbox.slow_path import Pace
from sandbox.traffic import Traffic

_PATIENCE = 60.0
_LIFETIME = 600.0
_CRAWLED = 82.0  # requests a second, of which a quarter hits, beside 240 of which nine of ten do: 72 % of all
_WRITTEN = 8192
_REFUSED_EACH = 0.2
_VALUES, _BATCH, _BREATH = 600_000, 100, 0.003


class Going:
    """Something that goes on in a thread of its own until it is ended. `said` names the node, `work` gets the end's event."""

    def __init__(self, said: Callable[[Lab], str], work: Callable[[Lab, threading.Event], None]) -> None:
        self._said, self._work = said, work
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, lab: Lab) -> str:
        """Start it."""
        said = self._said(lab)
        self._over.clear()
        self._thread = threading.Thread(target=self._work, args=(lab, self._over), daemon=True)
        self._thread.start()
        return said

    def end(self, _lab: Lab) -> str:
        """End it."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        return "it is over"


def _again(do: Callable[[Lab, int], None], pause: float) -> Callable[[Lab, threading.Event], None]:
    """Do it each `pause` seconds, and count from 0."""

    def work(lab: Lab, over: threading.Event) -> None:
        for number in itertools.count():
            do(lab, number)
            if over.wait(pause):
                return

    return work


def slow_scripts(busy: float, pauses: tuple[float, float]) -> Going:
    """A caller of a primary runs scripts that take so long, so far apart (seconds)."""
    return _scripts(f"runs scripts of {busy * 1000:g} ms", Load(busy, pauses), 1)


def busy_thread(answered: float) -> Going:
    """Two callers of a primary run scripts: while it answers the one, after so many seconds, the other one's is there."""
    return _scripts("has no pause between scripts", Load(answered, (0.0, 0.0)), 2)


def _scripts(what: str, load: Load, callers: int) -> Going:
    asked: list[RedisNode] = []

    def said(lab: Lab) -> str:
        asked[:] = [lab.demo.fleet.primary(lab.demo.fleet.shards[0])]
        return f"{asked[0].instance} {what}"

    def work(_lab: Lab, over: threading.Event) -> None:
        with ThreadPoolExecutor(callers) as pool:
            for _ in range(callers):
                pool.submit(burden, asked[0].port, _LIFETIME, load, over)

    return Going(said, work)


def late(pace: Pace) -> Callable[[Lab], str]:
    """What a primary answers is late."""

    def begin(lab: Lab) -> str:
        lab.path.hold_up(lab.path.primary, pace)
        return f"what {lab.path.address(lab.path.primary)} answers is late"

    return begin


def late_in_turn(*turns: tuple[Pace, float]) -> Going:
    """What a primary answers is held up for so many seconds each, one after the other and again; at the end not any more."""

    def said(lab: Lab) -> str:
        return f"what {lab.path.address(lab.path.primary)} answers is late, one way and another"

    def work(lab: Lab, over: threading.Event) -> None:
        for pace, lasts in itertools.cycle(turns):
            lab.path.hold_up(lab.path.primary, pace)
            if over.wait(lasts):
                lab.path.hold_up(lab.path.primary, Pace())
                return

    return Going(said, work)


def in_time(lab: Lab) -> str:
    """What it answers is in time again."""
    lab.path.hold_up(lab.path.primary, Pace())
    return "in time again"


class Crawler:
    """A second application asks for what mostly is not there."""

    def __init__(self) -> None:
        self._traffic: Traffic | None = None

    def begin(self, lab: Lab) -> str:
        """Start it."""
        self._traffic = Traffic(lab.demo.fleet, lab.directory / "run" / "crawler", _CRAWLED, _LIFETIME)
        self._traffic.start()
        self._traffic.set_mode("cold")
        return "a crawler asks for users who do not exist"

    def end(self, _lab: Lab) -> str:
        """End it."""
        if self._traffic is not None:
            self._traffic.stop()
        return "the crawler is gone"


def _stop(node: RedisNode, seconds: float) -> None:
    node.pause()
    time.sleep(seconds)
    node.resume()


def stalls(seconds: float, pause: float) -> Going:
    """A replica stalls for so long again and again, as on a machine that swaps."""
    return Going(
        lambda lab: f"{lab.path.address(lab.path.replicas[0])} stalls again and again",
        _again(lambda lab, _: _stop(lab.path.replicas[0], seconds), pause),
    )


def watched(lab: Lab) -> str:
    """Wait until the long burn window was watched from its first quarter on: in a new lab no page on a budget can come."""
    lab.watchers.wait_for({f"count(count_over_time({counted('4m')}[1m] offset 3m))": 1}, timeout=300.0)
    return ""


def stalls_in_turn(seconds: float, pause: float) -> Going:
    """Each server stalls in turn, none for as long as its own alerts wait."""
    return Going(
        lambda lab: watched(lab) or "every server stalls in turn",
        _again(lambda lab, number: _stop(lab.path.nodes[number % len(lab.path.nodes)], seconds), pause),
    )


def cuts(pause: float) -> Going:
    """The connections to a replica are cut again and again, as by a firewall that forgets them."""
    return Going(
        lambda lab: f"{lab.path.address(lab.path.replicas[0])} loses its connections again and again",
        _again(lambda lab, _: lab.path.cut(lab.path.replicas[0]), pause),
    )


def replica_cuts(pause: float) -> Going:
    """The replicas lose their primary again and again, and come back at once."""

    def cut(lab: Lab, _: int) -> None:
        with lab.path.primary.client() as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "replica")

    said = "the replicas of {} lose it again and again"
    return Going(lambda lab: said.format(lab.path.address(lab.path.primary)), _again(cut, pause))


def strangers(pause: float) -> Going:
    """Callers log in as a user that there is not, again and again."""

    def enter(lab: Lab, _: int) -> None:
        with lab.path.primary.client() as client, suppress(redis.AuthenticationError):
            client.execute_command("AUTH", "nobody", "old")

    return Going(
        lambda lab: f"callers of {lab.path.address(lab.path.primary)} have the wrong login", _again(enter, pause)
    )


def detach(lab: Lab) -> str:
    """Somebody tells a replica to follow nobody."""
    with lab.path.replicas[0].client() as client:
        client.execute_command("REPLICAOF", "NO", "ONE")
    return "a replica follows nobody"


def attach(lab: Lab) -> str:
    """It follows its primary again, and takes a copy."""
    lab.path.follow(lab.path.replicas[0])
    wait_until(lab.path.in_sync, _PATIENCE, "the replica to be in sync")
    return "it follows again"


def _write(lab: Lab, number: int) -> None:
    with lab.path.primary.client(timeout=5.0) as client:
        client.set(f"written:{number % 100}", "x" * _WRITTEN)


class NarrowLink:
    """More is written to a primary than the link to one of its replicas carries."""

    def __init__(self, rate: float, pause: float) -> None:
        self._rate = rate
        self._writes = Going(lambda lab: lab.path.address(lab.path.primary), _again(_write, pause))

    def begin(self, lab: Lab) -> str:
        """Narrow the link and write."""
        lab.path.hold_up_copy(lab.path.replicas[0], Pace(rate=self._rate))
        return f"{self._writes.begin(lab)} is written to, and the link of a replica is too narrow"

    def end(self, lab: Lab) -> str:
        """Write no more, and widen the link."""
        self._writes.end(lab)
        lab.path.hold_up_copy(lab.path.replicas[0], Pace())
        wait_until(lab.path.in_sync, _PATIENCE, "the replica to have all")
        return "the link carries all"


def left_behind() -> Going:
    """A shard is failed over, and a caller goes on writing to the node that was its primary: each write is refused."""
    old: list[RedisNode] = []

    def said(lab: Lab) -> str:
        old[:] = [lab.demo.fleet.primary(lab.demo.fleet.shards[0])]
        planned_failover(lab)
        return f"{old[0].instance} is a replica now, and a caller goes on writing to it"

    def write(_lab: Lab, number: int) -> None:
        with old[0].client() as client, suppress(redis.ReadOnlyError):
            client.set("written", number)

    return Going(said, _again(write, _REFUSED_EACH))


def smaller(lab: Lab) -> str:
    """Somebody gives a replica less memory than its primary has."""
    _resize(lab, "300mb")
    return "a replica has less memory than its primary"


def as_large(lab: Lab) -> str:
    """It gets what the others have."""
    _resize(lab, "600mb")
    return "it has as much"


def _resize(lab: Lab, maxmemory: str) -> None:
    with lab.path.replicas[0].client() as client:
        client.config_set("maxmemory", maxmemory)


def fragment(lab: Lab) -> str:
    """Write many values and delete two of three: the allocator keeps the pages on which one is left. Not too fast to be quick."""
    primary, chance = lab.path.primary, random.Random(1)  # noqa: S311  # sizes, not a secret
    with primary.client(timeout=10.0) as client:
        for first in range(0, _VALUES, _BATCH):
            with client.pipeline(transaction=False) as batch:
                for number in range(first, first + _BATCH):
                    batch.set(f"small:{number}", "x" * chance.randint(350, 700))
                batch.execute()
            time.sleep(_BREATH)
        for first in range(0, _VALUES, _BATCH):
            client.unlink(*(f"small:{number}" for number in range(first, first + _BATCH) if number % 3))
            time.sleep(_BREATH)
    return f"{', '.join(map(lab.path.address, lab.path.nodes))} are fragmented"


def defragment(lab: Lab) -> str:
    """Empty them."""
    with lab.path.primary.client(timeout=10.0) as client:
        client.flushall(asynchronous=True)
    for node in lab.path.nodes:
        with node.client(timeout=10.0) as client:
            client.execute_command("MEMORY", "PURGE")
    return "the values are deleted and the pages given back"
