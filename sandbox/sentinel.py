"""One real Redis Sentinel on loopback, and the question every client has for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import redis

from sandbox import binaries, ports
from sandbox.files import write_atomic
from sandbox.process import Child
from sandbox.redis_node import START_TIMEOUT, connect


@dataclass(frozen=True)
class Watch:
    """How the sentinels watch: primaries by shard name (port), agreement needed, and the two delays in milliseconds."""

    primaries: Mapping[str, int]
    quorum: int = 2
    down_after_ms: int = 2000
    failover_timeout_ms: int = 6000
    password: str | None = None


class Sentinel:
    """A redis-sentinel process."""

    def __init__(self, port: int, directory: Path, watch: Watch) -> None:
        self.port = port
        self.instance = f"{ports.LOOPBACK}:{port}"
        self._watch = watch
        self._file = directory / f"sentinel-{port}.conf"
        self._child = Child(f"sentinel-{port}", (binaries.find("redis-sentinel"), self._file), directory)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._child.pid

    @property
    def alive(self) -> bool:
        """Whether the process is there."""
        return self._child.alive

    def start(self) -> None:
        """Start and wait until it answers. Raises `PortInUse` or `StartFailed`."""
        ports.require_free(self.port, "Sentinel")
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(self._file, "\n".join(self._lines()) + "\n")
        self.start_again()

    def start_again(self) -> None:
        """Start with what it knew when it ended: Sentinel keeps its state in its own configuration."""
        self._child.start()
        self._child.wait_ready(self._answers, START_TIMEOUT)

    def _lines(self) -> list[str]:
        watch = self._watch
        lines = [f"bind {ports.LOOPBACK}", f"port {self.port}", f'dir "{self._file.parent}"']
        for shard, primary in watch.primaries.items():
            lines += [
                f"sentinel monitor {shard} {ports.LOOPBACK} {primary} {watch.quorum}",
                f"sentinel down-after-milliseconds {shard} {watch.down_after_ms}",
                f"sentinel failover-timeout {shard} {watch.failover_timeout_ms}",
            ]
            if watch.password:
                lines.append(f"sentinel auth-pass {shard} {watch.password}")
        return lines

    def _answers(self) -> bool:
        with connect(self.port) as client:
            try:
                client.execute_command("PING")
            except redis.RedisError:
                return False
        return True

    def sees(self, shard: str, replicas: int, sentinels: int) -> bool:
        """Whether it knows that many replicas and other sentinels of the shard, and could fail it over now."""
        with connect(self.port) as client:
            try:
                state = client.execute_command("SENTINEL MASTER", shard)
                client.execute_command("SENTINEL CKQUORUM", shard)
            except redis.RedisError:
                return False
        return int(state["num-slaves"]) >= replicas and int(state["num-other-sentinels"]) >= sentinels

    def stop(self) -> None:
        """End it."""
        self._child.stop()

    def ask_to_stop(self) -> None:
        """Send SIGTERM and do not wait."""
        self._child.ask_to_stop()

    def kill(self) -> None:
        """SIGKILL."""
        self._child.kill()


def primary_port(sentinels: Sequence[str], shard: str) -> int | None:
    """Ask the sentinels ("host:port") in turn for the port of the shard's primary; None when none knows."""
    for address in sentinels:
        with connect(int(address.rpartition(":")[2]), timeout=0.5) as client:
            try:
                answer = client.execute_command("SENTINEL GET-MASTER-ADDR-BY-NAME", shard)
            except redis.RedisError:
                continue
        if answer:
            return int(answer[1])
    return None
