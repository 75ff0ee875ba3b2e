"""APScheduler, set up so that a run may be late and is never lost."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from policy.units import seconds

log = logging.getLogger(__name__)
# A job that the end cancels before it has begun is no error.
logging.getLogger("apscheduler.executors.default").addFilter(
    lambda record: not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))
)


class Schedule:
    """Jobs that run each interval."""

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.scheduler = AsyncIOScheduler(timezone=UTC)
        self._wall, self._monotonic = wall, monotonic

    def every(
        self, interval: timedelta, job: Callable[[], Awaitable[None]], *, name: str = "", first_now: bool = False
    ) -> None:
        """Run `job` each interval, in place of the job of that name if there is one.

        One that has this interval already keeps its turn: reloads that come more often than that would let it never run.
        A blocked loop makes a run late; with APScheduler's default grace of one second it would drop it.
        """

        async def run() -> None:
            with contextlib.suppress(asyncio.CancelledError):  # by stop(); APScheduler would log it as an error
                await job()

        first = {"next_run_time": datetime.now(UTC)} if first_now else {}
        before = self.scheduler.get_job(name) if name else None
        if before is not None and before.trigger.interval == interval:
            before.modify(func=run, **first)
            return
        named = {"id": name, "replace_existing": True} if name else {}
        limits = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        self.scheduler.add_job(run, "interval", seconds=float(seconds(interval)), **limits, **first, **named)

    def start(self) -> asyncio.Task[None]:
        """Start; the task returned follows the machine's clock until it is cancelled."""
        self.scheduler.start()
        return asyncio.create_task(self._follow_clock(), name="clock")

    def stop(self) -> None:
        """Run nothing any more."""
        self.scheduler.shutdown(wait=False)

    async def _follow_clock(self) -> None:
        """Run every job at once when the wall clock was set.

        APScheduler plans by the wall clock: set back by an hour, it would collect nothing for an hour.
        """
        offset = self._wall() - self._monotonic()
        while True:
            await asyncio.sleep(1)
            now = self._wall() - self._monotonic()
            if abs(now - offset) > 1:
                log.warning("the clock was set by %.0f s; collecting now", now - offset)
                for job in self.scheduler.get_jobs():
                    job.modify(next_run_time=datetime.now(UTC))
            offset = now
