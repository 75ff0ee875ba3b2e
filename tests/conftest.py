"""Real servers for every test that wants one. All on loopback, all gone afterwards."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

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
_LONGEST = "test_alerts_proofs.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Side by side, tests that compute run beside tests that wait for servers: the files are shuffled, each time alike.

    The longest file begins, for it runs in one process; units, which are short, fill up the end.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=_turn)


def _turn(item: pytest.Item) -> tuple[bool, bool, int, Path]:
    name = item.path.name
    return name != _LONGEST, "unit" in item.path.parts, crc32(name.encode()), item.path


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
