"""The exporter as its users run it: what the tests of the exporter on real servers share."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from exporter import samples
from exporter.app import Exporter
from exporter.exposition import render
from policy.model import Policy
from sandbox import web
from sandbox.module_child import module_argv, module_env
from sandbox.peer import (
    Peer,
    Talk,
    closes_at_once,
    half_an_answer,
    never_ends,
    passes_on,
    requests,
    says,
    silent,
    too_many_clients,
)
from sandbox.ports import LOOPBACK, free_port
from sandbox.prometheus import WebChild
from tests.unit.exporter.helpers import Series, series
from tests.unit.exporter.helpers import facts_text as facts_of

__all__ = [
    "Peer",
    "Serving",
    "Talk",
    "closes_at_once",
    "detailed",
    "facts_text",
    "half_an_answer",
    "never_ends",
    "passes_on",
    "requests",
    "says",
    "shown",
    "silent",
    "too_many_clients",
    "watching",
]


class Serving(WebChild):
    """`cachewatch serve` as a process."""

    def __init__(self, directory: Path, policy: dict[str, Any], env: dict[str, str] | None = None) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        file, port = directory / "cachewatch.yaml", free_port()
        file.write_text(yaml.safe_dump(policy))
        argv = module_argv("cli", "-c", file, "serve", "--listen", f"{LOOPBACK}:{port}")
        super().__init__("exporter", argv, directory, port, env={**module_env(), **(env or {})})

    def page(self, path: str = "/metrics") -> Series:
        """Every series of a page."""
        return series(self.text(path))

    def text(self, path: str = "/metrics") -> str:
        """A page as it came."""
        return web.request("GET", self.url + path).decode()

    def health(self) -> dict[str, Any]:
        """The health indicator, whatever its status."""
        try:
            return dict(web.get_json(f"{self.url}/health"))
        except web.WebError as error:
            if error.status != 503:
                raise
            return dict(json.loads(error.content))

    def children(self) -> list[int]:
        """The process ids of its children: the prober's."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]


@contextlib.asynccontextmanager
async def watching(policy: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> AsyncIterator[Exporter]:
    """The exporter in this process, without HTTP."""
    exporter = Exporter(Policy.model_validate(policy), environ or {})
    async with exporter.running():
        yield exporter


def shown(exporter: Exporter) -> Series:
    """What its pages would show now."""
    now = time.monotonic()
    return series(render(samples.sli(exporter.state, now)).decode() + facts_of(exporter.state, now))


def detailed(exporter: Exporter, collections: int = 1) -> bool:
    """Whether every node was collected so often, and its details were read."""
    nodes = exporter.state.nodes.values()
    return bool(nodes) and all(node.detail is not None and node.collections >= collections for node in nodes)


def facts_text(exporter: Exporter) -> str:
    """The node facts as text, as its page would show them now."""
    return facts_of(exporter.state, time.monotonic())
