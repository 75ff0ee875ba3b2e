"""Office hours and maintenance in a real Alertmanager, at the time that it is."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sandbox.process import wait_until
from tests.integration.routing_stage import NODE, Stage, alert, staged
from tests.unit.alerts.policies import HOSTILE

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SOON: dict[str, Any] = {"ticket": {"group_wait": "5s", "group_interval": "1s", "repeat_interval": "1h"}}
ALL_DAY = {"from": "00:00", "to": "24:00"}


def _these_days() -> tuple[date, date]:
    """Today and tomorrow, so that a test over midnight is none."""
    today = datetime.now(UTC).date()
    return today, today + timedelta(days=1)


def _weekdays() -> list[str]:
    return [DAYS[day.weekday()] for day in _these_days()]


def _tell_all(stage: Stage) -> None:
    """A page, a ticket and the Watchdog; returns when each would have been told."""
    stage.tell(alert("CacheNodeDown", "f", NODE), alert("CacheLowHitRate", "f"), alert("CacheWatchdog", HOSTILE))
    # Twice the ticket's wait, in beats of a second.
    wait_until(lambda: len(stage.sink.received("heartbeat")) >= 10, 60, "ten beats")


def test_in_office_hours_all_is_told(tmp_path: Path) -> None:
    hours = {"weekdays": _weekdays(), **ALL_DAY, "holidays": ["2020-01-01"]}
    with staged(tmp_path, **SOON, office_hours=hours) as stage:
        stage.tell(alert("CacheLowHitRate", "f"))
        wait_until(lambda: ("firing", "CacheLowHitRate", "") in stage.notices("f"), 60, "the ticket")


def test_outside_office_hours_pages_come_and_tickets_wait(tmp_path: Path) -> None:
    others = [day for day in DAYS if day not in _weekdays()]
    with staged(tmp_path, **SOON, office_hours={"weekdays": others, **ALL_DAY}) as stage:
        _tell_all(stage)
        assert stage.notices("f") == [("firing", "CacheNodeDown", NODE)]
        assert stage.pages("f") == [("trigger", "CacheNodeDown", NODE)]


def test_on_a_holiday_tickets_wait(tmp_path: Path) -> None:
    holidays = [str(day) for day in _these_days()]
    with staged(tmp_path, **SOON, office_hours={"weekdays": _weekdays(), **ALL_DAY, "holidays": holidays}) as stage:
        _tell_all(stage)
        assert stage.notices("f") == [("firing", "CacheNodeDown", NODE)]


def test_in_maintenance_nobody_is_told_and_the_heart_beats(tmp_path: Path) -> None:
    with staged(tmp_path, **SOON, maintenance=[{"dates": [str(day) for day in _these_days()]}]) as stage:
        _tell_all(stage)
        assert stage.notices("f") == []
        assert stage.pages("f") == []
