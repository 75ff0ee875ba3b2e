"""The board over HTTP: its files and their guard, its data, its feed, and clients that are slow, many or gone."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web as server

from exporter.board import feed, pages
from exporter.board.board import Board
from exporter.board.pages import Pages
from sandbox import web
from sandbox.ports import LOOPBACK, free_port
from sandbox.process import wait_until
from sandbox.redis_node import RedisNode
from tests.integration.exporter_support import Serving
from tests.unit.exporter.helpers import until, watching

GUARD = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The exporter on one node that is listed in a shard."""
    directory = tmp_path_factory.mktemp("board")
    with RedisNode(free_port(), directory) as node:
        policy = {"fleet": {"nodes": [{"url": f"redis://{node.instance}", "shard": "a b"}]}}
        with Serving(directory, policy | {"collect": {"interval": "1s", "timeout": "500ms"}}) as running:
            wait_until(lambda: fleet(running)["counts"]["nodes"]["up"] == 1, 60.0, "the node", every=0.2)
            yield running


def fleet(serving: Serving) -> dict[str, Any]:
    document: dict[str, Any] = web.get_json(f"{serving.url}/api/v1/fleet")
    return document


def asked(serving: Serving, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers with small names, body."""
    connection = http.client.HTTPConnection(LOOPBACK, serving.port, timeout=20)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def page_files() -> list[str]:
    folder = Path(pages.__file__).parent / "page"
    return sorted(f"/board/{file.name}" for file in folder.iterdir() if file.suffix in (".js", ".css", ".svg"))


@pytest.mark.parametrize("path", ["/", *page_files()])
def test_every_file_is_guarded_and_asked_for_again_only_when_it_changed(serving: Serving, path: str) -> None:
    status, headers, body = asked(serving, path)
    assert status == 200
    assert body
    assert {name: headers.get(name) for name in GUARD} == GUARD
    assert headers["cache-control"] == "no-cache"
    status, headers, body = asked(serving, path, If_None_Match=headers["etag"])
    assert (status, body) == (304, b"")
    assert headers["content-security-policy"] == GUARD["content-security-policy"]
    assert asked(serving, path, If_None_Match='"another"')[0] == 200


def test_the_page_asks_for_nothing_inline_and_nothing_from_elsewhere() -> None:
    folder = Path(pages.__file__).parent / "page"
    html = (folder / "index.html").read_text()
    assert "style=" not in html
    assert "<script>" not in html
    scripts = "".join(file.read_text() for file in folder.glob("*.js"))
    assert not [
        word for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(") if word in scripts
    ]
    assert "https://" not in html


@pytest.mark.parametrize(
    "path", ["/board/", "/board/nothing.js", "/board/__init__.py", "/board/..%2f..%2fapp.py", "/board"]
)
def test_what_is_no_file_of_the_page_is_404(serving: Serving, path: str) -> None:
    assert asked(serving, path)[0] == 404


def test_head_and_wrong_methods_get_a_clear_answer(serving: Serving) -> None:
    for path in ("/", "/api/v1/fleet", "/api/v1/history"):
        assert asked(serving, path, "HEAD")[0] == 200
    for path in ("/", "/api/v1/fleet", "/api/v1/events"):
        status, headers, body = asked(serving, path, "POST")
        assert (status, headers["allow"].split(",")[0]) == (405, "GET")
        assert b"takes GET" in body
    assert asked(serving, "/api/v1/events", "HEAD")[0] == 405


def test_the_data_is_json_that_nobody_keeps(serving: Serving) -> None:
    status, headers, body = asked(serving, "/api/v1/fleet")
    assert (status, headers["content-type"]) == (200, "application/json; charset=utf-8")
    assert headers["cache-control"] == "no-store"
    assert set(json.loads(body)) == {
        "fleet", "at_unix_seconds", "started_at_unix_seconds", "verdict", "counts", "thresholds", "windows", "promises",
        "shards", "objectives", "alerts", "breakers", "freshness", "history", "links",
    }  # fmt: skip


def test_the_last_hour_is_told_for_the_fleet_and_for_each_shard(serving: Serving) -> None:
    def newest(path: str) -> float | None:
        found: list[float | None] = web.get_json(f"{serving.url}{path}")["availability_ratio"]
        assert len(found) == 240
        return found[-1] if found[-1] is not None else found[-2]

    for path in ("/api/v1/history", "/api/v1/history?shard=a%20b"):
        wait_until(lambda p=path: newest(p) is not None, 60.0, "the first point", every=0.5)  # type: ignore[misc]
    status, _, body = asked(serving, "/api/v1/history?shard=nobody")
    assert status == 404
    assert b"/api/v1/fleet names those there are" in body


async def events(answer: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The events of a feed."""
    kind = ""
    async for line in answer.content:
        name, _, text = line.decode().rstrip("\n").partition(": ")
        if name == "event":
            kind = text
        elif name == "data":
            yield kind, json.loads(text)


@pytest.mark.parametrize("packed", ["gzip", "identity"])
async def test_the_feed_begins_with_the_whole_document_and_goes_on(serving: Serving, packed: str) -> None:
    async with (
        asyncio.timeout(60),
        aiohttp.ClientSession(headers={"Accept-Encoding": packed}) as session,
        session.get(f"{serving.url}/api/v1/events") as answer,
    ):
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert answer.headers.get("Content-Encoding", "identity") == packed
        stream = events(answer)
        kind, document = await anext(stream)
        assert (kind, document["shards"][0]["name"]) == ("fleet", "a b")
        times = [document["at_unix_seconds"]]
        for _ in range(2):
            _, document = await anext(stream)
            times.append(document["at_unix_seconds"])
        assert times == sorted(set(times))


@asynccontextmanager
async def served(board: Any) -> AsyncIterator[tuple[str, Pages]]:
    """The handlers in this process, on a board of the test's."""
    own = Pages(board)
    app = server.Application()
    own.add_to(app)
    runner, port = server.AppRunner(app, shutdown_timeout=1.0), free_port()
    await runner.setup()
    try:
        await server.TCPSite(runner, LOOPBACK, port).start()
        yield f"http://{LOOPBACK}:{port}", own
    finally:
        await runner.cleanup()


class Huge(Board):
    """A board whose document is a megabyte, another each time."""

    async def fleet(self, now: float) -> dict[str, Any]:
        return {"at_unix_seconds": now, "much": f"{now}" + "x" * 1_000_000}


async def test_a_client_that_takes_nothing_is_dropped_and_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "EVERY", 0.1)
    monkeypatch.setattr(pages, "WRITE_PATIENCE", 1.0)
    async with served(Huge(watching())) as (url, own), aiohttp.ClientSession() as session:
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with deaf:
            deaf.connect((LOOPBACK, int(url.rsplit(":", 1)[1])))
            deaf.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
            await until(lambda: own._feed.clients == 1, 30)
            async with session.get(f"{url}/api/v1/events") as answer:
                got = 0
                while own._feed.clients == 2 or got < 5_000_000:
                    async with asyncio.timeout(30):
                        got += len(await answer.content.readany())
        await until(lambda: own._feed.clients == 0, 30)


async def test_one_client_too_many_is_told_so_and_gets_the_data_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "MOST_CLIENTS", 3)
    async with served(Board(watching())) as (url, own), aiohttp.ClientSession() as session, AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(session.get(f"{url}/api/v1/events"))
        await until(lambda: own._feed.clients == 3, 30)
        async with session.get(f"{url}/api/v1/events") as answer:
            assert answer.status == 503
            assert "boards are open already" in await answer.text()
            assert answer.headers["Retry-After"] == "10"
        async with session.get(f"{url}/api/v1/fleet") as answer:
            assert answer.status == 200


async def test_open_feeds_do_not_hold_up_the_end() -> None:
    """They are ended as soon as the end is asked for: the server would wait for each of them otherwise."""
    app, own = server.Application(), Pages(Board(watching()))
    own.add_to(app)
    runner, port = server.AppRunner(app, shutdown_timeout=1.0), free_port()
    await runner.setup()
    await server.TCPSite(runner, LOOPBACK, port).start()
    try:
        async with aiohttp.ClientSession() as session:
            answer = await session.get(f"http://{LOOPBACK}:{port}/api/v1/events")
            await until(lambda: own._feed.clients == 1, 30)
            await runner.shutdown()  # what is done before it waits
            async with asyncio.timeout(30):
                await answer.read()
            await until(lambda: own._feed.clients == 0, 30)
    finally:
        await runner.cleanup()
