"""Cachewatch and Debian's redis_exporter as processes, and their pages."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from policy.metrics import NODE_FAMILIES
from sandbox import binaries, web
from sandbox.module_child import module_argv, module_env
from sandbox.ports import LOOPBACK, free_port
from sandbox.process import wait_until
from sandbox.prometheus import WebChild

# How a page is asked for: plainly, and as Prometheus does by itself.
CODINGS = {"plain": "identity", "gzip": "gzip"}
_PATIENCE = 120.0
# The last thing that a collection of a node brings.
_DETAILS = "redis_slowlog_length{"


def ours(directory: Path, instances: Iterable[str], sections: Mapping[str, object], name: str = "exporter") -> WebChild:
    """`cachewatch serve` on these nodes, not started yet; `sections` are the policy's, the rest of it the defaults."""
    port, file = free_port(), directory / f"{name}.yaml"
    policy = {"fleet": {"nodes": [f"redis://{instance}" for instance in instances]}, **sections}
    file.write_text(yaml.safe_dump(policy))
    argv = module_argv("cli", "-c", file, "serve", "--listen", f"{LOOPBACK}:{port}")
    return WebChild(name, argv, directory, port, env=module_env())


def peer(directory: Path) -> WebChild:
    """redis_exporter, which asks whom each scrape names; not started yet."""
    port = free_port()
    argv = (binaries.find("redis_exporter"), "-web.listen-address", f"{LOOPBACK}:{port}", "-redis.addr", "")
    return WebChild("peer", argv, directory, port, ready_path="/health")


def unknown_to(text: str) -> list[str]:
    """Families that we have and that redis_exporter's page does not: denied, both show the same, whatever version it is."""
    shown = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")}
    return [name for name in NODE_FAMILIES if name not in shown]


def version(child: WebChild) -> str:
    """The version of a redis_exporter that runs."""
    found = re.search(r'redis_exporter_build_info\{.*?\bversion="([^"]*)"', page(f"{child.url}/metrics"))
    return found[1] if found else "unknown"


def page(url: str, coding: str = "identity") -> str:
    """A page that came in one of CODINGS."""
    body = web.request("GET", url, headers={"Accept-Encoding": coding}, timeout=30.0)
    return (gzip.decompress(body) if coding == "gzip" else body).decode()


def warmed(child: WebChild, count: int) -> None:
    """Wait until the details of so many nodes were read."""
    wait_until(lambda: page(f"{child.url}/metrics").count(_DETAILS) == count, _PATIENCE, "every node's details", 1.0)


def collections(text: str) -> float:
    """Collections that the exporter has made of all nodes, by its page."""
    found = [line for line in text.splitlines() if line.startswith("redis_exporter_scrapes_total{")]
    return sum(float(line.rpartition(" ")[2]) for line in found)


def series(text: str) -> int:
    """Node facts on a page."""
    return sum(line.startswith("redis_") for line in text.splitlines())
