"""One real Redis server on loopback."""

from collections.abc import Iterable
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from sandbox import binaries, ports
from sandbox.certificates import ServerTls
from sandbox.files import write_atomic
from sandbox.process import Child, Started

START_TIMEOUT = 20.0
"""Seconds a server may take to answer; it needs 0.05 on an idle machine, and machines are not always idle."""


def connect(
    port: int,
    timeout: float = 1.0,
    password: str | None = None,
    username: str | None = None,
    tls: ServerTls | None = None,
) -> redis.Redis:
    """Return a client that tries once: redis-py's own ten retries would turn a hung server into a minute's wait.

    `tls` is the server's: the client shows the same certificate, and checks none.
    """
    secure = tls.client_options() if tls else {}
    return redis.Redis(
        host=ports.LOOPBACK,
        port=port,
        username=username,
        password=password,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
        **secure,
    )


class RedisNode(Started):
    """A Redis server without persistence. `maxmemory` as Redis writes it ("64mb"; "0" is unlimited).

    `config` are further lines of redis.conf, for example ACL users. With `tls` the port speaks nothing else; `socket` is
    the path of a Unix socket beside the port. `replica_of` is the port of a primary with the
    same password.
    """

    def __init__(
        self,
        port: int,
        directory: Path,
        *,
        name: str | None = None,
        replica_of: int | None = None,
        maxmemory: str = "0",
        password: str | None = None,
        config: Iterable[str] = (),
        tls: ServerTls | None = None,
        socket: Path | None = None,
    ) -> None:
        self.port = port
        self.instance = f"{ports.LOOPBACK}:{port}"
        self.replica_of = replica_of
        self.maxmemory = maxmemory
        self.password = password
        self.tls = tls
        self.socket = socket
        self._config = tuple(config)
        name = name or f"redis-{port}"
        self._file = directory / f"{name}.conf"
        self._child = Child(name, (binaries.find("redis-server"), self._file), directory)

    @property
    def name(self) -> str:
        """The name of the process and its log."""
        return self._child.name

    @property
    def pid(self) -> int:
        """The process id of the newest start."""
        return self._child.pid

    @property
    def alive(self) -> bool:
        """Whether the process is there (a paused one is)."""
        return self._child.alive

    @property
    def log(self) -> Path:
        """The file with what the server said."""
        return self._child.log

    @property
    def snapshot(self) -> Path:
        """Where the server writes a snapshot when it is asked for one; of servers in one directory each has its own."""
        return self._file.with_name(f"{self.name}.rdb")

    def start(self, replica_of: int | None = None) -> None:
        """Start and wait until it answers, as a replica of the port `replica_of` if one is given or was before.

        Raises `PortInUse` or `StartFailed`.
        """
        self.replica_of = replica_of or self.replica_of
        ports.require_free(self.port, f"Redis node {self.name}")
        self._file.parent.mkdir(parents=True, exist_ok=True)
        # Written anew each time: Sentinel has the server rewrite its own file.
        write_atomic(self._file, "\n".join(self._lines()) + "\n")
        self._child.start()
        self._child.wait_ready(self.answers, START_TIMEOUT)

    def _lines(self) -> list[str]:
        lines = [
            f"bind {ports.LOOPBACK}",
            *(self.tls.lines(self.port) if self.tls else [f"port {self.port}"]),
            *([f'unixsocket "{self.socket}"'] if self.socket else []),
            f'dir "{self.snapshot.parent}"',
            f'dbfilename "{self.snapshot.name}"',
            'save ""',
            "appendonly no",
            f"maxmemory {self.maxmemory}",
            "maxmemory-policy allkeys-lru",
            "repl-diskless-sync yes",  # a replica is in sync at once, and no file is written
            "repl-diskless-sync-delay 0",
            "repl-diskless-load swapdb",
        ]
        if self.password:
            lines += [f"requirepass {self.password}", f"masterauth {self.password}"]
        if self.replica_of:
            lines.append(f"replicaof {ports.LOOPBACK} {self.replica_of}")
        return lines + list(self._config)

    def answers(self) -> bool:
        """Whether the server replies within a second; a refused password or right is a reply, too."""
        with self.client() as client:
            try:
                client.ping()
            except (redis.AuthenticationError, redis.ResponseError):
                return True
            except redis.RedisError:
                return False
        return True

    def client(self, timeout: float = 1.0) -> redis.Redis:
        """Return a new client (`timeout` in seconds, no retries); close it, or use it in a `with`."""
        return connect(self.port, timeout, self.password, tls=self.tls)

    def role(self, timeout: float = 1.0) -> str | None:
        """Return "primary" or "replica" as the server says now, None when it does not say within `timeout` seconds."""
        with self.client(timeout) as client:
            try:
                answer = client.execute_command("ROLE")
            except redis.RedisError:
                return None
        return "primary" if answer[0] == "master" else "replica"

    def info(self, section: str = "default") -> dict[str, object]:
        """Return the server's INFO as redis-py parses it."""
        with self.client() as client:
            answer: dict[str, object] = client.execute_command("INFO", section)
        return answer

    def stop(self) -> None:
        """End the server."""
        self._child.stop()

    def ask_to_stop(self) -> None:
        """Send SIGTERM and do not wait."""
        self._child.ask_to_stop()

    def kill(self) -> None:
        """SIGKILL: connections are reset, nothing is said."""
        self._child.kill()

    def pause(self) -> None:
        """SIGSTOP: connections are accepted by the kernel and never answered."""
        self._child.pause()

    def resume(self) -> None:
        """SIGCONT after `pause`."""
        self._child.resume()

    def restart(self, replica_of: int | None = None) -> None:
        """Stop if needed, and start empty."""
        self.stop()
        self.start(replica_of)
