"""Between the webhook and Slack: the same news once, in order, not too fast, and nobody kept waiting for ever."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from alerts.notifier import dedup
from alerts.notifier.counters import Counters, Result
from alerts.notifier.failures import SlackFailure
from alerts.notifier.message import Message, render
from alerts.notifier.model import Notification

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds, and how many messages may be on their way at once.

    `patience`: until a webhook request is answered; Alertmanager gives up a notification after
    max(group_interval, 10 s), so the answer must come before. `lifetime`: until a message that could not be sent is
    given up, its wait in the queue included. `spacing`: between two posts (Slack: about one a second and channel).
    """

    patience: float = 8.0
    lifetime: float = 120.0
    spacing: float = 1.0
    most: int = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """What to tell Alertmanager."""

    result: Result
    text: str

    @property
    def delivered(self) -> bool:
        """Whether Slack has the news."""
        return self.result in ("sent", "duplicate")


class Deliveries:
    """Messages on their way to one channel. A delivery goes on when the request that began it is answered or gone."""

    def __init__(
        self,
        post: Callable[[Message], Awaitable[None]],
        seen: dedup.Seen,
        counters: Counters,
        pace: Pace = Pace(),
    ) -> None:
        self._post = post
        self._seen = seen
        self._counters = counters
        self._pace = pace
        self._tasks: dict[str, asyncio.Task[SlackFailure | None]] = {}
        # asyncio's lock serves in the order of asking: that keeps firing before resolved.
        self._turn = asyncio.Lock()
        self._not_before = 0.0
        self._refusing = False
        self._over = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """Messages waiting or being sent."""
        return len(self._tasks)

    @property
    def open(self) -> bool:
        """Whether new notifications are taken."""
        return not self._refusing

    async def deliver(self, notification: Notification) -> Answer:
        """Bring a notification to Slack, or say why it is not there yet."""
        news = dedup.key(notification)
        if self._refusing:
            return Answer("refused", "shutting down")
        if self._seen.has(news, time.monotonic()):
            return Answer("duplicate", "Slack has this already")
        task, joined = self._tasks.get(news), True
        if task is None:
            if len(self._tasks) >= self._pace.most:
                return Answer("refused", f"{len(self._tasks)} messages are waiting for Slack already")
            task, joined = self._begin(news, render(notification)), False
        return await self._outcome(task, joined)

    async def close(self, grace: float) -> None:
        """Take nothing new, give what is on its way `grace` seconds, then end it; its requests are refused."""
        self._refusing = True
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=grace)
        self._over.set()
        left = tuple(self._tasks.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _begin(self, news: str, message: Message) -> asyncio.Task[SlackFailure | None]:
        task = asyncio.create_task(self._send(news, message), name=f"slack {news[:8]}")
        self._tasks[news] = task
        task.add_done_callback(lambda _: self._tasks.pop(news))
        return task

    async def _outcome(self, task: asyncio.Task[SlackFailure | None], joined: bool) -> Answer:
        """Wait for a delivery, but no longer than our caller does; the delivery itself is left alone."""
        over = asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait({task, over}, timeout=self._pace.patience, return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
        if self._over.is_set() and (not task.done() or task.cancelled()):
            return Answer("refused", "shutting down before Slack took it")
        if not task.done():
            return Answer("late", f"still on its way after {self._pace.patience:g} s; ask again")
        if failure := task.result():
            return Answer("failed", str(failure))
        return Answer("duplicate", "Slack has this already") if joined else Answer("sent", "Slack has it")

    async def _send(self, news: str, message: Message) -> SlackFailure | None:
        """Send when it is this message's turn. A failure is told, not remembered: the next request tries again."""
        try:
            async with asyncio.timeout(self._pace.lifetime), self._turn:
                await asyncio.sleep(self._not_before - time.monotonic())
                try:
                    await self._post(message)
                finally:
                    self._not_before = time.monotonic() + self._pace.spacing
        except SlackFailure as failure:
            return self._failed(failure, message)
        except TimeoutError:
            late = SlackFailure("timeout", f"not sent within {self._pace.lifetime:g} s, the wait in the queue included")
            return self._failed(late, message)
        self._seen.add(news, time.monotonic())
        self._counters.told()
        log.info("sent: %s", message.text)
        return None

    def _failed(self, failure: SlackFailure, message: Message) -> SlackFailure:
        self._counters.failed(failure.reason)
        log.log(logging.WARNING if failure.passing else logging.ERROR, "not sent: %s: %s", message.text, failure)
        return failure
