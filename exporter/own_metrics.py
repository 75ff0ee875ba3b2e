"""The exporter's own metrics, by prometheus_client: process, Python and what the schedule missed."""

from __future__ import annotations

from collections.abc import Callable

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from prometheus_client import CollectorRegistry, Counter, PlatformCollector, ProcessCollector, generate_latest

_EVENTS = {EVENT_JOB_MISSED: "missed", EVENT_JOB_MAX_INSTANCES: "overlapped", EVENT_JOB_ERROR: "error"}


class OwnMetrics:
    """A registry of its own, so that two exporters in one process do not share counts."""

    def __init__(self, restarts: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._schedule = Counter(
            "cachewatch_schedule_events",
            "Runs of the exporter's schedule that did not go as planned.",
            ["event"],
            registry=self._registry,
        )
        for event in _EVENTS.values():
            self._schedule.labels(event)
        self._restarts = Counter(
            "cachewatch_prober_restarts", "Times the prober was started again.", registry=self._registry
        )
        self._count_restarts = restarts
        self._seen_restarts = 0

    def watch(self, scheduler: AsyncIOScheduler) -> None:
        """Count the scheduler's events."""
        scheduler.add_listener(
            lambda event: self._schedule.labels(_EVENTS[event.code]).inc(),
            EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES | EVENT_JOB_ERROR,
        )

    def text(self) -> bytes:
        """The exposition text."""
        restarts = self._count_restarts()
        self._restarts.inc(restarts - self._seen_restarts)
        self._seen_restarts = restarts
        return generate_latest(self._registry)
