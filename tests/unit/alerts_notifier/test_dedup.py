"""The same news is told once; news is never taken for old."""

from datetime import timedelta
from typing import Any

import pytest

from alerts.notifier.dedup import Seen, group, key, lifetime
from policy.notify import Notify
from tests.unit.alerts_notifier.samples import ENDED, alert, notification


def test_a_retry_is_the_same_news_whatever_the_order_of_its_alerts() -> None:
    assert key(notification(alert("a:1"), alert("b:2"))) == key(notification(alert("b:2"), alert("a:1")))


def test_a_new_value_in_the_description_is_no_news() -> None:
    assert key(notification()) == key(notification(alert(annotations={"description": "now 71%"})))


@pytest.mark.parametrize(
    "other",
    [
        {"alerts": [alert(ended=ENDED)]},
        {"alerts": [alert(startsAt="2026-11-22T04:00:00Z")]},
        {"alerts": [alert(fingerprint="another")]},
        {"alerts": [alert(), alert("10.0.0.2:6379")]},
        {"groupKey": "another"},
        {"truncatedAlerts": 1},
    ],
)
def test_another_state_another_start_another_alert_or_another_group_is_news(other: dict[str, Any]) -> None:
    assert key(notification(**other)) != key(notification())


def test_what_was_told_is_remembered_for_its_lifetime_and_not_longer() -> None:
    seen = Seen(lifetime=10)
    seen.add("a", "news", now=100)
    assert seen.has("a", "news", now=109.9)
    assert not seen.has("a", "news", now=110)
    assert not seen.has("b", "news", now=100)


def test_told_again_lives_again() -> None:
    seen = Seen(lifetime=10)
    seen.add("a", "news", now=100)
    seen.add("b", "news", now=105)
    seen.add("a", "news", now=109)
    assert not seen.has("b", "news", now=116)
    assert seen.has("a", "news", now=118)


def test_memory_is_bounded_and_the_oldest_goes_first() -> None:
    seen = Seen(lifetime=10, capacity=3)
    for number in range(100):
        seen.add(str(number), "news", now=100)
    assert len(seen) == 3
    assert [seen.has(str(number), "news", now=100) for number in (96, 97, 98, 99)] == [False, True, True, True]


def test_only_the_last_news_of_a_group_is_old_news() -> None:
    """Fires, ends and fires again with the start that it had: somebody who read RESOLVED must be told."""
    seen = Seen(lifetime=10)
    told = []
    for news in ("fires", "fires", "ended", "fires"):
        told.append(not seen.has("group", news, now=100))
        seen.add("group", news, now=100)
    assert told == [True, False, True, True]


@pytest.mark.parametrize(("page", "ticket", "expected"), [("4h", "12h", 300), ("1m", "12h", 20), ("4h", "30s", 10)])
def test_a_reminder_gets_through_because_memory_ends_well_before_the_smallest_repeat_interval(
    page: str, ticket: str, expected: float
) -> None:
    timing = {"page": {"repeat_interval": page}, "ticket": {"repeat_interval": ticket}}
    notify = Notify.model_validate(timing)
    assert lifetime(notify) == expected
    assert timedelta(seconds=lifetime(notify)) < min(notify.page.repeat_interval, notify.ticket.repeat_interval) / 2


def test_a_group_is_told_by_a_short_digest_however_long_its_key_is() -> None:
    short, long, same = (group(notification(groupKey=key)) for key in ("g", "g" * 1_000_000, "g" * 1_000_000))
    assert short != long == same
    assert len(long) == 64
