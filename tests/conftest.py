"""Real servers for every test that wants one. All on loopback, all gone afterwards."""

import os
import signal
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from sandbox.fleet import SentinelFleet
from sandbox.ports import SLICE, free_port
from sandbox.redis_node import RedisNode
from sandbox.sink import Sink, start_sink

# Test processes side by side choose their ports from slices of their own.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ[SLICE] = (
        f"{os.environ['PYTEST_XDIST_WORKER'].removeprefix('gw')}/{os.environ['PYTEST_XDIST_WORKER_COUNT']}"
    )

# A tenth less CPU of the servers that are written in Go, for some memory.
os.environ["GOGC"] = "400"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Side by side, tests that compute run beside tests that wait for servers: the files of the folders are mixed evenly."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items[:] = mixed(items)


def mixed(items: list[pytest.Item]) -> list[pytest.Item]:
    """The items file by file, in an order in which each folder below `tests/` is as far as every other."""
    files = [list(group) for _, group in groupby(items, lambda item: item.path)]
    rooms = [file[0].path.relative_to(Path(__file__).parent).parts[0] for file in files]
    far = [(rooms[:at].count(room) + 0.5) / rooms.count(room) for at, room in enumerate(rooms)]
    return [item for _, file in sorted(zip(far, files, strict=True), key=lambda each: each[0]) for item in file]


@pytest.fixture(autouse=True, scope="session")
def signals_end() -> Iterator[None]:
    """Let SIGHUP and SIGINT end a program as by default: under nohup, or in the background, we and every child would not."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL), signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in zip((signal.SIGHUP, signal.SIGINT), before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def redis_node(tmp_path: Path) -> Iterator[RedisNode]:
    """Give a fresh, empty Redis server without a memory limit."""
    with RedisNode(free_port(), tmp_path) as node:
        yield node


@pytest.fixture(scope="session")
def sentinel_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentinelFleet]:
    """Share one fleet for the whole run: two shards of primary and replica under three sentinels.

    It is shared: a test that breaks it makes one of its own, or leaves it whole (`in_sync`).
    """
    with SentinelFleet(tmp_path_factory.mktemp("fleet"), shards=2) as fleet:
        yield fleet


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    """Give the stand-in for Slack and PagerDuty, nothing received yet."""
    with start_sink(tmp_path, free_port()) as running:
        yield running
