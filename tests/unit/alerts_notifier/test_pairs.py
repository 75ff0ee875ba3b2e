"""Several Prometheus tell of one thing: one message when the first of them does, one when the last does no more."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from alerts.notifier.counters import Counters
from alerts.notifier.dedup import Lifetimes, Said, Seen, said
from alerts.notifier.delivery import Deliveries, Pace
from alerts.notifier.delivery import news as _news
from alerts.notifier.message import Message, render
from alerts.notifier.pairs import merged
from tests.unit.alerts_notifier.samples import BEGAN, ENDED, alert, notification

LATER, LAST = "2026-11-22T03:20:00Z", "2026-11-22T03:40:00Z"
DAY = Lifetimes(pages=86400, tickets=86400)


def by(who: str, began: str = BEGAN, ended: str | None = None, **other: Any) -> dict[str, Any]:
    return alert(ended=ended, startsAt=began, labels={"prometheus_replica": who}, **other)


def news(*alerts: dict[str, Any]) -> Said:
    return said(notification(*alerts))


class Told:
    """A group, and whether each notification of it is told, as the notifier decides it."""

    def __init__(self) -> None:
        self._seen, self._now = Seen(DAY), 0.0

    def tells(self, *alerts: dict[str, Any]) -> bool:
        self._now += 1
        if self._seen.has("g", news(*alerts), True, self._now):
            self._seen.hears("g", news(*alerts), True, self._now)
            return False
        self._seen.add("g", news(*alerts), True, self._now)
        return True


def test_a_second_one_that_tells_the_same_is_no_news_nor_is_the_end_of_one() -> None:
    told = Told()
    assert told.tells(by("a"))
    assert not told.tells(by("a"), by("b", LATER)), "a quarter of an hour later"
    assert not told.tells(by("a")), "a silence hides the second one"
    assert not told.tells(by("b", LATER)), "and then the first"
    assert not told.tells(by("a", ended=ENDED), by("b", LATER))
    assert not told.tells(by("b", LATER)), "Alertmanager has forgotten the end"
    assert not told.tells(by("a", ended=ENDED), by("b", LATER)), "which the first one says again"
    assert told.tells(by("b", LATER, LAST))
    assert not told.tells(by("a", ended=ENDED), by("b", LATER, LAST))


def test_what_begins_anew_in_one_of_them_after_all_have_ended_is_news() -> None:
    told = Told()
    assert told.tells(by("a"), by("b"))
    assert told.tells(by("a", ended=ENDED), by("b", ended=ENDED))
    assert told.tells(by("a", ended=ENDED), by("b", LATER))
    assert told.tells(by("a", ended=ENDED), by("b", LATER, LAST))


def test_what_begins_anew_after_a_silence_swallowed_its_end_is_news() -> None:
    told = Told()
    assert told.tells(by("a"), by("b"))
    assert told.tells(by("a", LATER), by("b", LATER))
    assert not told.tells(by("a", LATER), by("b"))


def test_one_that_did_not_say_who_it_is_before_tells_the_same() -> None:
    told = Told()
    assert told.tells(alert())
    assert not told.tells(alert(ended=ENDED), by("a"))


def test_who_hears_nothing_more_keeps_what_it_knew_and_for_how_long() -> None:
    seen = Seen(DAY)
    seen.add("g", news(by("a")), True, now=100)
    assert seen.hears("g", news(by("a")), True, now=101) is None
    heard = seen.hears("g", news(by("a"), by("b", LATER)), True, now=103)
    assert heard is not None
    assert heard[1] == 3
    assert not seen.has("g", news(by("b", LATER)), True, now=100 + DAY.pages)
    assert seen.hears("g", news(by("b", LATER)), True, now=100 + DAY.pages) is None


def test_a_message_has_each_thing_once() -> None:
    both = merged(notification(by("a", LATER), by("b"), alert("10.0.0.2:6379")))
    assert [one.labels["instance"] for one in both.alerts] == ["10.0.0.1:6379", "10.0.0.2:6379"]
    assert both.alerts[0].starts_at == notification(by("b")).alerts[0].starts_at
    one = merged(notification(by("a", ended=ENDED), by("b")))
    assert (len(one.alerts), one.alerts[0].status) == (1, "firing")
    assert render(one) == render(notification(by("b")))
    assert _news(notification(by("a"), by("b"))).message == render(notification(by("b"))), "what is told is that"


@pytest.mark.parametrize("blind", ["a", "b"])
def test_who_saw_it_heal_has_the_last_word_and_the_end_is_the_last_ones(blind: str) -> None:
    ends = {name: by(name, ended=ENDED, annotations={"unseen": "it was gone" * (name == blind)}) for name in ("a", "b")}
    ends["b"]["endsAt"] = LAST
    (one,) = merged(notification(*ends.values())).alerts
    assert not one.unseen
    assert one.ends_at - one.starts_at > timedelta(minutes=30)


def test_where_none_of_them_saw_it_heal_it_ended_unseen() -> None:
    (one,) = merged(notification(*(by(n, ended=ENDED, annotations={"unseen": "gone"}) for n in ("a", "b")))).alerts
    assert one.unseen == "gone"


def test_an_end_of_before_that_is_said_again_has_no_part_in_what_came_after_it() -> None:
    blind = by("b", LATER, LAST, annotations={"unseen": "the exporter is gone"})
    (one,) = merged(notification(by("a", ended=ENDED), blind)).alerts
    assert (one.unseen, one.ends_at - one.starts_at) == ("the exporter is gone", timedelta(minutes=20))
    (again,) = merged(notification(by("a", ended=ENDED), by("b", LATER))).alerts
    assert again.starts_at == notification(by("b", LATER)).alerts[0].starts_at


def test_a_second_one_that_is_heard_with_the_end_of_the_first_goes_on_with_its_page() -> None:
    told, over = Told(), "2026-11-22T03:20:10Z"
    assert told.tells(by("a"))
    assert not told.tells(by("a", ended=over), by("b", LATER))
    assert not told.tells(by("b", LATER)), "by now known alone"
    (one,) = merged(notification(by("a", ended=over), by("b", LATER))).alerts
    assert one.starts_at == notification(by("a")).alerts[0].starts_at, "open since then"
    assert one.status == "firing"


async def test_a_second_one_that_joins_while_the_first_is_on_its_way_is_known() -> None:
    posted, gate = list[str](), asyncio.Event()

    async def post(message: Message) -> None:
        await gate.wait()
        posted.append(message.text)

    deliveries = Deliveries(post, Seen(DAY), Counters(), Pace(spacing=0))
    first = asyncio.create_task(deliveries.deliver(_news(notification(by("a")))))
    await asyncio.sleep(0.01)
    joins = asyncio.create_task(deliveries.deliver(_news(notification(by("a"), by("b", LATER)))))
    await asyncio.sleep(0.01)
    gate.set()
    assert [(await first).result, (await joins).result] == ["sent", "duplicate"]
    assert (await deliveries.deliver(_news(notification(by("b", LATER))))).result == "duplicate"
    assert len(posted) == 1


async def test_the_notifier_tells_it_once_and_remembers_who_told_it_for_as_long_as_the_first_is_known() -> None:
    """Also after a restart: what it heard of the second one is kept, with the age of what was told."""
    posted, kept = list[str](), list[tuple[Said, float]]()

    async def post(message: Message) -> None:
        posted.append(message.text.split(" ")[0])

    deliveries = Deliveries(
        post, Seen(DAY), Counters(), Pace(spacing=0), keep=lambda _, known, age: kept.append((known, age))
    )
    for alerts in ([by("a")], [by("a"), by("b", LATER)], [by("b", LATER)], [by("a", ended=ENDED), by("b", LATER)]):
        await asyncio.sleep(0.01)
        assert (await deliveries.deliver(_news(notification(*alerts)))).delivered
    assert posted == ["FIRING"]
    assert [age > 0 for _, age in kept] == [False, True]
    assert news(by("b", LATER)).again(kept[-1][0])
    assert not news(by("b", LATER)).again(kept[0][0])
    await deliveries.deliver(_news(notification(by("b", LATER, LAST))))
    assert posted == ["FIRING", "RESOLVED"]
