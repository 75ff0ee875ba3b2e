"""Office hours, holidays and maintenance as Alertmanager's time intervals, and which a route minds. Pure.

Time zones (`location`) are read by Alertmanager 0.25 and later.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from policy.calendars import Hours
from policy.model import Policy

OFFICE_HOURS, HOLIDAYS, MAINTENANCE = "office-hours", "holidays", "maintenance"


def intervals(policy: Policy) -> dict[str, Any]:
    """The section `time_intervals`; nothing where the policy has none."""
    notify, found = policy.notify, {}
    if notify.office_hours is not None:
        office = notify.office_hours
        found[OFFICE_HOURS] = [{"weekdays": list(office.weekdays), **_times(office)}]
        found[HOLIDAYS] = [_day(day) for day in office.holidays]
    found[MAINTENANCE] = [
        span
        for mute in notify.maintenance
        for span in (
            [{"weekdays": list(mute.weekdays), **_times(mute)}]
            if mute.weekdays
            else [{**_day(day), **_times(mute)} for day in mute.dates]
        )
    ]
    zone = {} if notify.time_zone == "UTC" else {"location": notify.time_zone}
    named = [
        {"name": name, "time_intervals": [{**span, **zone} for span in spans]} for name, spans in found.items() if spans
    ]
    return {"time_intervals": named} if named else {}


def of_page(policy: Policy) -> dict[str, Any]:
    """What a route of pages minds: maintenance alone."""
    return _mute([MAINTENANCE] if policy.notify.maintenance else [])


def of_ticket(policy: Policy) -> dict[str, Any]:
    """What a route of tickets minds."""
    office = policy.notify.office_hours
    active = {} if office is None else {"active_time_intervals": [OFFICE_HOURS]}
    holidays = [HOLIDAYS] if office is not None and office.holidays else []
    return {**active, **_mute([*holidays, *([MAINTENANCE] if policy.notify.maintenance else [])])}


def _mute(names: Iterable[str]) -> dict[str, Any]:
    return {"mute_time_intervals": list(names)} if names else {}


def _times(hours: Hours) -> dict[str, Any]:
    return {"times": [{"start_time": hours.from_, "end_time": hours.to}]}


def _day(day: date) -> dict[str, Any]:
    return {"years": [str(day.year)], "months": [str(day.month)], "days_of_month": [str(day.day)]}
