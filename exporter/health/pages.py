"""The health indicator over HTTP: `/health`, its groups, and one node of it."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import hdrs, web

from exporter.health import accept, actuator, draft
from exporter.health.judge import Judge, Judgement
from exporter.health.node import Status
from exporter.health.rights import Client, may_see
from policy.secret_files import SecretError, token

log = logging.getLogger(__name__)
# An answer is one moment's: nobody keeps it, and it depends on who asks and for what.
_HEADERS = {hdrs.CACHE_CONTROL: "no-store", hdrs.VARY: "Accept, Authorization"}


@dataclass
class Pages:
    """The endpoints. `unready` says why a first round was not made, empty when it was; `fallen` names parts that ended."""

    judge: Judge
    unready: Callable[[], str]
    fallen: Callable[[], Collection[str]]
    environ: Mapping[str, str]
    _written: dict[tuple[str, bool], bytes] = field(default_factory=dict, init=False)
    _written_of: Judgement | None = field(default=None, init=False)
    _secret_error: str = field(default="", init=False)

    def routes(self) -> list[web.RouteDef]:
        """All paths, HEAD as well as GET."""
        return [
            web.get("/health", self.whole),
            web.get("/health/liveness", self.liveness),
            web.get("/health/readiness", self.readiness),
            web.get("/health/{name:.*}", self.node),
        ]

    async def whole(self, request: web.Request) -> web.Response:
        """Everything, written once for each judgement and form: a judgement lives a second, whoever asks."""
        judgement, form, seen = self.judge.latest(time.monotonic()), _form(request), self._sees(request)
        if self._written_of is not judgement:
            self._written, self._written_of = {}, judgement
        body = self._written.get((form, seen))
        if body is None:
            body = self._written[form, seen] = _json(self._whole(judgement, form, seen))
        return _answer(judgement.status, body, form)

    def _whole(self, judgement: Judgement, form: str, seen: bool) -> dict[str, Any]:
        if form != accept.DRAFT:
            return actuator.whole(judgement) if seen else actuator.bare(judgement.status)
        return draft.whole(judgement, self.judge.state.policy, time.time()) if seen else draft.bare(judgement)

    async def liveness(self, request: web.Request) -> web.Response:
        """Of this process alone: DOWN when a part of it ended that should run for ever, and only a restart brings it back."""
        fallen = ", ".join(sorted(self.fallen()))
        error = f"{fallen} stopped working; start the exporter again" if fallen else ""
        return self._group(request, "DOWN" if fallen else "UP", error)

    async def readiness(self, request: web.Request) -> web.Response:
        """Whether what is shown is the whole fleet: OUT_OF_SERVICE before the first round was made."""
        error = self.unready()
        return self._group(request, "OUT_OF_SERVICE" if error else "UP", error)

    def _group(self, request: web.Request, status: Status, error: str) -> web.Response:
        form = _form(request)
        write = draft.group if form == accept.DRAFT else actuator.group
        return _answer(status, _json(write(status, error if self._sees(request) else "")), form)

    async def node(self, request: web.Request) -> web.Response:
        """One node by its instance. Whoever may not see details is not told which ones there are."""
        name, form = request.match_info["name"], _form(request)
        found = [c for c in self.judge.latest(time.monotonic()).components if c.instance == name]
        if not found or not self._sees(request):
            groups = ", ".join(f"/health/{group}" for group in actuator.GROUPS)
            text = (
                f"No such health group or node; there are {groups}, and /health/HOST:PORT for a node that is watched\n"
            )
            return web.Response(status=404, text=text, headers=_HEADERS)
        body = draft.one(found[0], time.time()) if form == accept.DRAFT else actuator.one(found[0])
        return _answer(found[0].status, _json(body), form)

    def _sees(self, request: web.Request) -> bool:
        headers = request.headers
        forwarded = hdrs.FORWARDED in headers or hdrs.X_FORWARDED_FOR in headers
        client = Client(request.remote or "", forwarded, headers.get(hdrs.AUTHORIZATION, ""))
        return may_see(self.judge.state.policy.health, client, self._secret)

    def _secret(self) -> str:
        """The token, read anew: a rotated one counts at once. Empty, and told once, when it cannot be read."""
        try:
            secret, error = token(self.judge.state.policy.health, self.environ), ""
        except SecretError as refused:
            secret, error = "", str(refused)
        if error and error != self._secret_error:
            log.error("nobody gets health details by token: %s", error)
        self._secret_error = error
        return secret


def _form(request: web.Request) -> str:
    return accept.chosen(",".join(request.headers.getall(hdrs.ACCEPT, [])))


def _json(body: object) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _answer(status: Status, body: bytes, form: str) -> web.Response:
    headers = {**_HEADERS, hdrs.CONTENT_TYPE: form}
    return web.Response(status=actuator.HTTP_STATUS[status], body=body, headers=headers)
