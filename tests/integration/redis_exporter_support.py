"""Debian's redis_exporter beside ours, and servers that answer with what was captured from real ones."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

import hiredis
from prometheus_client.parser import text_string_to_metric_families

from exporter.families.questions import CONFIG_KEYS
from sandbox import binaries, web
from sandbox.ports import LOOPBACK, free_port
from sandbox.prometheus import WebChild
from tests.unit.exporter.helpers import CAPTURES

# What redis_exporter 1.86 shows of what was captured.
PAGE = "{}.redis_exporter_1.86.txt"
# A command and the file of its reply; one that begins with another comes before it.
_CAPTURED = {
    "INFO": "info_all",
    "CLUSTER INFO": "cluster_info",
    "LATENCY LATEST": "latency_latest",
    "LATENCY HISTOGRAM": "latency_histogram",
    "SLOWLOG LEN": "slowlog_len",
    "SLOWLOG GET": "slowlog_get_1",
    **{f"CONFIG GET {key.upper()}": f"config_get_{key}" for key in CONFIG_KEYS},
    "SENTINEL MASTERS": "sentinel_masters",
    "SENTINEL CKQUORUM": "sentinel_ckquorum_shard-a",
    "SENTINEL SENTINELS": "sentinel_sentinels_shard-a",
    "SENTINEL REPLICAS": "sentinel_replicas_shard-a",
    "SENTINEL SLAVES": "sentinel_replicas_shard-a",
}
# Family and labels -> type and value.
Page = dict[tuple[str, frozenset[tuple[str, str]]], tuple[str, float]]
OUR_LABELS = {"fleet", "shard", "instance"}


class RedisExporter(WebChild):
    """prometheus-redis-exporter as a process."""

    def __init__(self, directory: Path) -> None:
        port = free_port()
        argv = (binaries.find("redis_exporter"), "-web.listen-address", f"{LOOPBACK}:{port}", "-redis.addr", "")
        super().__init__("redis_exporter", argv, directory, port, ready_path="/health")

    def scrape(self, instance: str) -> Page:
        """What it shows of a server."""
        return page(web.request("GET", f"{self.url}/scrape?target={instance}").decode())


def page(text: str, instance: str = "") -> Page:
    """The `redis_*` series of a page, or those of one node; an empty label is none, as it is for Prometheus."""
    found: Page = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            own = {name: value for name, value in sample.labels.items() if name not in OUR_LABELS and value}
            if family.name.startswith("redis_") and sample.labels.get("instance", "") == instance:
                key = sample.name, frozenset(own.items())
                assert key not in found, f"{key} comes twice"
                found[key] = family.type, sample.value
    return found


def shapes(found: Page) -> set[tuple[str, str, tuple[str, ...]]]:
    """Name, type and label names of every family."""
    return {(name, kind, tuple(sorted(dict(labels)))) for (name, labels), (kind, _) in found.items()}


def plays(version: str, role: str) -> Mapping[str, bytes]:
    """What a server of a version answered to the commands that exporters ask.

    What was not asked of a replica or a node of a Cluster, a primary answered; Sentinels know few commands.
    """
    found, roles = {}, (role,) if role == "sentinel" else (role, "primary")
    for command, file in _CAPTURED.items():
        path = next((p for of in roles if (p := CAPTURES / version / f"{of}.{file}.resp").exists()), None)
        if path is not None:
            found[command] = path.read_bytes()
        elif command.startswith("CONFIG GET") and role != "sentinel":
            found[command] = b"*0\r\n"
    return {**found, "CONFIG GET *": _together(found)} if role != "sentinel" else found


def _together(found: Mapping[str, bytes]) -> bytes:
    """The settings of all CONFIG GET in one reply."""
    replies = [reply for command, reply in found.items() if command.startswith("CONFIG GET")]
    pairs = [reply.split(b"\r\n", 1)[1] for reply in replies if reply.startswith(b"*2")]
    return f"*{2 * len(pairs)}\r\n".encode() + b"".join(pairs)


class Player:
    """Answers from captures; used as a `Peer`'s talk."""

    def __init__(self, answers: Mapping[str, bytes]) -> None:
        self.answers = answers

    def __call__(self, connection: socket.socket) -> None:
        reader = hiredis.Reader()
        while data := connection.recv(65536):
            reader.feed(data)
            while (command := reader.gets()) is not False:
                words = " ".join(word.decode().upper() for word in command)
                matching = (reply for start, reply in self.answers.items() if words.startswith(start))
                connection.sendall(next(matching, b"+PONG\r\n" if words == "PING" else b"-ERR unknown command\r\n"))
