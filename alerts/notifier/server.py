"""The notifier's HTTP side: Alertmanager's webhook, the runbooks, and what is asked about the notifier itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Middleware

from alerts import runbooks
from alerts.notifier import agreement, dedup, runbook_pages
from alerts.notifier.bodies import LARGEST, SLOWEST, Bodies, TooLarge, TooSlow
from alerts.notifier.counters import Counters
from alerts.notifier.delivery import Answer, Deliveries, News, news
from alerts.notifier.failures import SlackFailure
from alerts.notifier.model import InvalidNotification, Notification, parse
from alerts.notifier.slack import SlackChannel
from alerts.notifier.storage import Storage
from policy.alerts import BY_NAME
from policy.fleet import join_address
from policy.model import Policy
from policy.notify import Slack
from policy.printable import short

log = logging.getLogger(__name__)

_GRACE = 1.0
CLOSING = 0.4
"""Seconds that requests have to end, taken twice: with the grace of deliveries it is less than two."""


class _FromPage(InvalidNotification):
    """A web page in somebody's browser has sent it."""


@dataclass(frozen=True, slots=True)
class Door:
    """Who lets clients in and shows them out: the exporter's guard, which a sibling cannot import, handed in by cli.

    `runner` runs an application, and cancels the answer to a client that has gone; `listening` has it listen on host and
    port until the block ends, or says in an exception of its own why it cannot; `middleware` goes around its handlers.
    """

    runner: Callable[[web.Application], web.AppRunner]
    listening: Callable[[web.AppRunner, str, int], AbstractAsyncContextManager[None]]
    middleware: Middleware


class Notifier:
    """The handlers. `policy` is what the runbooks speak of."""

    def __init__(self, policy: Policy, deliveries: Deliveries, counters: Counters) -> None:
        self._policy = policy
        self._deliveries = deliveries
        self._counters = counters
        self._bodies = Bodies()

    def application(self, *around: Middleware) -> web.Application:
        """Return the web application, with these middlewares around it."""
        app = web.Application(middlewares=around)
        app.add_routes(
            [
                web.post("/alertmanager", self.alertmanager),
                web.get("/runbooks", self.runbook_list),
                web.get("/runbooks/{name}", self.runbook),
                web.get("/metrics", self.metrics),
                web.get("/-/healthy", self.healthy),
                web.get("/-/ready", self.ready),
            ]
        )
        return app

    async def alertmanager(self, request: web.Request) -> web.Response:
        """Alertmanager's webhook: 200 once Slack has the news, 503 while it has not, 400 for what is no notification.

        403 for what a web page has sent.
        """
        try:
            told = await self._news(request)
        except InvalidNotification as error:
            self._counters.answered("invalid")
            log.error("no notification from %s: %s", request.remote, error)
            return web.Response(status=403 if isinstance(error, _FromPage) else 400, text=f"{error}\n")
        except TooSlow:
            self._counters.answered("refused")
            log.warning(
                "a body of %s did not come in within %g s, or had to make room for others", request.remote, SLOWEST
            )
            return web.Response(status=503, text="the body came in too slowly\n")
        try:
            answer = await self._deliveries.deliver(told)
        except asyncio.CancelledError:  # Alertmanager did not wait for the answer
            self._counters.answered("late")
            raise
        self._counters.answered(answer.result)
        return web.Response(status=_status(answer), text=f"{answer.text}\n")

    async def _news(self, request: web.Request) -> News:
        """What a request tells; body and alerts are let go of here: the answer may take long. InvalidNotification, TooSlow."""
        _check_kind(request)
        try:
            body = await self._bodies.read(request.content)
        except TooLarge:
            cure = "set max_alerts in Alertmanager's webhook_config"
            raise InvalidNotification(f"the body is larger than {LARGEST} bytes; {cure}") from None
        return news(self._linked(parse(body)))

    def _linked(self, notification: Notification) -> Notification:
        """With the address by which people reach Alertmanager, where the policy names it: what it says itself may be another."""
        named = self._policy.stack.links.alertmanager
        return notification.model_copy(update={"external_url": named}) if named else notification

    async def runbook_list(self, _request: web.Request) -> web.Response:
        """The runbooks, as links."""
        return web.Response(text=runbook_pages.index(self._policy), content_type="text/html")

    async def runbook(self, request: web.Request) -> web.Response:
        """One runbook: as a page where a browser asks, else, and under its name with `.md`, as the Markdown that it is.

        That goes as plain text, which every browser shows; text/markdown some of them only download.
        """
        asked = request.match_info["name"]
        name = asked.removesuffix(".md")
        if name not in BY_NAME:
            known = "\n".join(f"/runbooks/{known}" for known in BY_NAME)
            return web.Response(status=404, text=f"no such runbook; there are:\n{known}\n")
        if name == asked and "text/html" in request.headers.get("Accept", "").lower():
            return _varied(runbook_pages.runbook(self._policy, name), "text/html")
        return _varied(runbooks.page(self._policy, name), "text/plain")

    async def metrics(self, _request: web.Request) -> web.Response:
        """What the notifier counts about itself."""
        text = self._counters.exposition(self._deliveries.in_flight)
        return web.Response(body=text.encode(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def healthy(self, _request: web.Request) -> web.Response:
        """The process answers."""
        return web.Response(text="healthy\n")

    async def ready(self, _request: web.Request) -> web.Response:
        """Notifications are taken. Says nothing of Slack: a Slack that is down must not get the notifier restarted."""
        ready = self._deliveries.open
        return web.Response(status=200 if ready else 503, text="ready\n" if ready else "shutting down\n")


def _varied(text: str, kind: str) -> web.Response:
    """One address, two forms: what keeps answers must keep them apart."""
    return web.Response(text=text, content_type=kind, headers={"Vary": "Accept"})


def _status(answer: Answer) -> int:
    # Alertmanager drops a notification on the first 4xx, and on a 5xx tries again, first after half a second, until
    # max(group_interval, 10 s) is over, and afresh at each group_interval while the alert fires. So everything that
    # is not Alertmanager's own fault is 503, an invalid token or a missing channel too: the page arrives within a
    # minute of somebody mending it, and alertmanager_notifications_failed_total shows it meanwhile.
    return 200 if answer.delivered else 503


def _check_kind(request: web.Request) -> None:
    """InvalidNotification when a web page has sent it, or when it says itself that it is no JSON."""
    # Browsers name it with each POST, Alertmanager never does. The type alone would keep out most pages, for which browsers ask
    # first, but none whose own name somebody has turned to our address.
    if "Origin" in request.headers:
        raise _FromPage(f"web pages may not post here, and this one is of {short(request.headers['Origin'], 80)}")
    if request.content_type != "application/json":
        raise InvalidNotification(f"Content-Type is {short(request.content_type, 80)}, not application/json")


async def serve_until_stopped(policy: Policy, slack: Slack, listen: tuple[str, int], door: Door, storage: Path) -> None:
    """Serve until SIGTERM or SIGINT, and end within two seconds then. Raises what the door does.

    `storage` is the folder in which it keeps what was told.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # It means "read the policy again" to the exporter, and would end us: a reload of both must not cost pages.
    loop.add_signal_handler(signal.SIGHUP, log.warning, "SIGHUP changes nothing here: restart to take another policy")
    async with serving(policy, slack, listen, door, storage):
        log.info("listening on http://%s, posting to %s", join_address(*listen), slack.channel)
        await stop.wait()
        log.info("stopping")


@contextlib.asynccontextmanager
async def serving(
    policy: Policy, slack: Slack, listen: tuple[str, int], door: Door, storage: Path
) -> AsyncIterator[None]:
    """Serve for the length of the block. Raises what the door does when the address cannot be had."""
    counters, lifetimes = Counters(agreement.fingerprint(policy)), dedup.Lifetimes.of(policy.notify)
    kept = Storage(storage, f"{slack.url} {slack.channel}", lifetimes.longest, counters.unkept)
    async with SlackChannel(slack) as channel:
        with kept:
            deliveries = Deliveries(channel.post, _remembered(kept, lifetimes), counters, keep=kept.keep)
            # A request whose client has gone must not count as one that waits: its alert may have ended.
            runner = door.runner(Notifier(policy, deliveries, counters).application(door.middleware))
            await runner.setup()
            try:
                async with door.listening(runner, *listen), _introducing(channel):
                    try:
                        yield
                    finally:
                        await deliveries.close(_GRACE)
            finally:
                await runner.cleanup()


def _remembered(kept: Storage, lifetimes: dedup.Lifetimes) -> dedup.Seen:
    """What an earlier process told."""
    seen, now = dedup.Seen(lifetimes), time.monotonic()
    for told in kept.read():
        seen.know(told.group, told.said, now - told.age)
    return seen


@contextlib.asynccontextmanager
async def _introducing(channel: SlackChannel) -> AsyncIterator[None]:
    """Ask Slack who we are beside all else, until the block ends."""
    introduction = asyncio.create_task(_introduce(channel), name="introduction")
    try:
        yield
    finally:
        introduction.cancel()
        await asyncio.gather(introduction, return_exceptions=True)


async def _introduce(channel: SlackChannel) -> None:
    """Ask Slack once who we are, so that a wrong token shows in the log by day, and not with the first page."""
    try:
        log.info("Slack knows us as %s", await channel.whoami())
    except SlackFailure as failure:
        log.log(
            logging.WARNING if failure.passing else logging.ERROR, "Slack does not answer as it should: %s", failure
        )
