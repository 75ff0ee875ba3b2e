"""The application's side of the cache: find the primary, ask it, give up in time, read the database instead."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from sandbox.redis_node import connect
from sandbox.sentinel import primary_port
from sandbox.traffic_model import database_row

_DATABASE_SECONDS = 0.010
_ASK_AGAIN_SECONDS = 0.5


@dataclass(frozen=True)
class Rules:
    """How long a client waits for a reply (seconds), how often it tries again, and the password of the nodes."""

    get_timeout: float
    get_retries: int
    set_timeout: float
    set_retries: int
    password: str | None = None


class ShardClient:
    """The connection to the primary of one shard, whichever node that is."""

    def __init__(self, shard: str, sentinels: Sequence[str], rules: Rules) -> None:
        self._shard = shard
        self._sentinels = sentinels
        self._rules = rules
        self._port: int | None = None
        self._client: redis.Redis | None = None
        self._asked = 0.0
        self.retries: Counter[str] = Counter()
        """How often a GET ("get") or a SET ("set") was tried once more, so far."""

    def get(self, key: str) -> str | None:
        """Return the cached value or None. `redis.RedisError` once the retries are used up."""
        rules = self._rules
        value: str | None = self._call("get", rules.get_timeout, rules.get_retries, lambda client: client.get(key))
        return value

    def put(self, key: str, value: str, expiry: int) -> None:
        """Cache a value for `expiry` seconds. `redis.RedisError` once the retries are used up."""
        rules = self._rules
        self._call("set", rules.set_timeout, rules.set_retries, lambda client: client.set(key, value, ex=expiry))

    def _call(self, what: str, timeout: float, retries: int, command: Callable[[redis.Redis], Any]) -> Any:
        while True:
            try:
                return command(self._connected(timeout))
            except redis.RedisError:
                self._look_for_primary()
                if not retries:
                    raise
                retries -= 1
                self.retries[what] += 1

    def _connected(self, timeout: float) -> redis.Redis:
        if self._client is None:
            self._port = primary_port(self._sentinels, self._shard) if self._port is None else self._port
            if self._port is None:
                raise redis.ConnectionError(f"no sentinel knows the primary of {self._shard}")
            self._client = connect(self._port, timeout, self._rules.password)
        return self._client

    def _look_for_primary(self) -> None:
        """Ask the sentinels after a failure, not more often than twice a second: a dead primary costs them nothing."""
        if time.monotonic() - self._asked < _ASK_AGAIN_SECONDS:
            return
        self._asked = time.monotonic()
        port = primary_port(self._sentinels, self._shard)
        if port not in (None, self._port):
            self._port = port
            self.close()

    def close(self) -> None:
        """Close the connection; the next request opens one."""
        if self._client is not None:
            self._client.close()
            self._client = None


def read_through(client: ShardClient, key: str, expiry: int) -> str:
    """Make one request as the application does; return "hit", "miss" or "error" (the cache did not answer in time)."""
    try:
        if client.get(key) is not None:
            return "hit"
    except redis.RedisError:
        time.sleep(_DATABASE_SECONDS)
        return "error"
    time.sleep(_DATABASE_SECONDS)
    row = database_row(key)
    if row is not None:
        try:
            client.put(key, row, expiry)
        except redis.RedisError:
            return "miss"  # read from the database all the same; the next reader will miss, too
    return "miss"


def clients(shards: Sequence[str], sentinels: Sequence[str], rules: Rules) -> Mapping[str, ShardClient]:
    """Return one client per shard."""
    return {shard: ShardClient(shard, sentinels, rules) for shard in shards}
