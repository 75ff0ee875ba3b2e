"""What watches a fleet, on what `cachewatch build` makes of its policy: exporter, notifier, Alertmanager, Prometheus.

A stand-in for PagerDuty, Slack and a heartbeat gets what they send.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sandbox import demo_policy, ports
from sandbox.demo_policy import Addresses
from sandbox.files import write_atomic
from sandbox.module_child import module_argv, module_env
from sandbox.process import Child, Started, StartFailed, wait_until
from sandbox.prometheus import ALONE, WebChild, alertmanager_server, prometheus_server
from sandbox.sink import sink_server
from sandbox.web import WebError

_BUILD_TIMEOUT = 60.0
_FIRST_LOOK_TIMEOUT = 60.0


class Stack(Started):
    """Five children on free ports. `fleet` is that section of the policy, `short` what differs from the defaults.

    Policy, keys and what was built lie in `directory`, logs and data below it in `run/`. With `clock` the exporter and
    the notifier see the time that the file says, see `sandbox.stepped_clock`. `cluster` are the options by which its
    Alertmanager knows peers.
    """

    def __init__(
        self,
        directory: Path,
        fleet: Mapping[str, Any],
        short: Mapping[str, Any],
        clock: Path | None = None,
        cluster: Sequence[str] = ALONE,
    ) -> None:
        self.policy = directory / "cachewatch.yaml"
        self._directory, self._run, self._build = directory, directory / "run", directory / "build"
        self._fleet, self._short, self._clock = fleet, short, clock
        chosen = ports.free_ports(5)
        self.exporter = self._command("exporter", chosen[0], "serve")
        self.notifier = self._command("notifier", chosen[1], "notify", "--storage", self._run / "notifier-data")
        self.sink = sink_server(self._run, chosen[2])
        self.alertmanager = alertmanager_server(self._build / "alertmanager.yml", self._run, chosen[3], cluster)
        self.prometheus = prometheus_server(self._build / "prometheus.yml", self._run, chosen[4])

    def _command(self, name: str, port: int, command: str, *options: str | Path) -> WebChild:
        arguments = ("-c", self.policy, command, "--listen", f"{ports.LOOPBACK}:{port}", *options)
        if self._clock is None:
            argv = module_argv("cli", *arguments)
        else:
            argv = module_argv("sandbox.stepped_clock", self._clock, "cli", *arguments)
        return WebChild(name, argv, self._run, port, env=module_env())

    @property
    def parts(self) -> tuple[WebChild, ...]:
        """All children, in the order of their start."""
        return (self.sink, self.exporter, self.notifier, self.alertmanager, self.prometheus)

    @property
    def urls(self) -> dict[str, str]:
        """Where they answer, by the names of `endpoints.json`."""
        return {
            "exporter": self.exporter.url,
            "prometheus": self.prometheus.url,
            "alertmanager": self.alertmanager.url,
            "notifier": self.notifier.url,
            "sink": self.sink.url,
        }

    def steps(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """What must be done to start, in order, each with its name."""
        yield "a stand-in for PagerDuty, Slack and a heartbeat", self.sink.start
        yield f"the policy, and what `cachewatch build` makes of it, in {self._directory.name}", self._generate
        yield "exporter", self.exporter.start
        yield "notifier", self.notifier.start
        yield "Alertmanager", self.alertmanager.start
        yield "Prometheus", self.prometheus.start

    def start(self) -> None:
        """Start all. Raises `PortInUse` or `StartFailed`."""
        for _, do in self.steps():
            do()

    def stop(self) -> None:
        """End all, the newest first."""
        for part in reversed(self.parts):
            part.stop()

    def _generate(self) -> None:
        keys = self._directory / "secrets"
        keys.mkdir(mode=0o700)
        write_atomic(keys / "pagerduty", secrets.token_hex(16), mode=0o600)
        write_atomic(keys / "slack", f"xoxb-{secrets.token_hex(16)}", mode=0o600)
        write_atomic(self.policy, demo_policy.text(self._addresses(keys), self._short))
        argv = module_argv("cli", "-c", self.policy, "build", "-o", self._build)
        with Child("build", argv, self._run, module_env()) as build:
            if build.wait(_BUILD_TIMEOUT) != 0:
                raise StartFailed(f"`cachewatch build` failed on the policy {self.policy}:\n{build.log_tail()}")

    def _addresses(self, keys: Path) -> Addresses:
        return Addresses(
            fleet=self._fleet,
            exporter=f"{ports.LOOPBACK}:{self.exporter.port}",
            notifier=f"{ports.LOOPBACK}:{self.notifier.port}",
            alertmanager=f"{ports.LOOPBACK}:{self.alertmanager.port}",
            prometheus_url=self.prometheus.url,
            sink_url=self.sink.url,
            routing_key_file=str(keys / "pagerduty"),
            token_file=str(keys / "slack"),
        )

    def wait_for(self, values: Mapping[str, float], timeout: float = _FIRST_LOOK_TIMEOUT) -> None:
        """Wait until Prometheus gives each expression its value. `StartFailed` after `timeout` seconds."""
        what = ", ".join(f"{expr} = {value:g}" for expr, value in values.items())
        check = partial(self._measured, values)
        wait_until(check, timeout, f"Prometheus to say {what}", every=0.2)

    def _measured(self, values: Mapping[str, float]) -> bool:
        try:
            answers = {expr: self.prometheus.query(expr) for expr in values}
        except WebError:
            return False
        return all(answers[expr] and float(answers[expr][0]["value"][1]) == value for expr, value in values.items())
