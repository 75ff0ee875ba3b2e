"""The slow path of the sandbox, between a real server and its clients."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from sandbox import ports
from sandbox.process import wait_until
from sandbox.redis_node import RedisNode, connect
from sandbox.slow_path import Pace, SlowPath

_PATIENCE = 10.0


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RedisNode]:
    with RedisNode(ports.free_port(), tmp_path) as found:
        yield found


@pytest.fixture
def way() -> int:
    return ports.free_port()


@pytest.fixture
def path(tmp_path: Path, node: RedisNode, way: int) -> Iterator[SlowPath]:
    with SlowPath(tmp_path, {way: node.port}) as found:
        yield found


def took(do: Callable[[], object]) -> float:
    begun = time.monotonic()
    do()
    return time.monotonic() - begun


def test_an_open_path_carries_and_a_late_one_holds_up_what_comes_back(path: SlowPath, way: int) -> None:
    with connect(way) as client:
        assert client.ping()
        assert min(took(client.ping) for _ in range(20)) < 0.02
        path.hold_up(way, Pace(delay=0.05))
        wait_until(lambda: took(client.ping) > 0.05, _PATIENCE, "the path to be late")
        assert min(took(client.ping) for _ in range(5)) >= 0.05
        path.hold_up(way, Pace())
        wait_until(lambda: took(client.ping) < 0.05, _PATIENCE, "the path to be open")


def test_a_narrow_path_carries_so_many_bytes_a_second(path: SlowPath, node: RedisNode, way: int) -> None:
    with node.client() as client:
        client.set("large", "x" * 40_000)
    path.hold_up(way, Pace(rate=100_000.0))
    with connect(way) as client:
        wait_until(lambda: took(lambda: client.get("large")) >= 0.4, _PATIENCE, "the path to be narrow")


def test_a_cut_loses_the_next_answer_with_its_connection_and_lets_the_next_one_in(path: SlowPath, way: int) -> None:
    with connect(way) as client, connect(way) as other:
        assert client.ping()
        assert other.ping()
        path.cut(way)
        for each in (client, other):
            with pytest.raises(redis.ConnectionError):
                wait_until(lambda each=each: not each.ping(), _PATIENCE, "the connection to be cut")  # type: ignore[misc]
            assert each.ping()


def test_a_path_to_a_server_that_is_gone_refuses(path: SlowPath, node: RedisNode, way: int) -> None:
    node.kill()
    with connect(way) as client, pytest.raises(redis.ConnectionError):
        client.ping()
    assert path.alive
