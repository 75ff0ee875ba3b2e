"""One feed for all who watch: made once, whole when it changed, a beat when not, nothing with nobody there."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
from typing import Any

import pytest

from exporter.board import feed
from exporter.board.feed import GZIP_HEADER, Feed, Frame
from tests.unit.exporter.helpers import until


class Maker:
    """Documents on demand, and how many were made."""

    def __init__(self) -> None:
        self.made = 0
        self.value = 0

    async def __call__(self, now: float) -> dict[str, Any]:
        self.made += 1
        return {"at_unix_seconds": self.made, "value": self.value}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beat as fast as it can."""
    monkeypatch.setattr(feed, "EVERY", 0.1)


async def test_nothing_is_made_while_nobody_watches() -> None:
    maker = Maker()
    board = Feed(maker)
    await asyncio.sleep(0.3)
    assert maker.made == 0
    async with contextlib.aclosing(board.frames()) as frames:
        await anext(frames)
    await until(lambda: board._task is None)
    made = maker.made
    await asyncio.sleep(0.3)
    assert maker.made == made
    assert board.clients == 0


async def test_the_first_frame_is_whole_then_beats_come_until_something_changes() -> None:
    maker = Maker()
    board = Feed(maker)
    async with contextlib.aclosing(board.frames()) as frames:
        assert (await anext(frames)).plain.startswith(b"event: fleet\n")
        assert (await anext(frames)).plain.startswith(b"event: beat\n")
        maker.value = 1
        async with asyncio.timeout(10):
            while b'"value":1' not in (await anext(frames)).plain:
                pass
    await board.close()


async def test_a_slow_client_skips_what_it_missed_but_no_change() -> None:
    maker = Maker()
    board = Feed(maker)
    async with contextlib.aclosing(board.frames()) as frames:
        await anext(frames)
        maker.value = 7
        before = maker.made
        await until(lambda: maker.made > before + 3)
        late = await anext(frames)
        assert b"event: fleet" in late.plain
        assert b'"value":7' in late.plain, "not one of the beats that came after it"
    await board.close()


async def test_ten_clients_cost_one_document_a_beat() -> None:
    maker = Maker()
    board = Feed(maker)

    async def client() -> list[int]:
        numbers = []
        async with contextlib.aclosing(board.frames()) as frames:
            async for frame in frames:
                numbers.append(frame.number)
                if len(numbers) == 3:
                    return numbers
        return numbers

    seen = await asyncio.gather(*(client() for _ in range(10)))
    assert maker.made <= 4
    assert all(one == seen[0] for one in seen)
    await board.close()


async def test_a_document_that_cannot_be_made_ends_nothing() -> None:
    maker = Maker()

    async def fails_once(now: float) -> dict[str, Any]:
        if not maker.made:
            maker.made = 1
            raise ValueError("boom")
        return await maker(now)

    board = Feed(fails_once)
    async with contextlib.aclosing(board.frames()) as frames, asyncio.timeout(10):
        assert b"event: fleet" in (await anext(frames)).plain
    await board.close()


async def test_closing_lets_everybody_go() -> None:
    board = Feed(Maker())

    async def client() -> int:
        count = 0
        async with contextlib.aclosing(board.frames()) as frames:
            async for _ in frames:
                count += 1
        return count

    watching = asyncio.create_task(client())
    await until(lambda: board.clients == 1 and board._whole.number)
    await board.close()
    assert await asyncio.wait_for(watching, 10) >= 1


def test_frames_that_were_compressed_apart_are_one_stream_in_any_order() -> None:
    frames = [Frame.of(number, "fleet", {"n": number, "text": "ü" * 1000}) for number in range(5)]
    for order in ([0, 1, 2, 3, 4], [3, 1, 4]):
        stream = io.BytesIO(GZIP_HEADER + b"".join(frames[number].packed for number in order))
        reader, read = gzip.GzipFile(fileobj=stream), b""
        with contextlib.suppress(EOFError):  # like the feed, it has no end
            while part := reader.read1(100):
                read += part
        assert read == b"".join(frames[number].plain for number in order)
