"""The demo: a fleet, traffic, the whole stack on what `cachewatch build` generated, and a table of what it says."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live

from sandbox import binaries, demo_dir, demo_policy, screen
from sandbox.control import Control
from sandbox.errors import SandboxError
from sandbox.faults import Faults
from sandbox.files import write_json
from sandbox.fleet import SentinelFleet
from sandbox.observe import WINDOW, look
from sandbox.process import Child
from sandbox.signals import Interrupted, deferred, handled, interruptible
from sandbox.sink import Sink
from sandbox.stack import Stack
from sandbox.traffic import Traffic

SHARDS = 2
REQUESTS_PER_SECOND = 240.0
_NEEDED = ("redis-server", "redis-sentinel", "prometheus", "alertmanager", "setpriv")
_MEASURED = ("count(cache_node_up == 1)", f"count(rate(cache_hits_total[{WINDOW}]))")
# Until Prometheus has read each part once, it waits for alerts that say that part is gone.
_CALM = 'absent(ALERTS{alertname=~"CacheAlertmanagerDown|CacheNotifierDown|CacheMetricsMissing"})'
_PLAIN_EVERY = 5.0


def run(directory: Path, seconds: float | None, console: Console) -> None:
    """Run the demo until Ctrl-C, SIGTERM, or `seconds` after all is up; nothing is left afterwards.

    Raises `SandboxError` (a `MissingBinary`, a `PortInUse`, a `StartFailed`, a directory in use) when it cannot start.
    """
    binaries.require(*_NEEDED)
    try:
        with handled(), ExitStack() as stack, interruptible():
            with deferred():
                stack.enter_context(demo_dir.taken(directory))
            demo = Demo(directory, stack, console)
            demo.start()
            demo.watch(seconds)
            console.print("Ending the demo ...")
    except Interrupted as asked:
        console.print(f"\nEnded by {asked}; nothing is left.")
    else:
        console.print("Ended; nothing is left.")


class Demo:
    """One demo. What it starts is stopped by `stack`, in the opposite order.

    `shortened` gives what differs from the defaults in its policy; `clock` is for `sandbox.stepped_clock`.
    """

    def __init__(
        self,
        directory: Path,
        stack: ExitStack,
        console: Console,
        shortened: Mapping[str, Any] = demo_policy.SHORTENED,
        clock: Path | None = None,
    ) -> None:
        self._short = shortened
        self._name = directory
        self._directory = directory.absolute()
        self._run = self._directory / "run"
        self._stack = stack
        self._console = console
        self.fleet = SentinelFleet(self._run, shards=SHARDS)
        self.traffic = Traffic(self.fleet, self._run, REQUESTS_PER_SECOND, lifetime=7 * 24 * 3600.0)
        section = demo_policy.behind_sentinel(self.fleet.sentinels, self.fleet.shards)
        self.watchers = Stack(self._directory, section, shortened, clock)
        self._faults = Faults(self.fleet, self.traffic, self._run, self.watchers)
        self._endpoints: dict[str, object] = {}
        self._unwritten = ""

    @property
    def sink(self) -> Sink:
        """The stand-in for PagerDuty and Slack."""
        return self.watchers.sink

    @property
    def _parts(self) -> tuple[Child, ...]:
        return (self.traffic, *self.watchers.parts)

    def start(self) -> None:
        """Start all, saying so, and write `endpoints.json` once measurements arrive."""
        self._step(f"Redis: {SHARDS} shards of a primary and a replica, under 3 sentinels", self._start(self.fleet))
        self._step(f"traffic: {REQUESTS_PER_SECOND:.0f} requests a second", self._start(self.traffic))
        self._stack.callback(self.watchers.stop)  # before the start, so that no moment is without
        for what, do in self.watchers.steps():
            self._step(what, do)
        wanted = {**dict.fromkeys(_MEASURED, len(self.fleet.nodes)), _CALM: 1}
        self._step("to measure, until every node shows rates", lambda: self.watchers.wait_for(wanted))
        with deferred():
            self._control = Control(self._directory, self.obey)
            self._stack.callback(self._control.close)
        self._note_endpoints()

    def _step(self, what: str, do: Callable[[], None]) -> None:
        begun = time.monotonic()
        self._say(f"starting {what} ...", end=" ")
        do()
        self._say(f"{time.monotonic() - begun:.1f} s")

    def _start(self, part: Child | SentinelFleet) -> Callable[[], None]:
        def do() -> None:
            self._stack.callback(part.stop)  # before the start, so that no moment is without
            part.start()

        return do

    def obey(self, verb: str, name: str | None) -> str:
        """Do what another terminal asks for, "break" or "heal", and return a sentence on it. `SandboxError` says why not."""
        if verb == "break":
            return self._faults.break_it(name or "")
        return self._faults.heal(name)

    def _note_endpoints(self) -> None:
        """Write where everything is, when that has changed: a node's pid or role, for example."""
        endpoints: dict[str, object] = {
            **self.watchers.urls,
            "policy": str(self.watchers.policy),
            "nodes": [
                {"instance": node.instance, "role": node.role, "shard": node.shard, "pid": node.pid}
                for node in self.fleet.nodes
            ],
        }
        if endpoints != self._endpoints:
            write_json(self._directory / "endpoints.json", endpoints)
            self._endpoints = endpoints
        self._unwritten = ""

    def _shown_urls(self) -> dict[str, str]:
        """What a person may want to open, the board first; `endpoints.json` has names that are fixed."""
        return {"board": f"{self.watchers.exporter.url}/", **self.watchers.urls}

    def watch(self, seconds: float | None) -> None:
        """Show the table until `seconds` have passed, and do what other terminals ask for."""
        deadline = None if seconds is None else time.monotonic() + seconds
        show = self._live() if self._console.is_terminal else self._plain()
        while deadline is None or time.monotonic() < deadline:
            left = None if deadline is None else deadline - time.monotonic()
            show(left)
            self._control.serve_for(1.0 if left is None else min(1.0, max(0.0, left)))
            try:
                self._note_endpoints()
            except SandboxError as error:  # the disk is full, say: the stack itself goes on
                self._unwritten = str(error)

    def scene(self, left: float | None) -> screen.Scene:
        """Look at the stack from outside; `left` is the seconds that remain, None without an end."""
        instances = [node.instance for _, node in self.fleet.members()]
        return screen.Scene(
            seen=look(self.watchers.prometheus, self.sink, instances),
            urls=self._shown_urls(),
            faults=self._faults.active,
            ended=tuple(part.name for part in self._parts if not part.alive and part.name not in self._faults.active),
            directory=str(self._name),
            left=left,
            trouble=self._unwritten,
        )

    def _live(self) -> Callable[[float | None], None]:
        self._say(screen.shortened_sentence(demo_policy.shortened(self._short)))
        live = self._stack.enter_context(Live(console=self._console, auto_refresh=False))
        return lambda left: live.update(screen.render(self.scene(left)), refresh=True)

    def _plain(self) -> Callable[[float | None], None]:
        for name, url in self._shown_urls().items():
            self._say(f"{name}: {url}")
        self._say(screen.shortened_sentence(demo_policy.shortened(self._short)))
        due = time.monotonic()

        def show(left: float | None) -> None:
            nonlocal due
            if time.monotonic() >= due:
                due = time.monotonic() + _PLAIN_EVERY
                self._say(f"--- {time.strftime('%H:%M:%S')}\n{screen.lines(self.scene(left))}")

        return show

    def _say(self, text: str, end: str = "\n") -> None:
        self._console.print(text, end=end, highlight=False, markup=False, soft_wrap=True)
        self._console.file.flush()  # a log is read while the demo runs
