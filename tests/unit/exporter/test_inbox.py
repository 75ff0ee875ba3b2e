"""What arrives on a connection: whole replies, in order, and a clear end when a peer is no Redis."""

import asyncio
import random

import hiredis
import pytest

from exporter import heads
from exporter.failures import NodeError
from exporter.inbox import MAX_REPLY, Inbox


def arrive(inbox: Inbox, data: bytes) -> None:
    """Let bytes arrive as the transport hands them over: never more than the landing place holds."""
    while data:
        landing = inbox.get_buffer(-1)
        size = min(len(landing), len(data))
        landing[:size] = data[:size]
        inbox.buffer_updated(size)
        data = data[size:]


async def test_replies_come_in_order_however_they_were_cut() -> None:
    inbox = Inbox()
    inbox.expect(3)
    taken = asyncio.ensure_future(inbox.take(2))
    for byte in b"+OK\r\n$3\r\nabc\r\n:7\r\n":
        arrive(inbox, bytes([byte]))
        await asyncio.sleep(0)
    assert await taken == [b"OK", b"abc"]
    assert await inbox.take(1) == [7]


async def test_two_connections_do_not_mix_what_they_receive() -> None:
    one, other = Inbox(), Inbox()
    one.expect(1)
    other.expect(1)
    arrive(one, b"$6\r\nabc")
    arrive(other, b"$6\r\nxyz")
    arrive(one, b"def\r\n")
    arrive(other, b"uvw\r\n")
    assert (await one.take(1), await other.take(1)) == ([b"abcdef"], [b"xyzuvw"])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not a Redis reply"),
        (b"+OK\r\n+OK\r\n", "answered what nobody asked"),
        (b"$%d\r\n" % (2 * MAX_REPLY) + b"x" * (MAX_REPLY + 1), "a reply of more than"),
        (b"*1000000000\r\n", "a list of 100000 elements or more"),
        (b"+OK\r\n*2\r\n*100000\r\n", "a list of 100000 elements or more"),
        (b"%999999\r\n", "a list of 100000 elements or more"),
        (b"$3\r\nabc\r\n~1\r\n$-5\r\n", "not a Redis reply"),
    ],
)
async def test_a_peer_that_is_no_redis_ends_the_wait_and_every_later_one(data: bytes, why: str) -> None:
    inbox = Inbox()
    inbox.expect(1)
    waiting = asyncio.ensure_future(inbox.take(2))
    await asyncio.sleep(0)
    arrive(inbox, data)
    for _ in range(2):
        with pytest.raises(NodeError, match=why) as refused:
            async with asyncio.timeout(5):
                await (waiting if not waiting.done() else inbox.take(2))
        assert refused.value.result == "protocol"
    assert inbox.ended


async def test_a_connection_that_was_lost_is_a_reset_whoever_comes_later() -> None:
    inbox = Inbox()
    inbox.connection_lost(None)
    with pytest.raises(ConnectionResetError):
        await inbox.take(1)


async def test_a_wait_that_was_given_up_does_not_take_the_next_ones_reply() -> None:
    inbox = Inbox()
    inbox.expect(1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await inbox.take(1)
    arrive(inbox, b"+late\r\n")
    assert await inbox.take(1) == [b"late"]


@pytest.mark.parametrize("cut", range(1, 12))
async def test_a_list_that_is_too_long_is_refused_however_its_head_was_cut(cut: int) -> None:
    inbox = Inbox()
    inbox.expect(2)
    waiting = asyncio.ensure_future(inbox.take(2))
    await asyncio.sleep(0)
    data = b":1\r\n*123456\r\n"
    arrive(inbox, data[:cut])
    arrive(inbox, data[cut:])
    with pytest.raises(NodeError, match="a list of 100000"):
        async with asyncio.timeout(5):
            await waiting


@pytest.mark.parametrize(
    "text",
    [
        b"KEYS session:*123456789",
        b"return #KEYS >1000000",
        b"*99999\r\n",
        b"*\r\n*12a4567",
        b"12345|1234567",
        b"a\n*123456",
        b"a\r\n*123456\r\n>1000000\r\n",
        b"\n%999999\n~999999\n|999999",
        b"*12345",
    ],
)
async def test_a_text_that_has_stars_and_numbers_in_it_is_a_text(text: bytes) -> None:
    inbox = Inbox()
    inbox.expect(1)
    for byte in b"$%d\r\n%s\r\n" % (len(text), text):
        arrive(inbox, bytes([byte]))
    async with asyncio.timeout(5):
        assert await inbox.take(1) == [text]


FAKES = (b"\n*123456", b"\r\n>999999\r\n", b"%1000000\r\n", b"$5\r\nabcde\r\n", b"plain", b"")


def reply(chance: random.Random, depth: int = 0) -> bytes:
    """A reply of whatever kind; its texts look like replies."""
    kind = chance.choice("$$$+:*_" if depth < 3 else "$$+:")
    if kind == "*":
        parts = [reply(chance, depth + 1) for _ in range(chance.randint(0, 4))]
        return b"*%d\r\n%s" % (len(parts), b"".join(parts))
    if kind == "_":
        return b"$-1\r\n"
    if kind == "$":
        text = b"".join(chance.choices(FAKES, k=chance.randint(0, 6)))
        return b"$%d\r\n%s\r\n" % (len(text), text)
    return b":12345678\r\n" if kind == ":" else b"+*1234567\r\n"


def arrive_cut(inbox: Inbox, data: bytes, chance: random.Random) -> None:
    while data and not inbox.ended:
        size = chance.choice((1, 7, 8, 30, 1000))
        arrive(inbox, data[:size])
        data = data[size:]


async def test_texts_that_look_like_replies_change_nothing_however_they_are_cut() -> None:
    chance = random.Random(5)  # noqa: S311
    for _ in range(300):
        inbox = Inbox()
        for _ in range(3):  # one connection, a batch after the other
            batch = [reply(chance) for _ in range(chance.randint(1, 8))]
            reader = hiredis.Reader()
            reader.feed(b"".join(batch))
            inbox.expect(len(batch))
            arrive_cut(inbox, b"".join(batch), chance)
            assert await inbox.take(len(batch)) == [reader.gets() for _ in batch]


async def test_a_list_that_is_too_long_is_found_behind_texts_that_look_like_one() -> None:
    chance = random.Random(6)  # noqa: S311
    for _ in range(300):
        inbox = Inbox()
        batch = [reply(chance) for _ in range(chance.randint(1, 8))]
        head = chance.choice((b"*", b"%", b"~", b">")) + b"123456\r\n"
        batch.insert(chance.randint(0, len(batch)), chance.choice((b"", b"*2\r\n:1\r\n")) + head)
        inbox.expect(len(batch))
        arrive_cut(inbox, b"".join(batch), chance)
        with pytest.raises(NodeError, match="a list of 100000"):
            async with asyncio.timeout(5):
                await inbox.take(len(batch))


async def test_of_a_batch_that_is_too_long_to_be_kept_every_line_that_looks_like_a_head_is_one() -> None:
    inbox, long = Inbox(), b"x" * (heads._MOST_KEPT + 1)
    inbox.expect(3)
    arrive(inbox, b"$%d\r\n%s\r\n" % (len(long), long))
    arrive(inbox, b"$8\r\n\n*123456\r\n")
    with pytest.raises(NodeError, match="a list of 100000"):
        async with asyncio.timeout(5):
            await inbox.take(2)
