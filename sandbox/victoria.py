"""Real VictoriaMetrics and vmalert as child processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sandbox import binaries, ports, web
from sandbox.prometheus import WebChild


class VmAlert(WebChild):
    """A vmalert."""

    def alerts(self) -> list[dict[str, Any]]:
        """Return the pending and firing alerts: `[{"labels", "annotations", "state", ...}]`."""
        found: list[dict[str, Any]] = web.get_json(f"{self.url}/api/v1/alerts")["data"]["alerts"] or []
        return found


def victoria_metrics(directory: Path, port: int, *options: str) -> WebChild:
    """Return a single-node VictoriaMetrics, not started yet; its data live in `directory`."""
    argv: tuple[str | Path, ...] = (
        binaries.find("victoria-metrics"),
        f"-storageDataPath={directory.absolute() / 'victoria-data'}",
        f"-httpListenAddr={ports.LOOPBACK}:{port}",
        "-memory.allowedBytes=128MB",
        *options,
    )
    return WebChild("victoria-metrics", argv, directory, port, "/health")


def vmalert(rules: Path, datasource: str, notifier: str, directory: Path, port: int, *options: str) -> VmAlert:
    """Return a vmalert on every rule file below `rules`, not started yet; what it records goes to the data source."""
    argv: tuple[str | Path, ...] = (
        binaries.find("vmalert"),
        f"-rule={rules.absolute()}/*.yml",
        f"-datasource.url={datasource}",
        f"-remoteWrite.url={datasource}",
        f"-remoteRead.url={datasource}",
        f"-notifier.url={notifier}",
        f"-httpListenAddr={ports.LOOPBACK}:{port}",
        "-disableAlertgroupLabel",
        *options,
    )
    return VmAlert("vmalert", argv, directory, port, "/health")
