"""Times of the week and days of the year at which who is told differs: office hours, holidays, maintenance."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from policy.base import Fault, Model

Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00", re.ASCII)
_ZONE = re.compile(r"[A-Za-z0-9_+\-]+(?:/[A-Za-z0-9_+\-]+)*", re.ASCII)


def _clock(value: Any) -> str:
    if not isinstance(value, str) or not _CLOCK.fullmatch(value):
        raise ValueError(f"{value!r} is not a time of day; write hours and minutes, as in 09:00, up to 24:00")
    return value


def _date(value: Any) -> date:
    try:
        return value if isinstance(value, date) else date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is not a date; write year, month and day, as in 2026-12-25") from None


@cache
def _zones() -> frozenset[str]:
    """The zones of this machine's database: hundreds of files are looked into for it."""
    return frozenset(zoneinfo.available_timezones())


def _zone(text: str) -> str:
    """Alertmanager refuses a name that its machine does not know. A machine without the database lets any pass."""
    known = _zones()
    good = text in known or text == "UTC" if known else _ZONE.fullmatch(text) is not None
    if not good:
        raise ValueError(f"{text!r} is no time zone; write its name in the tz database, as in Europe/Berlin, or UTC")
    return text


Clock = Annotated[str, BeforeValidator(_clock)]
Date = Annotated[date, BeforeValidator(_date)]
TimeZone = Annotated[str, AfterValidator(_zone)]


class Hours(Model):
    """A span of the day."""

    from_: Clock = Field(default="00:00", alias="from")
    to: Clock = "24:00"

    @property
    def is_whole_day(self) -> bool:
        """Whether it has no end within the day."""
        return (self.from_, self.to) == ("00:00", "24:00")

    def _faults(self) -> Iterator[Fault]:
        if self.from_ >= self.to:
            yield (
                "to",
                f"{self.to} is not after from ({self.from_}); a span over midnight is two, one to 24:00 and one from 00:00",
            )


class OfficeHours(Hours):
    """When tickets are looked at. The holidays are whole days."""

    weekdays: tuple[Day, ...] = Field(default=("monday", "tuesday", "wednesday", "thursday", "friday"), min_length=1)
    from_: Clock = Field(default="09:00", alias="from")
    to: Clock = "17:00"
    holidays: tuple[Date, ...] = ()


class Maintenance(Hours):
    """A span of some days in which nobody is told: of every week, or of the dates named.

    What happens in one with `spare_budget` counts in no objective, neither as good nor as bad.
    """

    weekdays: tuple[Day, ...] = ()
    dates: tuple[Date, ...] = ()
    spare_budget: bool = False

    def _faults(self) -> Iterator[Fault]:
        yield from super()._faults()
        if bool(self.weekdays) == bool(self.dates):
            yield "", "needs exactly one of weekdays and dates"
