"""Clients that are slow, wrong or many get a clear answer, or the door, and hold up nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import pytest
from aiohttp import web

from exporter.connections import Guard, Patience
from sandbox import web as client
from sandbox.ports import LOOPBACK, free_port
from sandbox.process import wait_until
from sandbox.redis_node import RedisNode
from tests.integration.exporter_support import Serving
from tests.unit.exporter.helpers import until

PATIENCE = 40.0
GET = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
SHORT = Patience(request=0.5, reader=0.5, idle=3600.0, most=8)
BIG = b"x" * 64 * 1024 * 1024


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The real process with its real patience."""
    directory = tmp_path_factory.mktemp("clients")
    with ExitStack() as stack:
        node = stack.enter_context(RedisNode(free_port(), directory))
        found = Serving(directory, {"fleet": {"nodes": [f"redis://{node.instance}"]}})
        stack.callback(found.stop)
        found.start()
        wait_until(lambda: found.health()["status"] == "UP", PATIENCE, "UP")
        yield found


def connected(port: int) -> socket.socket:
    return socket.create_connection((LOOPBACK, port), timeout=PATIENCE)


def read_all(connection: socket.socket) -> bytes:
    """What comes until the other side ends it, in whatever way."""
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (b"GET /health HTTP/1.1\r\nHost: x\r\nX-Big: " + b"a" * 20_000 + b"\r\n\r\n", b"more than 8190 bytes"),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"more than 8190 bytes"),
        (b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 1000 + b"\r\n", b""),
        (b"BREW /health HTTP/1.1\r\nHost: x\r\n\r\n", b"Invalid method"),
        (b"*1\r\n$4\r\nPING\r\n", b"Bad"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"Bad"),
    ],
    ids=["header", "path", "headers", "method", "redis", "tls"],
)
def test_what_is_no_request_is_400_at_once_and_not_in_the_log(serving: Serving, sent: bytes, says: bytes) -> None:
    with connected(serving.port) as connection:
        connection.sendall(sent)
        answer = read_all(connection)
    assert answer.split(b"\r\n", 1)[0].split(b" ", 1)[1] == b"400 Bad Request"
    assert says in answer
    assert "Traceback" not in serving.log.read_text()
    assert client.answers(f"{serving.url}/health")


def test_hundreds_of_clients_that_never_end_their_request_hold_up_nobody_and_are_ended(serving: Serving) -> None:
    slow = [connected(serving.port) for _ in range(400)]
    try:
        for number, one in enumerate(slow):
            with contextlib.suppress(ConnectionError):  # the first are shown the door by the last
                one.sendall(GET[: 1 + number % 20])
        assert client.answers(f"{serving.url}/health", 10.0)
        assert serving.page("/metrics/sli")
        for one in slow:
            read_all(one)  # socket.timeout, were one of them kept
    finally:
        for one in slow:
            one.close()
    assert "Traceback" not in serving.log.read_text()


class Door:
    """A server behind a guard with short patience."""

    def __init__(self, port: int, guard: Guard) -> None:
        self.port, self.guard, self.gate = port, guard, asyncio.Event()

    async def quick(self, _: web.Request) -> web.Response:
        return web.Response(text="quick")

    async def waits(self, _: web.Request) -> web.Response:
        await self.gate.wait()
        return web.Response(text="waited")

    async def takes(self, request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    async def big(self, _: web.Request) -> web.Response:
        return web.Response(body=BIG)

    async def open(self, sent: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(LOOPBACK, self.port, limit=len(BIG) * 2)
        writer.write(sent)
        return reader, writer


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    guard = Guard(SHORT)
    found = Door(free_port(), guard)
    app = web.Application(middlewares=[guard.middleware()])
    app.add_routes([web.get("/", found.quick), web.get("/waits", found.waits), web.get("/big", found.big)])
    app.add_routes([web.post("/takes", found.takes)])
    runner = guard.runner(app)
    await runner.setup()
    try:
        async with guard.listening(runner, LOOPBACK, found.port):
            yield found
    finally:
        found.gate.set()
        await runner.cleanup()


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What comes until the server ends the connection; TimeoutError when it does not."""
    async with asyncio.timeout(PATIENCE):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


@pytest.mark.parametrize("sent", [b"", b"G", get("/")[:-2]])
async def test_a_request_that_does_not_come_is_not_waited_for(door: Door, sent: bytes) -> None:
    reader, writer = await door.open(sent)
    assert await ended(reader) == b""
    writer.close()


async def test_a_byte_now_and_then_gains_no_time(door: Door) -> None:
    reader, writer = await door.open(b"GET / HTTP/1.1\r\nX: ")
    began, end = time.monotonic(), asyncio.create_task(ended(reader))
    while not end.done():
        with contextlib.suppress(ConnectionError):
            writer.write(b"a")
        await asyncio.sleep(0.1)
        assert time.monotonic() - began < PATIENCE
    writer.close()


async def test_a_second_request_on_a_kept_connection_has_the_same_time(door: Door) -> None:
    reader, writer = await door.open(get("/"))
    assert b"200 OK" in await reader.readuntil(b"quick")
    writer.write(b"GET")
    assert await ended(reader) == b""
    writer.close()


async def test_a_body_that_does_not_come_is_not_waited_for_either(door: Door) -> None:
    reader, writer = await door.open(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
    assert b"quick" in await ended(reader)
    writer.close()


async def test_a_client_that_takes_nothing_is_let_go_of(door: Door) -> None:
    reader, writer = await door.open(get("/big"))
    writer.transport.pause_reading()  # type: ignore[attr-defined]  # of asyncio's transports
    await until(lambda: door.guard.count, PATIENCE)
    await until(lambda: not door.guard.count, PATIENCE)
    writer.transport.resume_reading()  # type: ignore[attr-defined]
    assert len(await ended(reader)) < len(BIG)
    writer.close()


async def test_a_request_that_takes_long_is_not_ended_for_it(door: Door) -> None:
    reader, writer = await door.open(get("/waits"))
    await asyncio.sleep(3 * SHORT.request + 1.0)
    door.gate.set()
    assert b"waited" in await reader.readuntil(b"waited")
    writer.close()


async def test_when_all_are_taken_who_asks_for_nothing_makes_room(door: Door) -> None:
    kept = await door.open(get("/"))
    await kept[0].readuntil(b"quick")
    idle = [await door.open() for _ in range(SHORT.most - 1)]
    reader, writer = await door.open(get("/"))
    assert b"200 OK" in await reader.readuntil(b"quick")
    assert await ended(idle[0][0]) == b""
    kept[1].write(get("/"))
    assert b"200 OK" in await kept[0].readuntil(b"quick"), "one that was of use before is not the first to go"
    for _, each in (kept, *idle, (reader, writer)):
        each.close()


async def test_who_has_sent_half_a_body_makes_room_too(door: Door) -> None:
    half = b"POST /takes HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc"
    slow = [await door.open(half) for _ in range(SHORT.most)]
    await until(lambda: door.guard.busy == SHORT.most, PATIENCE)
    reader, writer = await door.open(half + b"def")
    assert b"abcdef" in await reader.readuntil(b"abcdef")
    assert await ended(slow[0][0]) == b""
    slow[1][1].write(b"xyz")
    assert b"200 OK" in await slow[1][0].readuntil(b"abcxyz"), "one goes, not all"
    for _, each in (*slow, (reader, writer)):
        each.close()


async def test_when_all_are_being_answered_one_more_is_503(door: Door) -> None:
    busy = [await door.open(get("/waits")) for _ in range(SHORT.most)]
    await until(lambda: door.guard.busy == SHORT.most, PATIENCE)
    reader, writer = await door.open(get("/"))
    answer = await ended(reader)
    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert answer.endswith(b"try again.\n")
    writer.close()
    door.gate.set()
    for one, each in busy:
        assert b"200 OK" in await one.readuntil(b"waited")
        each.close()
