"""The same news is told once; news is never taken for old."""

from datetime import timedelta
from typing import Any

import pytest

from alerts.notifier.dedup import Lifetimes, Said, Seen, group, said
from policy.notify import Notify
from tests.unit.alerts_notifier.samples import ENDED, alert, notification

FIRING = said(notification())
_TEN = Lifetimes(pages=10, tickets=10)


def news(*alerts: dict[str, Any], **other: Any) -> Said:
    return said(notification(*alerts, **other))


def test_a_retry_is_the_same_news_whatever_the_order_of_its_alerts() -> None:
    assert news(alert("a:1"), alert("b:2")).again(news(alert("b:2"), alert("a:1")))


def test_a_new_value_in_the_description_is_no_news() -> None:
    assert news(alert(annotations={"description": "now 71%"})).again(FIRING)


def test_of_a_group_a_silence_may_hide_one_and_show_it_again_and_neither_is_news() -> None:
    seen = Seen(_TEN)
    both, one = news(alert("a:1"), alert("b:2")), news(alert("b:2"))
    seen.add("g", both, True, now=100)
    assert seen.has("g", one, True, now=101)
    joined = news(alert("b:2"), alert("c:3"))
    assert not seen.has("g", joined, True, now=102)
    seen.add("g", joined, True, now=102)
    assert seen.has("g", news(alert("a:1"), alert("b:2"), alert("c:3")), True, now=103)
    later = alert("a:1", startsAt="2026-11-22T03:30:00Z")
    assert not seen.has("g", news(later, alert("b:2")), True, now=104), "its end was swallowed, and it fires anew"
    seen.add("g", news(alert("a:1", ended=ENDED), alert("b:2")), True, now=105)
    assert not seen.has("g", both, True, now=106), "it ended, and fires again"


def test_of_a_group_whose_alerts_are_always_others_not_all_are_kept() -> None:
    seen = Seen(_TEN)
    for number in range(0, 5000, 1000):
        many = news(*(alert(f"{at}:1") for at in range(number, number + 1000)))
        seen.add("g", many, True, now=100)
        assert seen.has("g", many, True, now=100)
    assert not seen.has("g", news(alert("0:1")), True, now=100)


def test_of_a_group_whose_alerts_end_one_after_the_other_not_all_ends_are_kept() -> None:
    seen = Seen(_TEN)
    for number in range(0, 5000, 1000):
        many = news(*(alert(f"{at}:1", ended=ENDED) for at in range(number, number + 1000)))
        known = seen.add("g", many, True, now=100)
        assert seen.has("g", many, True, now=100)
        assert known.size <= 2 * many.size


def test_what_is_left_of_news_once_the_ended_is_told_is_no_news() -> None:
    told = news(alert("a:1"), alert("b:2", ended=ENDED))
    assert news(alert("a:1")).again(told)
    assert not news(alert("a:1"), alert("b:2")).again(told), "the other one fires again"
    assert not news(alert("a:1", ended=ENDED)).again(told)


def test_an_end_that_was_told_is_no_news_beside_another_one_of_its_group_unless_it_fired_again() -> None:
    """Prometheus says an end for 15 minutes, and Alertmanager tells it with whatever else the group has by then."""
    seen = Seen(_TEN)
    over, again = alert("a:1", ended=ENDED), {"startsAt": "2026-11-22T03:07:00Z"}
    for told in (news(alert("a:1")), news(over), news(alert("b:2"))):
        assert not seen.has("g", told, False, now=100)
        seen.add("g", told, False, now=100)
    assert seen.has("g", news(over, alert("b:2")), False, now=101)
    fired = news(alert("a:1", **again), alert("b:2"))
    assert not seen.has("g", fired, False, now=102)
    seen.add("g", fired, False, now=102)
    assert not seen.has("g", news(alert("a:1", **again, ended="2026-11-22T03:08:00Z"), alert("b:2")), False, now=103)


@pytest.mark.parametrize(
    "other",
    [
        {"alerts": [alert(ended=ENDED)]},
        {"alerts": [alert(startsAt="2026-11-22T04:00:00Z")]},
        {"alerts": [alert(labels={"cause": "another"})]},
        {"alerts": [alert(), alert("10.0.0.2:6379")]},
        {"truncatedAlerts": 1},
    ],
)
def test_another_state_a_new_beginning_or_another_alert_is_news(other: dict[str, Any]) -> None:
    assert not news(**other).again(FIRING)


@pytest.mark.parametrize("began", ["2026-11-22T03:04:02Z", "2026-11-22T03:05:05Z"])
def test_the_beginning_that_the_other_prometheus_of_a_pair_saw_is_no_news(began: str) -> None:
    assert news(alert(startsAt=began)).again(FIRING)


def test_what_was_told_is_remembered_for_its_lifetime_and_not_longer() -> None:
    seen = Seen(Lifetimes(pages=10, tickets=20))
    seen.add("a", FIRING, True, now=100)
    assert [seen.has("a", FIRING, True, now) for now in (109.9, 110)] == [True, False]
    assert [seen.has("a", FIRING, False, now) for now in (119.9, 120)] == [True, False]
    assert not seen.has("b", FIRING, True, now=100)


def test_told_again_lives_again() -> None:
    seen = Seen(_TEN)
    seen.add("a", FIRING, True, now=100)
    seen.add("a", FIRING, True, now=109)
    assert seen.has("a", FIRING, True, now=118)


def test_memory_is_bounded_and_the_oldest_goes_first() -> None:
    seen = Seen(_TEN, most=3 * (FIRING.size + 100))
    for number in range(100):
        seen.add(str(number), FIRING, True, now=100)
    assert len(seen) == 3
    assert [seen.has(str(number), FIRING, True, now=100) for number in (96, 97, 98, 99)] == [False, True, True, True]


def test_only_the_last_news_of_a_group_is_old_news() -> None:
    """Fires, ends and fires again with the start that it had: somebody who read RESOLVED must be told."""
    seen = Seen(_TEN)
    told = []
    ended = news(alert(ended=ENDED))
    for each in (FIRING, FIRING, ended, FIRING):
        told.append(not seen.has("group", each, True, now=100))
        seen.add("group", each, True, now=100)
    assert told == [True, False, True, True]


@pytest.mark.parametrize(
    ("page", "ticket", "expected"),
    [("4h", "12h", (14100, 42900)), ("1m", "12h", (30, 42900)), ("4h", "30s", (14100, 15))],
)
def test_what_still_fires_is_told_again_after_its_repeat_interval_and_not_before(
    page: str, ticket: str, expected: tuple[float, float]
) -> None:
    """Alertmanager says it each ten minutes: that before the last half of these is swallowed, the one about then told."""
    notify = Notify.model_validate({"page": {"repeat_interval": page}, "ticket": {"repeat_interval": ticket}})
    assert Lifetimes.of(notify) == Lifetimes(*expected)
    assert notify.ticket.asserted == min(timedelta(minutes=10), notify.ticket.repeat_interval)


def test_the_longest_lifetime_is_of_whichever_is_told_again_last() -> None:
    assert (Lifetimes(pages=1, tickets=2).longest, Lifetimes(pages=4, tickets=3).longest) == (2, 4)


def test_a_group_is_told_by_a_short_digest_however_long_its_key_is() -> None:
    short, long, same = (group(notification(groupKey=key)) for key in ("g", "g" * 1_000_000, "g" * 1_000_000))
    assert short != long == same
    assert len(long) == 64
