"""The demo: a fleet, traffic, the whole stack on what `cachewatch build` generated, and a table of what it says."""

import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.live import Live

from sandbox import binaries, demo_dir, demo_policy, ports, screen
from sandbox.control import Control
from sandbox.demo_policy import Addresses
from sandbox.faults import Faults
from sandbox.files import write_atomic, write_json
from sandbox.fleet import SentinelFleet
from sandbox.module_child import module_argv, module_env
from sandbox.observe import WINDOW, look
from sandbox.process import Child, StartFailed, wait_until
from sandbox.prometheus import WebChild, alertmanager_server, prometheus_server
from sandbox.signals import Interrupted, deferred, handled, interruptible
from sandbox.sink import sink_server
from sandbox.traffic import Traffic
from sandbox.web import WebError

SHARDS = 2
REQUESTS_PER_SECOND = 240.0
_NEEDED = ("redis-server", "redis-sentinel", "prometheus", "alertmanager", "setpriv")
_BUILD_TIMEOUT = 60.0
_FIRST_LOOK_TIMEOUT = 60.0
_MEASURED = ("count(cache_node_up == 1)", f"count(rate(cache_hits_total[{WINDOW}]))")
_PLAIN_EVERY = 5.0

Part = TypeVar("Part", Child, SentinelFleet)


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

    `shortened` gives the durations of its policy that differ from the defaults.
    """

    def __init__(
        self,
        directory: Path,
        stack: ExitStack,
        console: Console,
        shortened: Mapping[str, str] = demo_policy.SHORTENED,
    ) -> None:
        self._short = shortened
        self._name = directory
        self._directory = directory.absolute()
        self._run = self._directory / "run"
        self._stack = stack
        self._console = console
        chosen = ports.free_ports(5)
        self._exporter_port, self._notifier_port = chosen[:2]
        self._policy = self._directory / "cachewatch.yaml"
        self._build = self._directory / "build"
        self._fleet = SentinelFleet(self._run, shards=SHARDS)
        self._traffic = Traffic(self._fleet, self._run, REQUESTS_PER_SECOND, lifetime=7 * 24 * 3600.0)
        self.sink = sink_server(self._run, chosen[2])
        self._exporter = self._command("exporter", self._exporter_port, "serve")
        self._notifier = self._command("notifier", self._notifier_port, "notify")
        self._alertmanager = alertmanager_server(self._build / "alertmanager.yml", self._run, chosen[3])
        self._prometheus = prometheus_server(self._build / "prometheus.yml", self._run, chosen[4])
        self._faults = Faults(self._fleet, self._traffic, self._run)
        self._endpoints: dict[str, object] = {}

    def _command(self, name: str, port: int, command: str) -> WebChild:
        argv = module_argv("cli", "-c", self._policy, command, "--listen", f"{ports.LOOPBACK}:{port}")
        return WebChild(name, argv, self._run, port, env=module_env())

    @property
    def _parts(self) -> tuple[Child, ...]:
        web = (self.sink, self._exporter, self._notifier, self._alertmanager, self._prometheus)
        return (self._traffic, *web)

    def start(self) -> None:
        """Start all, saying so, and write `endpoints.json` once measurements arrive."""
        self._step(f"Redis: {SHARDS} shards of a primary and a replica, under 3 sentinels", self._start(self._fleet))
        self._step(f"traffic: {REQUESTS_PER_SECOND:.0f} requests a second", self._start(self._traffic))
        self._step("a stand-in for PagerDuty, Slack and a heartbeat", self._start(self.sink))
        self._step(f"the policy, and what `cachewatch build` makes of it, in {self._name}", self._generate)
        self._step("exporter", self._start(self._exporter))
        self._step("notifier", self._start(self._notifier))
        self._step("Alertmanager", self._start(self._alertmanager))
        self._step("Prometheus", self._start(self._prometheus))
        self._step("to measure, until every node shows rates", self._wait_for_measurements)
        with deferred():
            self._control = Control(self._directory, self.obey)
            self._stack.callback(self._control.close)
        self._note_endpoints()

    def _step(self, what: str, do: Callable[[], None]) -> None:
        begun = time.monotonic()
        self._say(f"starting {what} ...", end=" ")
        do()
        self._say(f"{time.monotonic() - begun:.1f} s")

    def _start(self, part: Part) -> Callable[[], None]:
        def do() -> None:
            self._stack.callback(part.stop)  # before the start, so that no moment is without
            part.start()

        return do

    def _generate(self) -> None:
        keys = self._directory / "secrets"
        keys.mkdir(mode=0o700)
        write_atomic(keys / "pagerduty", secrets.token_hex(16), mode=0o600)
        write_atomic(keys / "slack", f"xoxb-{secrets.token_hex(16)}", mode=0o600)
        write_atomic(self._policy, demo_policy.text(self._addresses(keys), self._short))
        build = Child(
            "build", module_argv("cli", "-c", self._policy, "build", "-o", self._build), self._run, module_env()
        )
        self._start(build)()
        if build.wait(_BUILD_TIMEOUT) != 0:
            raise StartFailed(f"`cachewatch build` failed on the demo's policy:\n{build.log_tail()}")

    def _addresses(self, keys: Path) -> Addresses:
        return Addresses(
            sentinels=self._fleet.sentinels,
            shards=self._fleet.shards,
            exporter=f"{ports.LOOPBACK}:{self._exporter.port}",
            notifier=f"{ports.LOOPBACK}:{self._notifier.port}",
            alertmanager=f"{ports.LOOPBACK}:{self._alertmanager.port}",
            prometheus_url=self._prometheus.url,
            sink_url=self.sink.url,
            routing_key_file=str(keys / "pagerduty"),
            token_file=str(keys / "slack"),
        )

    def _wait_for_measurements(self) -> None:
        expected = len(self._fleet.nodes)

        def measured() -> bool:
            try:
                answers = [self._prometheus.query(expr) for expr in _MEASURED]
            except WebError:
                return False
            return all(answer and float(answer[0]["value"][1]) == expected for answer in answers)

        wait_until(measured, _FIRST_LOOK_TIMEOUT, f"Prometheus to see {expected} nodes up, and their rates", every=0.2)

    def obey(self, verb: str, name: str | None) -> str:
        """Do what another terminal asks for, "break" or "heal", and return a sentence on it. `SandboxError` says why not."""
        if verb == "break":
            return self._faults.break_it(name or "")
        return self._faults.heal(name)

    def _note_endpoints(self) -> None:
        """Write where everything is, when that has changed: a node's pid or role, for example."""
        endpoints: dict[str, object] = {
            **self._urls(),
            "policy": str(self._policy),
            "nodes": [
                {"instance": node.instance, "role": node.role, "shard": node.shard, "pid": node.pid}
                for node in self._fleet.nodes
            ],
        }
        if endpoints != self._endpoints:
            write_json(self._directory / "endpoints.json", endpoints)
            self._endpoints = endpoints

    def _urls(self) -> dict[str, str]:
        return {
            "exporter": self._exporter.url,
            "prometheus": self._prometheus.url,
            "alertmanager": self._alertmanager.url,
            "notifier": self._notifier.url,
            "sink": self.sink.url,
        }

    def _shown_urls(self) -> dict[str, str]:
        """What a person may want to open, the board first; `endpoints.json` has names that are fixed."""
        return {"board": f"{self._exporter.url}/", **self._urls()}

    def watch(self, seconds: float | None) -> None:
        """Show the table until `seconds` have passed, and do what other terminals ask for."""
        deadline = None if seconds is None else time.monotonic() + seconds
        show = self._live() if self._console.is_terminal else self._plain()
        while deadline is None or time.monotonic() < deadline:
            left = None if deadline is None else deadline - time.monotonic()
            show(left)
            self._control.serve_for(1.0 if left is None else min(1.0, max(0.0, left)))
            self._note_endpoints()

    def scene(self, left: float | None) -> screen.Scene:
        """Look at the stack from outside; `left` is the seconds that remain, None without an end."""
        instances = [node.instance for _, node in self._fleet.members()]
        return screen.Scene(
            seen=look(self._prometheus, self.sink, instances),
            urls=self._shown_urls(),
            faults=self._faults.active,
            ended=tuple(part.name for part in self._parts if not part.alive),
            shortened=demo_policy.shortened(self._short),
            directory=str(self._name),
            left=left,
        )

    def _live(self) -> Callable[[float | None], None]:
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
