"""The board's HTTP side: its files, its data, its feed. No node is asked in a request."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from dataclasses import dataclass
from functools import cache
from importlib import resources

from aiohttp import web

from exporter.board.board import Board
from exporter.board.feed import GZIP_HEADER, MOST_CLIENTS, Feed

PATHS = ("/", "/api/v1/fleet", "/api/v1/history", "/api/v1/events")
# A client that takes nothing for so long is gone, or as good as that.
WRITE_PATIENCE = 10.0
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_GUARD = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class _File:
    """A file of the page."""

    body: bytes
    kind: str
    etag: str


@cache
def _files() -> dict[str, _File]:
    """The files of the page by name."""
    found = {}
    for entry in resources.files("exporter.board.page").iterdir():
        suffix = "." + entry.name.rpartition(".")[2]
        if suffix in _TYPES:
            body = entry.read_bytes()
            found[entry.name] = _File(body, _TYPES[suffix], hashlib.sha256(body).hexdigest()[:20])
    return found


class Pages:
    """The handlers."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._feed = Feed(board.fleet)

    def add_to(self, app: web.Application) -> None:
        """Put the board at `/`, and end its feeds when the application ends."""
        app.add_routes(
            [
                web.get("/", self.page),
                web.get("/board/{name}", self.file),
                web.get("/api/v1/fleet", self.fleet),
                web.get("/api/v1/history", self.history),
                web.get("/api/v1/events", self.events, allow_head=False),
            ]
        )
        app.on_shutdown.append(self._end)

    async def page(self, request: web.Request) -> web.StreamResponse:
        """The page."""
        return _sent(request, _files()["index.html"])

    async def file(self, request: web.Request) -> web.StreamResponse:
        """One of the files that the page asks for."""
        file = _files().get(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound
        return _sent(request, file)

    async def fleet(self, _: web.Request) -> web.StreamResponse:
        """The document."""
        return _json(await self._board.fleet(time.monotonic()))

    async def history(self, request: web.Request) -> web.StreamResponse:
        """The last hour of the fleet, or of `?shard=`."""
        shard = request.query.get("shard")
        found = self._board.history(shard, time.monotonic())
        if found is None:
            return web.Response(status=404, text=f"No such shard {shard!r}; /api/v1/fleet names those there are.\n")
        return _json(found)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """The feed, as server-sent events."""
        if self._feed.crowded:
            text = f"{MOST_CLIENTS} boards are open already; close one, or ask /api/v1/fleet.\n"
            return web.Response(status=503, text=text, headers={"Retry-After": "10"})
        packed = "gzip" in request.headers.get("Accept-Encoding", "")
        headers = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store", **_GUARD}
        # A proxy that waits for more would make a live page look dead.
        headers |= {"X-Accel-Buffering": "no", **({"Content-Encoding": "gzip"} if packed else {})}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        try:
            if packed:
                await response.write(GZIP_HEADER)
            async with contextlib.aclosing(self._feed.frames()) as frames:
                async for frame in frames:
                    async with asyncio.timeout(WRITE_PATIENCE):
                        await response.write(frame.packed if packed else frame.plain)
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            pass  # it has gone; nobody is there to be told
        return response

    async def _end(self, _: web.Application) -> None:
        await self._feed.close()
        await self._board.outside.close()


def _sent(request: web.Request, file: _File) -> web.StreamResponse:
    """The file, or that the one which the browser has is still good. `no-cache` is: ask each time."""
    headers = {"Cache-Control": "no-cache", "ETag": f'"{file.etag}"', **_GUARD}
    known = request.if_none_match or ()
    if any(tag.value in (file.etag, "*") for tag in known):
        return web.Response(status=304, headers=headers)
    return web.Response(body=file.body, content_type=file.kind, charset="utf-8", headers=headers)


def _json(document: object) -> web.Response:
    response = web.json_response(document, headers={"Cache-Control": "no-store", **_GUARD})
    response.enable_compression()
    return response
