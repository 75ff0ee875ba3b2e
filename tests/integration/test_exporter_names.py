"""A name with several addresses is one node, reached by whichever of them it listens at."""

from __future__ import annotations

import asyncio
import socket

import pytest

from exporter.access import Access
from exporter.app import Exporter
from exporter.names import Names
from exporter.wire import Connection
from policy.model import Policy
from sandbox.ports import LOOPBACK
from sandbox.redis_node import RedisNode
from tests.integration.exporter_support import Peer, shown, silent
from tests.unit.exporter.helpers import until, value


async def test_a_name_is_watched_by_the_address_at_which_its_node_listens(redis_node: RedisNode) -> None:
    """`localhost` is often ::1 first, and Redis listens on 127.0.0.1 alone; clients try the next one."""
    fleet = {"nodes": [f"redis://cache.invalid:{redis_node.port}"]}
    exporter = Exporter(Policy.model_validate({"fleet": fleet, "collect": {"interval": "1s", "timeout": "500ms"}}), {})
    exporter.names._look = lambda _: ["127.0.0.2", "::1", LOOPBACK]
    async with exporter.running():
        await until(lambda: value(shown(exporter), "redis_up") == 1)
        await until(lambda: value(shown(exporter), "cache_node_up") == 1)
        assert exporter.names.address("cache.invalid") == LOOPBACK


async def test_an_address_that_hangs_is_not_the_first_one_the_next_time() -> None:
    names = Names(lambda _: ["127.0.0.2", LOOPBACK])
    with Peer(silent) as peer:
        first = socket.create_server(("127.0.0.2", peer.port), backlog=0)
        try:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await Connection.dial(names, "cache.invalid", peer.port, Access(password="word"))
        finally:
            first.close()
    assert names.candidates("cache.invalid") == (LOOPBACK, "127.0.0.2")
