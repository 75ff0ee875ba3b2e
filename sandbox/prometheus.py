"""Real Prometheus and Alertmanager as child processes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sandbox import binaries, ports, web
from sandbox.process import Child

_READY_TIMEOUT = 40.0


class WebChild(Child):
    """A child with an HTTP address: `url`, and `ready` when `ready_path` answers 2xx."""

    def __init__(
        self,
        name: str,
        argv: tuple[str | Path, ...],
        directory: Path,
        port: int,
        ready_path: str = "/-/ready",
        env: dict[str, str] | None = None,
    ) -> None:
        super().__init__(name, argv, directory, env)
        self.port = port
        self.url = f"http://{ports.LOOPBACK}:{port}"
        self._ready_url = self.url + ready_path

    @property
    def ready(self) -> bool:
        """Whether it says so itself."""
        return web.answers(self._ready_url)

    def start(self, timeout: float = _READY_TIMEOUT) -> None:
        """Start and wait until it is ready. Raises `PortInUse` or `StartFailed`, and leaves no process then."""
        ports.require_free(self.port, self.name)
        super().start()
        try:
            self.wait_ready(lambda: self.ready, timeout)
        except BaseException:
            self.stop()
            raise


class Prometheus(WebChild):
    """A Prometheus server.

    Ready includes that it knows its Alertmanagers. It learns of them 5 s after its start, drops what fires before and
    sends it again a minute later: a test or demo that breaks something at once would wait for that minute.
    """

    @property
    def ready(self) -> bool:
        """Whether it says so itself and has found the Alertmanagers of its configuration."""
        if not super().ready:
            return False
        config = web.get_json(f"{self.url}/api/v1/status/config")["data"]["yaml"]
        return "alertmanagers:" not in config or bool(
            web.get_json(f"{self.url}/api/v1/alertmanagers")["data"]["activeAlertmanagers"]
        )

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Return the result of an instant query: `[{"metric": {...}, "value": [seconds, text]}]`; a scalar as one."""
        data = web.get_json(f"{self.url}/api/v1/query?query={quote(expr)}")["data"]
        if data["resultType"] == "scalar":
            return [{"metric": {}, "value": data["result"]}]
        result: list[dict[str, Any]] = data["result"]
        return result

    def alerts(self) -> list[dict[str, Any]]:
        """Return the pending and firing alerts: `[{"labels", "annotations", "state", "activeAt", "value"}]`."""
        found: list[dict[str, Any]] = web.get_json(f"{self.url}/api/v1/alerts")["data"]["alerts"]
        return found


class Alertmanager(WebChild):
    """An Alertmanager server."""

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts it holds, as its API v2 gives them."""
        found: list[dict[str, Any]] = web.get_json(f"{self.url}/api/v2/alerts")
        return found


def prometheus_server(config: Path, directory: Path, port: int) -> Prometheus:
    """Return a Prometheus on the configuration, not started yet; its data live in `directory`."""
    return Prometheus(
        "prometheus",
        (
            binaries.find("prometheus"),
            f"--config.file={config.absolute()}",
            f"--storage.tsdb.path={directory.absolute() / 'prometheus-data'}",
            f"--web.listen-address={ports.LOOPBACK}:{port}",
            f"--web.external-url=http://{ports.LOOPBACK}:{port}/",
            "--web.enable-lifecycle",
            "--storage.tsdb.retention.time=35d",  # these two as docs/start.md has them
            "--rules.alert.for-grace-period=15s",
        ),
        directory,
        port,
    )


ALONE = ("--cluster.listen-address=",)
PEER_TIMEOUT = "--cluster.peer-timeout=500ms"
"""As docs/operate.md has it, where it says why."""


def paired(mine: int, other: int) -> tuple[str, ...]:
    """Options by which an Alertmanager that gossips at port `mine` knows the one at `other`, and tells what that does not.

    It waits for the other one at its start, and not for the minute that is the default.
    """
    return (
        f"--cluster.listen-address={ports.LOOPBACK}:{mine}",
        f"--cluster.peer={ports.LOOPBACK}:{other}",
        PEER_TIMEOUT,
        "--cluster.settle-timeout=10s",
    )


def alertmanager_server(config: Path, directory: Path, port: int, cluster: Sequence[str] = ALONE) -> Alertmanager:
    """Return an Alertmanager on the configuration, not started yet; its data live in `directory`.

    `cluster` are the options by which it knows its peers: by default it has none.
    """
    return Alertmanager(
        "alertmanager",
        (
            binaries.find("alertmanager"),
            f"--config.file={config.absolute()}",
            f"--storage.path={directory.absolute() / 'alertmanager-data'}",
            f"--web.listen-address={ports.LOOPBACK}:{port}",
            f"--web.external-url=http://{ports.LOOPBACK}:{port}/",
            *cluster,
            "--data.maintenance-interval=30s",
        ),
        directory,
        port,
    )


def start_prometheus(config: Path, directory: Path, port: int) -> Prometheus:
    """Start Prometheus; it is ready when this returns. Raises `PortInUse` or `StartFailed`."""
    server = prometheus_server(config, directory, port)
    server.start()
    return server


def start_alertmanager(config: Path, directory: Path, port: int) -> Alertmanager:
    """Start Alertmanager; it is ready when this returns. Raises `PortInUse` or `StartFailed`."""
    server = alertmanager_server(config, directory, port)
    server.start()
    return server
