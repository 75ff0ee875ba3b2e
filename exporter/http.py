"""The exporter's HTTP endpoints. Every answer comes from what is known already; no node is asked in a request."""

from __future__ import annotations

import time
from collections.abc import Callable

from aiohttp import web

from exporter import health, samples
from exporter.exposition import CONTENT_TYPE, render
from exporter.state import State

PATHS = ("/metrics", "/metrics/sli", "/health", "/-/healthy", "/-/ready")


def application(state: State, ready: Callable[[], bool], own: Callable[[], str]) -> web.Application:
    """The endpoints. `ready` says whether a first round was made, `own` gives the process's own metrics as text."""

    async def metrics(_: web.Request) -> web.Response:
        now = time.monotonic()
        return _page(render(samples.sli(state, now)) + render(samples.facts(state, now)) + own())

    async def sli(_: web.Request) -> web.Response:
        return _page(render(samples.sli(state, time.monotonic())))

    async def show_health(_: web.Request) -> web.Response:
        body = health.report(state, time.monotonic())
        return web.json_response(body, status=health.HTTP_STATUS[body["status"]])

    async def healthy(_: web.Request) -> web.Response:
        return web.Response(text="Cachewatch is healthy.\n")

    async def readiness(_: web.Request) -> web.Response:
        if ready():
            return web.Response(text="Cachewatch is ready.\n")
        return web.Response(status=503, text="Cachewatch has not asked every node yet.\n")

    app = web.Application(middlewares=[_name_paths])
    handlers = (metrics, sli, show_health, healthy, readiness)
    app.add_routes([web.get(path, handler) for path, handler in zip(PATHS, handlers, strict=True)])
    return app


def _page(text: str) -> web.Response:
    return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})


@web.middleware
async def _name_paths(request: web.Request, handler: Callable[[web.Request], object]) -> web.StreamResponse:
    """Tell somebody who guessed a path which ones there are."""
    try:
        return await handler(request)  # type: ignore[misc, no-any-return]  # aiohttp types a handler as any callable
    except web.HTTPNotFound:
        return web.Response(status=404, text=f"No such path; there are {', '.join(PATHS)}\n")
