"""The HTTP side of the sink: one process that answers as Slack, PagerDuty and a heartbeat do, and remembers what it took."""

import json
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox import sink_rules

_REMEMBERED = 10_000
_SERVICES = ("slack", "pagerduty", "heartbeat")
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Failure:
    """How a service answers for the next `times` requests: the status, and for 429 the seconds of Retry-After."""

    status: int
    times: int
    retry_after: int


class Inbox:
    """What was accepted, oldest first and bounded, and what fails next."""

    def __init__(self) -> None:
        self.received: deque[dict[str, Any]] = deque(maxlen=_REMEMBERED)
        self.posted: set[tuple[str, str]] = set()
        self.failures: dict[str, Failure] = {}
        self._last_ts = 0

    def accept(self, service: str, path: str, body: object) -> None:
        """Remember an accepted request."""
        self.received.append({"at": time.time(), "service": service, "path": path, "body": body})

    def next_failure(self, service: str) -> Failure | None:
        """Return the failure that is due for the service, counting it."""
        failure = self.failures.get(service)
        if failure is None or failure.times < 1:
            return None
        failure.times -= 1
        return failure

    def new_ts(self) -> str:
        """Return a Slack timestamp, "seconds.microseconds", never the same twice."""
        self._last_ts = max(self._last_ts + 1, time.time_ns() // 1000)
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"


def application() -> web.Application:
    """Return the sink's web application."""
    inbox = Inbox()
    app = web.Application(client_max_size=2**20)
    app.add_routes(
        [
            web.post("/v2/enqueue", _pagerduty(inbox, sink_rules.pagerduty_errors)),
            web.post("/v2/change/enqueue", _pagerduty(inbox, sink_rules.change_errors)),
            web.post("/api/{method}", _slack(inbox)),
            web.post("/heartbeat", _heartbeat(inbox)),
            web.post("/_fail", _fail(inbox)),
            web.get("/received", _received(inbox)),
        ]
    )
    return app


def _pagerduty(inbox: Inbox, errors_of: Callable[[object], list[str]]) -> _Handler:
    async def handle(request: web.Request) -> web.Response:
        if failure := inbox.next_failure("pagerduty"):
            return _failed(failure, {"status": "throttle exceeded", "message": "Too many events"})
        try:
            event = await request.json()
        except ValueError:
            return _refused(["Malformed JSON"])
        if errors := errors_of(event):
            return _refused(errors)
        inbox.accept("pagerduty", request.path, event)
        answer = {"status": "success", "message": "Event processed"}
        if request.path == "/v2/enqueue":
            answer["dedup_key"] = event.get("dedup_key") or inbox.new_ts()
        return web.json_response(answer, status=202)

    return handle


def _refused(errors: list[str]) -> web.Response:
    answer = {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
    return web.json_response(answer, status=400)


def _failed(failure: Failure, body: Mapping[str, object]) -> web.Response:
    headers = {"Retry-After": str(failure.retry_after)} if failure.status == 429 else {}
    return web.json_response(body, status=failure.status, headers=headers)


def _slack(inbox: Inbox) -> _Handler:
    async def handle(request: web.Request) -> web.Response:
        method = request.match_info["method"]
        if failure := inbox.next_failure("slack"):
            return _failed(failure, {"ok": False, "error": "ratelimited" if failure.status == 429 else "fatal_error"})
        if not request.headers.get("Authorization", "").removeprefix("Bearer ").strip():
            return web.json_response({"ok": False, "error": "invalid_auth"})
        if method == "auth.test":
            return web.json_response(_IDENTITY)
        if method not in ("chat.postMessage", "chat.update"):
            return web.json_response({"ok": False, "error": "unknown_method"})
        body = await _slack_body(request)
        error = "invalid_form_data" if body is None else sink_rules.slack_error(method, body, inbox.posted)
        if body is None or error:
            return web.json_response({"ok": False, "error": error})
        inbox.accept("slack", request.path, body)
        return web.json_response(_message_answer(inbox, method, body))

    return handle


_IDENTITY = {
    "ok": True,
    "url": "https://sandbox.slack.test/",
    "team": "sandbox",
    "user": "cachewatch",
    "team_id": "T00000001",
    "user_id": "U00000001",
    "bot_id": "B00000001",
}


async def _slack_body(request: web.Request) -> dict[str, Any] | None:
    try:
        if request.content_type == "application/json":
            body = await request.json()
            return body if isinstance(body, dict) else None
        form = {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
        structured = ("blocks", "attachments", "metadata")
        return {key: json.loads(value) if key in structured else value for key, value in form.items()}
    except ValueError:
        return None


def _message_answer(inbox: Inbox, method: str, body: Mapping[str, Any]) -> dict[str, object]:
    channel = sink_rules.channel_id(body["channel"])
    ts = body["ts"] if method == "chat.update" else inbox.new_ts()
    inbox.posted.add((channel, ts))
    shown = ("text", "blocks", "attachments", "thread_ts")
    message = {"type": "message", "ts": ts, **{key: body[key] for key in shown if body.get(key)}}
    return {"ok": True, "channel": channel, "ts": ts, "message": message}


def _heartbeat(inbox: Inbox) -> _Handler:
    """A service that waits for a sign of life takes anything that is posted to it."""

    async def handle(request: web.Request) -> web.Response:
        if failure := inbox.next_failure("heartbeat"):
            return _failed(failure, {"error": "not available"})
        body = await request.read()
        try:
            inbox.accept("heartbeat", request.path, json.loads(body))
        except ValueError:
            inbox.accept("heartbeat", request.path, body.decode(errors="replace"))
        return web.Response(text="OK")

    return handle


def _fail(inbox: Inbox) -> _Handler:
    async def handle(request: web.Request) -> web.Response:
        order = await request.json()
        if order.get("service") not in _SERVICES:
            return web.json_response({"error": f"service must be one of {', '.join(_SERVICES)}"}, status=400)
        failure = Failure(int(order["status"]), int(order["times"]), int(order.get("retry_after", 1)))
        inbox.failures[order["service"]] = failure
        return web.json_response({"ok": True})

    return handle


def _received(inbox: Inbox) -> _Handler:
    async def handle(_request: web.Request) -> web.Response:
        return web.json_response(list(inbox.received))

    return handle
