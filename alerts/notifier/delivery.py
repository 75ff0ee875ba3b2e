"""Between the webhook and Slack: the same news once, in order, not too fast, and nobody kept waiting for ever."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from alerts.notifier import dedup
from alerts.notifier.counters import Counters, Result
from alerts.notifier.failures import SlackFailure
from alerts.notifier.message import Message, render
from alerts.notifier.model import Notification
from alerts.notifier.pairs import merged
from alerts.notifier.turns import Turns

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds, and how many messages may be on their way at once.

    `patience`: until a webhook request is answered; Alertmanager gives up a notification after
    max(group_interval, 10 s), so the answer must come before. `lifetime`: until a message that could not be sent is
    given up, its wait in the queue included. `spacing`: between two posts (Slack: about one a second and channel, and
    short bursts), once `burst` of them have gone out at once: a rack that dies is not told for half a minute.
    `interest`: for which a page whose turn came while no request waited for it is kept for the next one. Alertmanager asks
    until the alert ends, some seconds after each answer, and of what it never saw sent it never tells the end. `most`:
    tickets that may wait; of pages four times as many may, so that tickets keep none out.
    """

    patience: float = 8.0
    lifetime: float = 120.0
    spacing: float = 1.0
    burst: int = 20
    interest: float = 30.0
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


# Whose turn comes first: pages that had their turn and were asked for again, those of what fires, of what has ended, tickets.
_AGAIN, _FIRING, _ENDED, _TICKET = range(4)


@dataclass(frozen=True, slots=True)
class News:
    """All that is kept of a notification while it is delivered: thousands may wait, and each may be of a thousand alerts.

    `group` is a digest of the group that it tells of, `said` what it says, packed; `rank` is its place in the queue.
    """

    group: str
    said: dedup.Said
    message: Message
    urgent: bool
    rank: int


def news(notification: Notification) -> News:
    """What a notification says, made ready to be sent."""
    group, said = dedup.group(notification), dedup.said(notification)
    one = merged(notification)
    return News(group, said, render(one), one.urgent, _rank(one))


def _rank(notification: Notification) -> int:
    if not notification.urgent:
        return _TICKET
    return _FIRING if notification.firing else _ENDED


@dataclass(slots=True)
class _Sending:
    """News on their way, their rank among those that wait, and how many requests wait for them."""

    news: News
    rank: int
    task: asyncio.Task[SlackFailure | None] | None = None
    waiting: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def wanted(self) -> bool:
        """Whether it is to be told now; tickets are asked for too seldom to tell."""
        return self.waiting > 0 or not self.news.urgent

    def joined(self, by: int) -> None:
        """One request more, or less, waits."""
        self.waiting += by
        if self.waiting:
            self.asked.set()
        else:
            self.asked.clear()


class Deliveries:
    """Messages on their way to one channel. A delivery goes on when the request that began it is answered or gone.

    `keep` is given each group that was told, all that it knows now, and how many seconds ago it was told.
    """

    def __init__(
        self,
        post: Callable[[Message], Awaitable[None]],
        seen: dedup.Seen,
        counters: Counters,
        pace: Pace = Pace(),
        keep: Callable[[str, dedup.Said, float], None] = lambda _group, _known, _age: None,
    ) -> None:
        self._post = post
        self._seen = seen
        self._counters = counters
        self._pace = pace
        self._keep = keep
        self._tasks: set[asyncio.Task[SlackFailure | None]] = set()
        # Of each group the newest: an alert that fires again is not told by a message that stands before its end.
        self._latest: dict[str, _Sending] = {}
        self._turns = Turns(pace.spacing, pace.burst)
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

    async def deliver(self, news: News) -> Answer:
        """Bring news to Slack, or say why they are not there yet."""
        if self._refusing:
            return Answer("refused", "shutting down")
        sending = self._latest.get(news.group)
        if sending is None and self._seen.has(news.group, news.said, news.urgent, time.monotonic()):
            self._hear(news)
            return Answer("duplicate", "Slack has this already")
        joined = sending is not None and news.said.again(sending.news.said)
        if sending is None or not joined:
            if len(self._tasks) >= self._pace.most * (4 if news.urgent else 1):
                return Answer("refused", f"{len(self._tasks)} messages are waiting for Slack already")
            rank = max(news.rank, sending.rank if sending else 0)  # never before what the group told earlier
            sending = self._begin(_Sending(news, rank))
        answer = await self._outcome(sending, joined)
        if joined and answer.delivered:
            self._hear(news)
        return answer

    def _hear(self, news: News) -> None:
        """Remember of what is no news who else tells it."""
        if heard := self._seen.hears(news.group, news.said, news.urgent, time.monotonic()):
            self._keep(news.group, *heard)

    async def close(self, grace: float) -> None:
        """Take nothing new, give what is on its way `grace` seconds, then end it; its requests are refused."""
        self._refusing = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        self._over.set()
        left = tuple(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _begin(self, sending: _Sending) -> _Sending:
        sending.task = asyncio.create_task(self._send(sending), name=f"slack {sending.news.group[:8]}")
        self._tasks.add(sending.task)
        self._latest[sending.news.group] = sending
        sending.task.add_done_callback(lambda task: self._ended(sending, task))
        return sending

    def _ended(self, sending: _Sending, task: asyncio.Task[SlackFailure | None]) -> None:
        self._tasks.discard(task)
        if self._latest.get(sending.news.group) is sending:
            del self._latest[sending.news.group]

    async def _outcome(self, sending: _Sending, joined: bool) -> Answer:
        """Wait for a delivery, but no longer than our caller does; the delivery itself is left alone."""
        task, over = sending.task, asyncio.create_task(self._over.wait())
        assert task is not None  # noqa: S101  # it has begun
        sending.joined(1)
        try:
            await asyncio.wait({task, over}, timeout=self._pace.patience, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.joined(-1)
            over.cancel()
        if self._over.is_set() and (not task.done() or task.cancelled()):
            return Answer("refused", "shutting down before Slack took it")
        if not task.done():
            return Answer("late", f"still on its way after {self._pace.patience:g} s; ask again")
        if failure := task.result():
            return Answer("failed", str(failure))
        return Answer("duplicate", "Slack has this already") if joined else Answer("sent", "Slack has it")

    async def _send(self, sending: _Sending) -> SlackFailure | None:
        """Send when it is this message's turn. A failure is told, not remembered: the next request tries again."""
        message = sending.news.message
        try:
            async with asyncio.timeout(self._pace.lifetime):
                if not await self._told_in_turn(sending):
                    return self._dropped(message)
        except SlackFailure as failure:
            if failure.wait:
                self._turns.hold(failure.wait)
            return self._failed(failure, message)
        except TimeoutError:
            if not sending.wanted:
                return self._dropped(message)
            late = SlackFailure("timeout", f"not sent within {self._pace.lifetime:g} s, the wait in the queue included")
            return self._failed(late, message)
        except Exception as error:  # whatever it is, it is a page that is not there: counted, and told
            log.exception("not sent: %s", message.logged)
            return self._failed(SlackFailure("other", f"{type(error).__name__}: {error}"), message)
        group = sending.news.group
        self._keep(group, self._seen.add(group, sending.news.said, sending.news.urgent, time.monotonic()), 0.0)
        self._counters.told()
        log.info("sent: %s", message.logged)
        return None

    async def _told_in_turn(self, sending: _Sending) -> bool:
        """Post it when it is its turn and somebody waits for it; False when nobody does any more."""
        rank = sending.rank
        while True:
            async with self._turns.take(rank):
                if sending.wanted:
                    self._turns.pay()
                    await self._post(sending.news.message)
                    return True
            try:
                await asyncio.wait_for(sending.asked.wait(), self._pace.interest)
            except TimeoutError:
                return False
            rank = _AGAIN

    def _dropped(self, message: Message) -> SlackFailure:
        """Nobody failed: Alertmanager has lost interest, because the alert has ended."""
        log.info("not sent, nobody asks for it any more: %s", message.logged)
        return SlackFailure("timeout", f"nobody has asked for it for {self._pace.interest:g} s")

    def _failed(self, failure: SlackFailure, message: Message) -> SlackFailure:
        self._counters.failed(failure.reason)
        log.log(logging.WARNING if failure.passing else logging.ERROR, "not sent: %s: %s", message.logged, failure)
        return failure
