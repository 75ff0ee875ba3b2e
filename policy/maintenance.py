"""Planned work that does not count: neither good nor bad, in no budget and in no burn-rate alert."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator

from policy.base import Fault, Model

# Unix time began on a Thursday.
WEEKDAYS = ("thursday", "friday", "saturday", "sunday", "monday", "tuesday", "wednesday")
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
DAY, WEEK = timedelta(days=1), timedelta(days=7)
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?(Z|\+00:00)", re.ASCII)


def parse_moment(value: object) -> datetime | None:
    """Turn `2026-12-24T22:00Z` into a datetime; ValueError names the cure."""
    if value is None or isinstance(value, datetime):
        return value
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except ValueError as error:
            raise ValueError(f"{value!r} is no day of the calendar: {error}") from None
    raise ValueError(f"{value!r} is not a time in UTC; write it as in 2026-12-24T22:00Z")


def parse_clock(value: object) -> timedelta | None:
    """Turn `02:30` into the time since midnight; ValueError names the cure."""
    if value is None or isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or not _CLOCK.fullmatch(value):
        raise ValueError(f"{value!r} is not a time of day in UTC; write it as in 02:30")
    hours, minutes = value.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


Moment = Annotated[datetime | None, BeforeValidator(parse_moment)]
Clock = Annotated[timedelta | None, BeforeValidator(parse_clock)]


class Maintenance(Model):
    """Once from `start` to `end`, or every week on `weekly` between two times of day; all in UTC.

    A weekly window whose `until` is not after its `since` ends on the next day.
    """

    start: Moment = None
    end: Moment = None
    weekly: Weekday | None = None
    since: Clock = None
    until: Clock = None

    def _faults(self) -> Iterator[Fault]:
        once, often = {"start", "end"} & self._named, {"weekly", "since", "until"} & self._named
        if once and often:
            yield "", f"has {' and '.join(sorted(once | often))}: either start and end, or weekly, since and until"
        elif not once and not often:
            yield "", "is empty; write start and end, or weekly, since and until"
        else:
            for name in ("start", "end") if once else ("weekly", "since", "until"):
                if name not in once | often:
                    yield name, "is missing"
        if self.start is not None and self.end is not None and self.end <= self.start:
            yield "end", "must be later than start"

    @property
    def _named(self) -> set[str]:
        return {name for name in self.model_fields_set if getattr(self, name) is not None}

    @property
    def in_week(self) -> tuple[timedelta, timedelta]:
        """Of a weekly window: its begin after Thursday 00:00, when Unix time began, and how long it is."""
        since, until = self.since or timedelta(0), self.until or timedelta(0)
        long = until - since if until > since else until - since + DAY
        return WEEKDAYS.index(self.weekly or "thursday") * DAY + since, long
