"""What happens to the servers and to the list of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from threading import Event

import redis

from sandbox import web
from sandbox.errors import SandboxError
from sandbox.files import write_atomic
from sandbox.prometheus import WebChild
from sandbox.redis_node import RedisNode

ADDRESSES = tuple(f"127.0.0.{last}" for last in range(1, 17))
"""All of them a server's: a node under another one is a node that nobody saw before."""
_ERRORS = ("WRONGTYPE", "OOM", "BUSY", "MISCONF", "READONLY", "ODD1", "ODD2", "ODD3")
_COMMANDS = (
    "bitcount s",
    "getex s",
    "object encoding s",
    "sort l",
    "lrange l 0 -1",
    "geoadd g 1 1 a",
    "xadd x * a 1",
    "xlen x",
)


def write_targets(file: Path, instances: Sequence[str]) -> None:
    """A file in the form of `file_sd`."""
    write_atomic(file, json.dumps([{"targets": list(instances)}]))


class Churn:
    """One change after another, drawn by lot; `counts` are those that were made, by name."""

    def __init__(self, servers: Sequence[RedisNode], targets: Path, exporter: WebChild, lot: Random) -> None:
        self.counts: Counter[str] = Counter()
        self._servers, self._targets, self._exporter, self._lot = servers, targets, exporter, lot
        self._listed = {server.port: ADDRESSES[0] for server in servers}
        self._stopped: RedisNode | None = None

    @property
    def made(self) -> int:
        """Changes so far."""
        return self.counts.total()

    def until(self, over: Event, every: float) -> None:
        """Make a change `every` so many seconds until it is over; what hangs then goes on."""
        changes: tuple[Callable[[RedisNode], None], ...] = (
            self.restarted,
            self.stopped,
            self.asked,
            self.named,
            self.left,
            self.joined_elsewhere,
            self.filled,
        )
        while not over.wait(every):
            change = self._lot.choice(changes) if self._lot.random() < 0.98 else self.reloaded
            self._make(change)
        self._go_on()

    def _make(self, change: Callable[[RedisNode], None]) -> None:
        """A server that does not answer in time is none that a client of ours speaks to: that is no failure of the run."""
        try:
            change(self._lot.choice(self._servers))
        except (redis.RedisError, SandboxError):
            self.counts["not possible"] += 1
        else:
            self.counts[change.__name__] += 1

    def restarted(self, server: RedisNode) -> None:
        """Killed, and started anew: another run_id, all counters at nothing."""
        if server is self._stopped:
            self._go_on()
        server.kill()
        server.start()

    def stopped(self, server: RedisNode) -> None:
        """Hangs, until another one does."""
        self._go_on()
        server.pause()
        self._stopped = server

    def _go_on(self) -> None:
        if self._stopped is not None and self._stopped.alive:
            self._stopped.resume()
        self._stopped = None

    def asked(self, server: RedisNode) -> None:
        """A command that it may not have seen, and an error."""
        with server.client() as client:
            client.execute_command(*self._lot.choice(_COMMANDS).split())
            with suppress(redis.ResponseError):
                client.eval(f"return redis.error_reply('{self._lot.choice(_ERRORS)} of the run')", 0)

    def named(self, server: RedisNode) -> None:
        """A client with a name of its own."""
        with server.client() as client:
            client.client_setname(f"client-{self._lot.random()}")

    def filled(self, server: RedisNode) -> None:
        """A database more, or a larger one."""
        with server.client() as client:
            client.execute_command("SELECT", self._lot.randrange(16))
            client.set(f"key-{self._lot.randrange(1000)}", "x" * self._lot.randrange(2000))

    def left(self, server: RedisNode) -> None:
        """Not in the list any more, of which half stays."""
        if len(self._listed) > len(self._servers) // 2:
            self._listed.pop(server.port, None)
        self._write()

    def joined_elsewhere(self, server: RedisNode) -> None:
        """In the list, under one of its addresses."""
        self._listed[server.port] = self._lot.choice(ADDRESSES)
        self._write()

    def reloaded(self, _server: RedisNode) -> None:
        """The exporter reads its policy again."""
        web.request("POST", f"{self._exporter.url}/-/reload", timeout=30.0)

    def _write(self) -> None:
        write_targets(self._targets, [f"{address}:{port}" for port, address in self._listed.items()])
