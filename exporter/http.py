"""The exporter's HTTP endpoints. Every answer comes from what is known already; only /scrape asks a node."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from aiohttp import web
from aiohttp.typedefs import Middleware

from exporter import answers, samples, scrape, service_discovery
from exporter.board import pages as board_pages
from exporter.exposition import families
from exporter.health.pages import Pages as HealthPages
from exporter.same_site import from_elsewhere
from exporter.state import State

_HEALTH = ("/health", "/health/liveness", "/health/readiness")
PATHS = ("/metrics", "/metrics/sli", "/sd", *_HEALTH, "/-/healthy", "/-/ready")
_ALL = (*board_pages.PATHS, *PATHS, "/scrape?target=HOST:PORT", "/-/reload (POST)")
_REFUSALS = {scrape.BadTarget: 400, scrape.Forbidden: 403, scrape.Busy: 503}


@dataclass(frozen=True, slots=True)
class Doors:
    """What stands behind the endpoints.

    `whole` says whether the whole fleet is known, `ready` whether a first round was made; `own` gives the process's own
    metrics as text, `scrape` the page of a target within so many seconds; `reload` gives the problems of the new policy.
    """

    state: State
    whole: Callable[[], bool]
    ready: Callable[[], bool]
    own: Callable[[], bytes]
    scrape: Callable[[str, float], Awaitable[bytes]]
    reload: Callable[[], Awaitable[str]]
    health: HealthPages

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        """Everything."""
        return await answers.page(request, self._everything())

    def _everything(self) -> Iterator[Sequence[bytes]]:
        now = time.monotonic()
        begun: set[str] = set()
        for section in chain((samples.sli(self.state, now),), samples.sections(self.state, now)):
            yield from families(section, begun)
        yield [self.own()]

    async def sli(self, request: web.Request) -> web.StreamResponse:
        """The `cache_*` series."""
        return await answers.page(request, families(samples.sli(self.state, time.monotonic())))

    async def sd(self, _: web.Request) -> web.Response:
        """The nodes for Prometheus' http_sd. It keeps the list it has when it is refused; half a list it would believe."""
        if not self.whole():
            return _said(503, "Not everything that names nodes has answered yet, or no node is named.")
        return web.json_response(service_discovery.groups(self.state, time.monotonic()))

    async def healthy(self, _: web.Request) -> web.Response:
        """That the process runs."""
        return _said(200, "Cachewatch is healthy.")

    async def readiness(self, _: web.Request) -> web.Response:
        """Whether a first round was made."""
        return (
            _said(200, "Cachewatch is ready.")
            if self.ready()
            else _said(503, "Cachewatch has not asked every node yet.")
        )

    async def one(self, request: web.Request) -> web.StreamResponse:
        """One node, now."""
        wanted = request.query.getall("target", [])
        if len(wanted) != 1 or not wanted[0]:
            count = "none" if not any(wanted) else str(len(wanted))
            return _said(400, f"/scrape needs one target and got {count}; write /scrape?target=10.0.0.1:6379")
        try:
            page = await self.scrape(
                wanted[0], scrape.patience(request.headers.get("X-Prometheus-Scrape-Timeout-Seconds"))
            )
        except tuple(_REFUSALS) as refused:
            return _said(_REFUSALS[type(refused)], str(refused))
        return await answers.page(request, ([page],))

    async def read_again(self, request: web.Request) -> web.Response:
        """Take the policy anew, or tell what is wrong with it. A page of another site may not."""
        if from_elsewhere(request.headers, self.state.policy.stack):
            return _said(403, "A page of another site may not do this; use curl -X POST, or send SIGHUP.")
        problems = await self.reload()
        if problems:
            return _said(400, f"The policy is refused, the old one goes on:\n{problems}")
        count = len(self.state.nodes)
        return _said(200, f"The policy was read again; {count} {'node is' if count == 1 else 'nodes are'} watched.")


def application(doors: Doors, *around: Middleware) -> web.Application:
    """The endpoints, with these middlewares around them."""
    app = web.Application(middlewares=[*around, _explain])
    pages = {"/metrics": doors.metrics, "/metrics/sli": doors.sli, "/sd": doors.sd}
    pages |= {"/-/healthy": doors.healthy, "/-/ready": doors.readiness}
    app.add_routes([web.get(path, page) for path, page in pages.items()])
    app.add_routes(doors.health.routes())
    app.add_routes([web.get("/scrape", doors.one), web.post("/-/reload", doors.read_again)])
    return app


def _said(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n")


@web.middleware
async def _explain(request: web.Request, handler: Callable[[web.Request], object]) -> web.StreamResponse:
    """Tell somebody who guessed a path which ones there are, and somebody with the wrong method which one it takes."""
    try:
        return await handler(request)  # type: ignore[misc, no-any-return]  # aiohttp types a handler as any callable
    except web.HTTPNotFound:
        return _said(404, f"No such path; there are {', '.join(_ALL)}")
    except web.HTTPMethodNotAllowed as wrong:
        allowed = ", ".join(sorted(wrong.allowed_methods))
        return web.Response(
            status=405, text=f"{request.path} takes {allowed}, not {wrong.method}\n", headers={"Allow": allowed}
        )
