"""APScheduler as it is set up here: late runs are made, and a clock that is set stops nothing."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from exporter.own_metrics import OwnMetrics
from exporter.schedule import Schedule
from tests.unit.exporter.helpers import series, until, value

HOUR = timedelta(hours=1)


class Clock:
    """A wall clock that can be set, beside a monotonic one that cannot."""

    def __init__(self) -> None:
        self.set_by = 0.0
        self.read = 0

    def __call__(self) -> float:
        self.read += 1
        return time.time() + self.set_by


class Runs:
    """A job that counts its runs."""

    def __init__(self) -> None:
        self.count = 0

    async def run(self) -> None:
        self.count += 1


@asynccontextmanager
async def started(schedule: Schedule) -> AsyncIterator[None]:
    clock = schedule.start()
    try:
        yield
    finally:
        schedule.stop()
        clock.cancel()
        await asyncio.gather(clock, return_exceptions=True)


async def test_a_job_runs_each_interval_and_at_once_when_asked_to() -> None:
    schedule, at_once, later = Schedule(), Runs(), Runs()
    schedule.every(timedelta(seconds=0.1), at_once.run, first_now=True)
    schedule.every(HOUR, later.run)
    async with started(schedule):
        await until(lambda: at_once.count >= 3)
    assert later.count == 0


@pytest.mark.parametrize("set_by", [-3600.0, 3600.0])
async def test_a_clock_that_was_set_by_an_hour_delays_no_run(set_by: float, caplog: pytest.LogCaptureFixture) -> None:
    clock, job = Clock(), Runs()
    schedule = Schedule(wall=clock)
    schedule.every(HOUR, job.run)
    async with started(schedule):
        await until(lambda: clock.read)
        clock.set_by = set_by
        await until(lambda: job.count == 1)
    assert f"the clock was set by {set_by:.0f} s" in caplog.text


async def test_a_clock_that_is_right_makes_no_extra_runs() -> None:
    schedule, job, beside = Schedule(wall=Clock()), Runs(), Runs()
    schedule.every(HOUR, job.run)
    schedule.every(timedelta(seconds=0.5), beside.run)
    async with started(schedule):
        await until(lambda: beside.count >= 4)
    assert job.count == 0


async def test_a_run_that_is_late_is_made_all_the_same() -> None:
    schedule, job = Schedule(), Runs()
    schedule.every(HOUR, job.run)
    async with started(schedule):
        (planned,) = schedule.scheduler.get_jobs()
        planned.modify(next_run_time=datetime.now(UTC) - timedelta(seconds=30))
        await until(lambda: job.count == 1)


async def test_what_went_wrong_with_a_run_is_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> None:
        raise RuntimeError("broken on purpose")

    schedule, own = Schedule(), OwnMetrics(lambda: 3)
    own.watch(schedule.scheduler)
    schedule.every(timedelta(seconds=0.1), broken, first_now=True)

    def counted(name: str, **labels: str) -> float:
        return value(series(own.text()), name, **labels) or 0.0

    with caplog.at_level(logging.ERROR):
        async with started(schedule):
            await until(lambda: counted("cachewatch_schedule_events_total", event="error") >= 2)
    assert "broken on purpose" in caplog.text
    assert counted("cachewatch_prober_restarts_total") == 3


async def test_a_job_that_is_planned_again_with_its_interval_keeps_its_turn() -> None:
    """Reloads that come more often than a collection would let it never run."""
    schedule, first, second = Schedule(), Runs(), Runs()
    schedule.every(timedelta(seconds=0.5), first.run, name="collect")
    async with started(schedule):
        for _ in range(12):
            await asyncio.sleep(0.1)
            schedule.every(timedelta(seconds=0.5), second.run, name="collect")
        assert second.count >= 1
        assert first.count == 0
        schedule.every(HOUR, first.run, name="collect")
        made = second.count
        await asyncio.sleep(0.7)
        assert (first.count, second.count) == (0, made), "another interval counts from now on"


async def test_a_job_that_the_end_cancels_before_it_begins_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    schedule, runs = Schedule(), Runs()
    async with started(schedule):
        schedule.every(HOUR, runs.run, name="refresh", first_now=True)
        schedule.scheduler._process_jobs()  # it is given to the loop, and not begun yet
        schedule.scheduler._executors["default"].shutdown()
        await asyncio.sleep(0.05)
    assert runs.count == 0
    assert "Error running job" not in caplog.text
