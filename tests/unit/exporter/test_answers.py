"""Pages over HTTP: gzip at level 1 for whoever asks for it, plain and whole for everybody else, however large."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import gzip
import http.client
import logging
import time
import weakref
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer
from isal import isal_zlib

from exporter import answers
from exporter.answers import asks_for_gzip, page

SMALL = ("# HELP a b\na 1\n", 'b{c="é"} 2\n')
# Longer than a slice of the page, which then ends inside of a line and beside letters of several bytes.
LARGE = ("x" * 300_000, 'b{c="é€"} 2\n' * 100_000, "")
PAGES = {"small": SMALL, "large": LARGE}


@pytest.fixture
async def server() -> AsyncIterator[BaseTestServer]:
    async def answer(request: web.Request) -> web.StreamResponse:
        return await page(request, ([text.encode()] for text in PAGES[request.match_info["size"]]))

    app = web.Application()
    app.router.add_get("/{size}", answer)
    async with TestServer(app) as running:
        yield running


async def asked(server: BaseTestServer, path: str, method: str = "GET", **headers: str) -> tuple[dict[str, str], bytes]:
    """Headers and body, by a client that asks for nothing by itself and unpacks nothing."""

    def ask() -> tuple[dict[str, str], bytes]:
        connection = http.client.HTTPConnection(str(server.host), server.port, timeout=30.0)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            answer = connection.getresponse()
            return dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    return await asyncio.to_thread(ask)


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        (["gzip"], True),
        (["GZip"], True),
        (["deflate, gzip;q=0.5"], True),
        (["br", "gzip"], True),
        (["x-gzip"], True),
        (["gzip;q=0.001"], True),
        (["gzip;q=0"], False),
        (["gzip; q=0.000, identity"], False),
        (["identity"], False),
        (["deflate, br"], False),
        (["*"], False),
        (["gzipped"], False),
        ([""], False),
        ([], False),
    ],
)
def test_gzip_is_asked_for_by_its_name_and_refused_by_a_weight_of_nothing(headers: list[str], wanted: bool) -> None:
    assert asks_for_gzip(headers) is wanted


@pytest.mark.parametrize("size", PAGES)
async def test_whoever_asks_gets_gzip_of_level_1_and_it_is_as_small_as_that_of_zlib(
    server: BaseTestServer, size: str
) -> None:
    headers, body = await asked(server, f"/{size}", Accept_Encoding="gzip")
    assert headers["Content-Encoding"] == "gzip"
    assert headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(body).decode() == "".join(PAGES[size])
    packer = isal_zlib.compressobj(1, wbits=16 + isal_zlib.MAX_WBITS)
    assert body == b"".join([packer.compress(text.encode()) for text in PAGES[size]]) + packer.flush()
    assert len(body) <= 1.1 * len(gzip.compress("".join(PAGES[size]).encode(), 1))


@pytest.mark.parametrize("asking", [{}, {"Accept_Encoding": "identity"}, {"Accept_Encoding": "gzip;q=0"}])
@pytest.mark.parametrize("size", PAGES)
async def test_whoever_does_not_ask_gets_the_page_as_it_is(
    server: BaseTestServer, size: str, asking: dict[str, str]
) -> None:
    headers, body = await asked(server, f"/{size}", **asking)
    assert "Content-Encoding" not in headers
    assert headers["Vary"] == "Accept-Encoding"
    assert body.decode() == "".join(PAGES[size])


@pytest.mark.parametrize("size", PAGES)
async def test_a_head_request_gets_the_headers_and_no_page(server: BaseTestServer, size: str) -> None:
    headers, body = await asked(server, f"/{size}", "HEAD")
    assert headers["Vary"] == "Accept-Encoding"
    assert body == b""


async def test_a_reader_who_does_not_read_is_left_after_a_while(
    server: BaseTestServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(answers, "PATIENCE", 0.2)
    monkeypatch.setitem(PAGES, "large", ("x" * 1_000_000,) * 50)
    reader, writer = await asyncio.open_connection(str(server.host), server.port, limit=1024)
    writer.write(b"GET /large HTTP/1.1\r\nHost: here\r\n\r\n")
    await asyncio.sleep(0.5)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(50_000_000)
    writer.close()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_reader_who_leaves_in_the_middle_harms_nobody(
    server: BaseTestServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(PAGES, "large", ("x" * 1_000_000,) * 50)
    reader, writer = await asyncio.open_connection(str(server.host), server.port)
    writer.write(b"GET /large HTTP/1.1\r\nHost: here\r\n\r\n")
    await reader.readexactly(1000)
    writer.transport.abort()
    _, body = await asked(server, "/small")
    assert body.decode() == "".join(SMALL)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_of_a_page_whose_reader_has_gone_nothing_is_kept_and_nothing_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Prometheus goes at its timeout: with the error's traceback all that the page was made of would stay in memory."""
    made: list[weakref.ref[_Large]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        large = _Large()
        made.append(weakref.ref(large))
        return await page(request, large.texts())

    app = web.Application()
    app.router.add_get("/", answer)
    gc.disable()
    try:
        async with _served(app) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
            await reader.readexactly(1000)
            writer.transport.abort()
            async with asyncio.timeout(20):
                while made[0]() is not None:  # noqa: ASYNC110  # what is awaited is that something is not there
                    await asyncio.sleep(0.01)
    finally:
        gc.enable()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@contextlib.asynccontextmanager
async def _served(app: web.Application) -> AsyncIterator[int]:
    """Its port. As the exporter serves; TestServer cancels whoever answers a reader that has gone."""
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


class _Large:
    """What a page is made of, held by whoever makes it."""

    def texts(self) -> Iterator[list[bytes]]:
        for _ in range(50):
            time.sleep(2 * answers._TURN)  # so that it is between two pieces when its reader goes
            yield [b"x" * answers._PIECE]


@pytest.mark.parametrize("coding", ["gzip", "identity"])
async def test_others_have_their_turn_while_a_large_page_is_made(coding: str) -> None:
    turns, seen = 0, []

    def texts() -> Iterator[list[bytes]]:
        for _ in range(20):
            seen.append(turns)
            time.sleep(2 * answers._TURN)  # the work that making a part of a page is
            yield [b"x" * answers._PIECE]

    async def answer(request: web.Request) -> web.StreamResponse:
        return await page(request, texts())

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    app = web.Application()
    app.router.add_get("/", answer)
    async with TestServer(app) as server:
        counting = asyncio.create_task(count())
        try:
            await asked(server, "/", Accept_Encoding=coding)
        finally:
            counting.cancel()
    assert len(set(seen)) > 15, "two pieces are made before the first is sent"
