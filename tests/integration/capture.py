"""What servers of a version answer, kept for tests that have none: `python -m tests.integration.capture NAME`.

The redis-server, redis-sentinel and redis_exporter first on the PATH are asked; what they say is written to
tests/data/captures/NAME, one file for each command, as it came off the wire, and what that redis_exporter shows of it.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import hiredis

from exporter.families.questions import CONFIG_KEYS
from sandbox import binaries, web
from sandbox.fleet import SentinelFleet
from sandbox.ports import free_port
from sandbox.process import wait_until
from sandbox.redis_node import RedisNode
from tests.integration.exporter_support import Peer
from tests.integration.redis_exporter_support import PAGE, Player, RedisExporter, plays
from tests.unit.exporter.helpers import CAPTURES

_SERVER = {
    "info": "INFO",
    "info_all": "INFO ALL",
    "latency_latest": "LATENCY LATEST",
    "latency_histogram": "LATENCY HISTOGRAM",
    "slowlog_len": "SLOWLOG LEN",
    "slowlog_get_1": "SLOWLOG GET 1",
    "config_get_maxmemory": "CONFIG GET maxmemory",
    **{f"config_get_{key}": f"CONFIG GET {key}" for key in CONFIG_KEYS},
}
ASKED = {
    "primary": _SERVER,
    "replica": _SERVER,
    "cluster": {**_SERVER, "cluster_info": "CLUSTER INFO"},
    "sentinel": {
        "info": "INFO",
        "info_all": "INFO ALL",
        "sentinel_masters": "SENTINEL MASTERS",
        **{
            f"sentinel_{word}_shard-a": f"SENTINEL {word.upper()} shard-a"
            for word in ("ckquorum", "sentinels", "replicas")
        },
    },
}


def asked(port: int, command: str) -> bytes:
    """A reply as it comes off the wire."""
    with socket.create_connection(("127.0.0.1", port), 5.0) as connection:
        connection.sendall(hiredis.pack_command(tuple(command.split())))  # type: ignore[arg-type]  # the stub knows 1-tuples only
        reader, said = hiredis.Reader(), b""
        while reader.gets() is False:
            said += (some := connection.recv(65536))
            reader.feed(some)
    return said


@contextmanager
def servers(directory: Path) -> Iterator[dict[str, int]]:
    """A server of each role, by its port, with something to tell."""
    cluster = free_port()
    config = ("cluster-enabled yes", f"cluster-config-file nodes-{cluster}.conf")
    with ExitStack() as stack:
        fleet = stack.enter_context(SentinelFleet(directory))
        alone = stack.enter_context(RedisNode(cluster, directory, config=config))
        asked(cluster, "CLUSTER ADDSLOTSRANGE 0 16383")
        for command in ("SET a 1", "SET b 1 EX 900", "GET a", "GET none", "LPUSH a x", "NOSUCH", "HSET h f 1"):
            asked(fleet.primary("shard-a").port, command)
        asked(fleet.primary("shard-a").port, "CONFIG SET slowlog-log-slower-than 0")
        wait_until(lambda: b"cluster_state:ok" in asked(cluster, "CLUSTER INFO"), 60.0, "the cluster to be ok")
        sentinel = int(fleet.sentinels[0].rpartition(":")[2])
        wait_until(lambda: asked(sentinel, "SENTINEL CKQUORUM shard-a")[:1] == b"+", 60.0, "the Sentinels to agree")
        ports = {"primary": fleet.primary("shard-a").port, "replica": fleet.replica("shard-a").port}
        yield {**ports, "cluster": alone.port, "sentinel": sentinel}


def main(name: str) -> None:
    """Ask servers of every role, then redis_exporter for what it shows of their answers."""
    folder = CAPTURES / name
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as scratch, servers(Path(scratch)) as ports:
        for role, commands in ASKED.items():
            for file, command in commands.items():
                said = asked(ports[role], command)
                for path in (scratch, str(binaries.find("redis-server").parent)):
                    said = said.replace(path.encode(), b"/" * len(path))
                (folder / f"{role}.{file}.resp").write_bytes(said)
    with TemporaryDirectory() as scratch, RedisExporter(Path(scratch)) as exporter:
        for role in ASKED:
            with Peer(Player(plays(name, role))) as peer:
                page = web.request("GET", f"{exporter.url}/scrape?target={peer.instance}").decode()
            lines = [line for line in page.splitlines() if " redis_" in line or line.startswith("redis_")]
            (folder / PAGE.format(role)).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
