"""Bodies that come in: bounded each and together, and who is slow holds up nobody."""

from __future__ import annotations

import asyncio
from unittest.mock import Mock

import pytest
from aiohttp import StreamReader

from alerts.notifier import bodies
from alerts.notifier.bodies import LARGEST, Bodies, TooLarge, TooSlow

SOON = bodies.SLOWEST - 1


def sent(*chunks: bytes, whole: bool = True) -> StreamReader:
    """A body of which so much is there."""
    content = StreamReader(Mock(_reading_paused=False), 2**16, loop=asyncio.get_running_loop())
    for chunk in chunks:
        content.feed_data(chunk)
    if whole:
        content.feed_eof()
    return content


async def test_a_body_is_read_to_its_end() -> None:
    assert await Bodies().read(sent(b"one", b"two")) == b"onetwo"
    assert await Bodies().read(sent()) == b""


async def test_one_that_is_too_large_is_not_read_to_its_end() -> None:
    assert len(await Bodies().read(sent(b"x" * LARGEST))) == LARGEST
    with pytest.raises(TooLarge):
        await Bodies().read(sent(b"x" * LARGEST, b"x", whole=False))


async def test_one_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SLOWEST", 0.05)
    own = Bodies()
    with pytest.raises(TooSlow):
        await own.read(sent(b"x", whole=False))
    assert own.held == 0


async def test_the_slow_make_room_for_whoever_comes_the_longest_there_first() -> None:
    own = Bodies(most=100)
    slow = [asyncio.create_task(own.read(sent(b"x" * 40, whole=False))) for _ in range(2)]
    await asyncio.sleep(0.01)
    assert own.held == 80
    async with asyncio.timeout(SOON):
        assert await own.read(sent(b"y" * 50)) == b"y" * 50
        with pytest.raises(TooSlow):
            await slow[0]
    assert not slow[1].done()
    assert own.held == 40
    slow[1].cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    assert own.held == 0


async def test_many_slow_ones_hold_up_no_page() -> None:
    own = Bodies(most=1000)
    slow = [asyncio.create_task(own.read(sent(b"x" * 90, whole=False))) for _ in range(50)]
    async with asyncio.timeout(SOON):
        for _ in range(50):
            assert await own.read(sent(b"y" * 900)) == b"y" * 900
            assert own.held <= 1000
    for task in slow:
        task.cancel()
    assert {type(ended) for ended in await asyncio.gather(*slow, return_exceptions=True)} <= {
        TooSlow,
        asyncio.CancelledError,
    }
