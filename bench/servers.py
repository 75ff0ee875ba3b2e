"""Real redis-servers by the hundred: quiet, small, each with 48 commands seen; started side by side, gone afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Lock

from sandbox.ports import free_port
from sandbox.redis_node import RedisNode

# What a server does by itself is taken off, and must not drown what it is asked.
QUIET = ("hz 1", "dynamic-hz no", "maxclients 64", "activedefrag no", "repl-backlog-size 16kb")
_AT_ONCE = 8
_COMMANDS = """
set s 1|get s|append s 1|strlen s|getrange s 0 1|setrange s 0 2|getset s 3|setnx s 4|mset a 1 b 2|mget a b|exists a
type a|touch a|expire a 900|ttl a|persist a|pttl a|incr n|decr n|incrby n 2|decrby n 2|incrbyfloat n 1|hset h f 1|hget h f
hlen h|hkeys h|hvals h|hgetall h|hexists h f|hincrby h f 1|lpush l 1|rpush l 2|lrange l 0 1|llen l|lindex l 0|lpop l|sadd t 1
scard t|smembers t|sismember t 1|zadd z 1 a|zcard z|zscore z a|zrange z 0 1|zrank z a|pfadd p 1|pfcount p|dbsize
"""


def started(stack: ExitStack, directory: Path, count: int, config: Iterable[str] = ()) -> list[RedisNode]:
    """Give that many running servers, each used, with these further lines of configuration; they are gone when the stack ends.

    A server dies with the thread that started it, so the threads live as long as the stack.
    """
    pool = stack.enter_context(ThreadPoolExecutor(_AT_ONCE))
    servers: list[RedisNode] = []
    stack.callback(_kill, servers)
    choosing = Lock()

    def start(_: int) -> None:
        with choosing:  # each port just before its use: chosen all at once, some would be another program's by then
            server = RedisNode(free_port(), directory, config=(*QUIET, *config))
        servers.append(server)
        server.start()
        _use(server)

    list(pool.map(start, range(count)))
    return servers


def _kill(servers: list[RedisNode]) -> None:
    """At `hz 1` a server takes up to a second to obey SIGTERM, and one that is stopped never does."""
    for server in servers:
        server.kill()


def _use(server: RedisNode) -> None:
    with server.client(timeout=20.0) as client, client.pipeline(transaction=False) as pipeline:
        for command in _COMMANDS.replace("\n", "|").strip("|").split("|"):
            pipeline.execute_command(*command.split())
        pipeline.execute()
