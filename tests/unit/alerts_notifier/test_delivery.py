"""Once, in order, not too fast, and an answer in time."""

import asyncio
import pickle
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from alerts.notifier.counters import Counters
from alerts.notifier.dedup import Lifetimes, Seen
from alerts.notifier.delivery import Answer, Deliveries, News, Pace, news
from alerts.notifier.failures import SlackFailure
from alerts.notifier.message import Message
from tests.unit.alerts_notifier.samples import ENDED, alert, notification

_FAST = Pace(patience=20, lifetime=30, spacing=0)


class Channel:
    """A channel in memory: it takes a message when `gate` is open, or fails with the next of `failures`."""

    def __init__(self, *failures: SlackFailure) -> None:
        self.texts: list[str] = []
        self.at: list[float] = []
        self.failures = list(failures)
        self.gate = asyncio.Event()
        self.gate.set()

    async def post(self, message: Message) -> None:
        """Take a message."""
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        self.texts.append(message.text)
        self.at.append(time.monotonic())


def _deliveries(channel: Channel, pace: Pace = _FAST, lifetime: float = 60) -> Deliveries:
    return Deliveries(channel.post, Seen(Lifetimes(lifetime, lifetime)), Counters(), pace)


def _said(*alerts: dict[str, Any], **other: Any) -> News:
    return news(notification(*alerts, **other))


def _node(name: str) -> News:
    return _said(alert(name), groupKey=name)


async def _until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not check():  # noqa: ASYNC110  # what is awaited is a property, and has no event
            await asyncio.sleep(0.005)


def test_of_a_large_notification_little_is_kept_while_it_waits() -> None:
    long = dict.fromkeys(("summary", "description", "runbook_url", "other"), "x" * 1_000_000)
    alerts = [alert(f"n{number}:1", annotations=long, labels={"other": "y" * 100_000}) for number in range(3)]
    kept = _said(*alerts, groupKey="g" * 1_000_000, externalURL="http://x/" + "z" * 1_000_000)
    assert len(pickle.dumps(kept)) < 20_000


async def test_the_same_news_twice_is_one_message_and_both_are_told_it_is_there() -> None:
    channel = Channel()
    deliveries = _deliveries(channel)
    answers = [await deliveries.deliver(_said()) for _ in range(2)]
    assert [answer.result for answer in answers] == ["sent", "duplicate"]
    assert all(answer.delivered for answer in answers)
    assert len(channel.texts) == 1


async def test_the_same_news_from_a_pair_at_the_same_moment_is_one_message() -> None:
    channel = Channel()
    channel.gate.clear()
    deliveries = _deliveries(channel)
    both = asyncio.gather(*(deliveries.deliver(_said()) for _ in range(2)))
    await _until(lambda: deliveries.in_flight == 1)
    channel.gate.set()
    assert sorted(answer.result for answer in await both) == ["duplicate", "sent"]
    assert len(channel.texts) == 1


async def test_a_reminder_after_the_memory_has_ended_gets_through() -> None:
    channel = Channel()
    deliveries = _deliveries(channel, lifetime=0)
    assert [(await deliveries.deliver(_said())).result for _ in range(2)] == ["sent", "sent"]


async def test_a_failed_attempt_is_not_remembered_as_done() -> None:
    channel = Channel(SlackFailure("server_error", "HTTP 500"))
    deliveries = _deliveries(channel)
    first, second = [await deliveries.deliver(_said()) for _ in range(2)]
    assert (first.result, first.delivered) == ("failed", False)
    assert "HTTP 500" in first.text
    assert second.result == "sent"


async def test_the_log_names_a_message_as_people_read_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "alerts.notifier")
    deliveries = _deliveries(Channel(SlackFailure("server_error", "HTTP 500")))
    low = _said(alert(annotations={"summary": "hit rate < 70%"}))
    for _ in range(2):
        await deliveries.deliver(low)
    failed, sent = caplog.messages
    assert failed.startswith("not sent: FIRING (critical): hit rate < 70%, ")
    assert sent.startswith("sent: FIRING (critical): hit rate < 70%, ")


async def test_both_of_a_pair_hear_of_the_failure_of_the_one_attempt_they_share() -> None:
    channel = Channel(SlackFailure("token", "invalid_auth"))
    channel.gate.clear()
    deliveries = _deliveries(channel)
    both = asyncio.gather(*(deliveries.deliver(_said()) for _ in range(2)))
    await _until(lambda: deliveries.in_flight == 1)
    channel.gate.set()
    assert [answer.result for answer in await both] == ["failed", "failed"]


async def test_messages_leave_in_the_order_in_which_they_came() -> None:
    channel = Channel()
    channel.gate.clear()
    deliveries = _deliveries(channel)
    tasks = []
    for number in range(20):
        tasks.append(asyncio.create_task(deliveries.deliver(_node(f"n{number}:1"))))
        await _until(lambda number=number: deliveries.in_flight == number + 1)  # type: ignore[misc]
    channel.gate.set()
    await asyncio.gather(*tasks)
    assert [text.split()[4] for text in channel.texts] == [f"n{number}:1" for number in range(20)]


async def test_resolved_never_overtakes_firing() -> None:
    channel = Channel()
    channel.gate.clear()
    deliveries = _deliveries(channel)
    firing = asyncio.create_task(deliveries.deliver(_said()))
    await _until(lambda: deliveries.in_flight == 1)
    resolved = asyncio.create_task(deliveries.deliver(_said(alert(ended=ENDED))))
    await _until(lambda: deliveries.in_flight == 2)
    channel.gate.set()
    await asyncio.gather(firing, resolved)
    assert [text.split()[0] for text in channel.texts] == ["FIRING", "RESOLVED"]


async def test_posts_keep_slacks_distance() -> None:
    channel = Channel()
    deliveries = _deliveries(channel, Pace(spacing=0.2, burst=1))
    await asyncio.gather(*(deliveries.deliver(_node(f"n{number}:1")) for number in range(3)))
    gaps = [later - earlier for earlier, later in zip(channel.at, channel.at[1:], strict=False)]
    assert all(gap >= 0.19 for gap in gaps)


async def test_a_rack_that_dies_is_told_at_once_and_what_comes_then_keeps_the_distance() -> None:
    channel = Channel()
    deliveries = _deliveries(channel, Pace(spacing=0.3, burst=10))
    await asyncio.gather(*(deliveries.deliver(_node(f"n{number}:1")) for number in range(12)))
    gaps = [later - earlier for earlier, later in pairwise(channel.at)]
    assert channel.at[9] - channel.at[0] < 0.3
    assert all(gap >= 0.29 for gap in gaps[9:])


async def test_an_alert_that_fires_again_with_its_old_start_is_told_again() -> None:
    channel = Channel()
    deliveries = _deliveries(channel)
    fires, ended = _said(), _said(alert(ended=ENDED))
    answers = [(await deliveries.deliver(one)).result for one in (fires, ended, fires, fires)]
    assert answers == ["sent", "sent", "sent", "duplicate"]
    assert [text.split()[0] for text in channel.texts] == ["FIRING", "RESOLVED", "FIRING"]


async def test_an_alert_that_fires_again_is_not_told_by_the_message_before_its_end() -> None:
    channel = Channel()
    channel.gate.clear()
    deliveries = _deliveries(channel)
    waiting = []
    for one in (_said(), _said(alert(ended=ENDED)), _said()):
        waiting.append(asyncio.create_task(deliveries.deliver(one)))
        await _until(lambda: deliveries.in_flight == len(waiting))
    channel.gate.set()
    assert [answer.result for answer in await asyncio.gather(*waiting)] == ["sent"] * 3
    assert [text.split()[0] for text in channel.texts] == ["FIRING", "RESOLVED", "FIRING"]


async def test_a_page_goes_before_all_tickets_that_wait() -> None:
    channel = Channel()
    channel.gate.clear()
    deliveries = _deliveries(channel)
    tickets = [_said(alert(f"n{n}:1", labels={"severity": "warning"}), groupKey=f"n{n}") for n in range(5)]
    waiting = [asyncio.create_task(deliveries.deliver(news)) for news in tickets]
    await _until(lambda: deliveries.in_flight == 5)
    waiting.append(asyncio.create_task(deliveries.deliver(_node("page:1"))))
    await _until(lambda: deliveries.in_flight == 6)
    channel.gate.set()
    await asyncio.gather(*waiting)
    assert [text.split()[4] for text in channel.texts] == ["n0:1", "page:1", "n1:1", "n2:1", "n3:1", "n4:1"]


async def test_while_slack_asks_to_wait_nothing_is_sent() -> None:
    channel = Channel(SlackFailure("rate_limited", "wait", wait=0.4))
    deliveries = _deliveries(channel, Pace(spacing=0))
    began = time.monotonic()
    answers = await asyncio.gather(*(deliveries.deliver(_node(f"n{number}:1")) for number in range(3)))
    assert [answer.result for answer in answers] == ["failed", "sent", "sent"]
    assert channel.at[0] - began >= 0.4


async def test_a_page_is_told_while_alertmanager_asks_for_it_and_not_when_its_alert_may_have_ended() -> None:
    """Of what Alertmanager never saw told it never tells the end."""
    channel = Channel()
    channel.gate.clear()
    deliveries = _deliveries(channel, Pace(patience=0.05, spacing=0, interest=0.5))
    first = asyncio.create_task(deliveries.deliver(_node("a:1")))
    await _until(lambda: deliveries.in_flight == 1)
    for name in ("b:1", "c:1"):
        assert (await deliveries.deliver(_node(name))).result == "late"
    assert (await first).result == "late"
    channel.gate.set()
    await asyncio.sleep(0.1)  # it is their turn, and nobody asks
    assert [text.split()[4] for text in channel.texts] == ["a:1"]
    assert (await deliveries.deliver(_node("c:1"))).result == "duplicate", "who asks again gets it at once"
    await _until(lambda: deliveries.in_flight == 0)
    assert [text.split()[4] for text in channel.texts] == ["a:1", "c:1"]
    assert (await deliveries.deliver(_node("b:1"))).result == "sent", "asked for again it is told"


async def test_a_page_that_had_its_turn_and_is_asked_for_again_goes_before_those_that_wait() -> None:
    channel = Channel()
    channel.gate.clear()
    deliveries = _deliveries(channel)
    first, aside = (asyncio.create_task(deliveries.deliver(_node(name))) for name in ("a:1", "b:1"))
    await _until(lambda: deliveries.in_flight == 2)
    aside.cancel()  # its client is gone
    channel.gate.set()
    assert (await first).result == "sent"
    channel.gate.clear()
    waiting = []
    for name in ("x:1", "c:1", "b:1"):
        waiting.append(asyncio.create_task(deliveries.deliver(_node(name))))
        await asyncio.sleep(0.05)
    channel.gate.set()
    await asyncio.gather(*waiting)
    assert [text.split()[4] for text in channel.texts] == ["a:1", "x:1", "b:1", "c:1"]


async def test_pages_that_nobody_wants_any_more_cost_the_others_no_time() -> None:
    channel = Channel()
    channel.gate.clear()
    deliveries = _deliveries(channel, Pace(patience=0.05, spacing=0.5, burst=1))
    blip = [asyncio.create_task(deliveries.deliver(_node(f"n{number}:1"))) for number in range(50)]
    assert {answer.result for answer in await asyncio.gather(*blip)} == {"late"}
    channel.gate.set()
    began = time.monotonic()
    while (await deliveries.deliver(_node("dead:1"))).result == "late":
        assert time.monotonic() - began < 15  # half a second each would be 25
    assert channel.texts[-1].split()[4] == "dead:1"


async def test_a_page_goes_before_the_ends_of_others_and_after_what_its_own_group_told() -> None:
    channel = Channel()
    channel.gate.clear()
    deliveries = _deliveries(channel)
    firsts = [_node("a:1"), *(_said(alert(name, ended=ENDED), groupKey=name) for name in ("b:1", "c:1"))]
    waiting = []
    for told in (*firsts, _node("b:1"), _node("d:1")):
        waiting.append(asyncio.create_task(deliveries.deliver(told)))
        await _until(lambda: deliveries.in_flight == len(waiting))
    channel.gate.set()
    await asyncio.gather(*waiting)
    seen = [(text.split()[0], next(word for word in text.split() if word.endswith(":1"))) for text in channel.texts]
    ends = [("RESOLVED", "b:1"), ("RESOLVED", "c:1"), ("FIRING", "b:1")]
    assert seen == [("FIRING", "a:1"), ("FIRING", "d:1"), *ends]


async def test_a_page_that_comes_while_slack_asks_to_wait_goes_before_the_ticket_that_met_it() -> None:
    channel = Channel(SlackFailure("rate_limited", "wait", wait=0.4))
    deliveries = _deliveries(channel, Pace(spacing=0))
    tickets = [_said(alert(f"n{n}:1", labels={"severity": "warning"}), groupKey=f"n{n}") for n in range(2)]
    assert (await deliveries.deliver(tickets[0])).result == "failed"
    waiting = [asyncio.create_task(deliveries.deliver(tickets[1]))]
    await _until(lambda: deliveries.in_flight == 1)
    waiting.append(asyncio.create_task(deliveries.deliver(_node("page:1"))))
    await asyncio.gather(*waiting)
    assert [text.split()[4] for text in channel.texts] == ["page:1", "n1:1"]


async def test_what_nobody_thought_of_is_a_failure_that_is_counted() -> None:
    async def post(_: Message) -> None:
        raise RuntimeError("who would have thought")

    counters = Counters()
    answer = await Deliveries(post, Seen(Lifetimes(60, 60)), counters, _FAST).deliver(_said())
    assert answer.result == "failed"
    assert 'slack_failures_total{reason="other"} 1' in counters.exposition(0)
    assert "who would have thought" in answer.text


async def test_a_slow_slack_gets_a_late_answer_and_the_message_still_arrives_once() -> None:
    channel = Channel()
    channel.gate.clear()
    deliveries = _deliveries(channel, Pace(patience=0.05, spacing=0))
    late = await deliveries.deliver(_said())
    assert (late.result, late.delivered) == ("late", False)
    channel.gate.set()
    await _until(lambda: deliveries.in_flight == 0)
    assert (await deliveries.deliver(_said())).result == "duplicate"
    assert len(channel.texts) == 1


async def test_a_message_that_cannot_leave_is_given_up_after_its_lifetime() -> None:
    channel = Channel()
    channel.gate.clear()
    answer = await _deliveries(channel, Pace(patience=20, lifetime=0.05)).deliver(_said())
    assert answer.result == "failed"
    assert "not sent within 0.05 s" in answer.text


async def test_a_page_that_nobody_asks_for_when_its_lifetime_ends_is_no_failure_of_slack() -> None:
    channel, counters = Channel(), Counters()
    channel.gate.clear()
    deliveries = Deliveries(
        channel.post, Seen(Lifetimes(60, 60)), counters, Pace(patience=0.05, lifetime=0.3, spacing=0)
    )
    first = asyncio.create_task(deliveries.deliver(_said(alert("t:1", labels={"severity": "warning"}), groupKey="t")))
    await _until(lambda: deliveries.in_flight == 1)
    assert (await deliveries.deliver(_node("b:1"))).result == "late"
    await first
    await _until(lambda: deliveries.in_flight == 0)
    assert channel.texts == []
    assert 'slack_failures_total{reason="timeout"} 1' in counters.exposition(0), (
        "the ticket's, which Slack did not take"
    )


async def test_one_message_that_hangs_does_not_hold_the_next_for_ever() -> None:
    channel = Channel()
    channel.gate.clear()
    deliveries = _deliveries(channel, Pace(patience=20, lifetime=1.0, spacing=0))
    assert (await deliveries.deliver(_node("a:1"))).result == "failed"
    channel.gate.set()
    assert (await deliveries.deliver(_node("b:2"))).result == "sent"


async def test_a_queue_that_is_full_refuses_at_once_tickets_before_pages() -> None:
    channel = Channel()
    channel.gate.clear()
    deliveries = _deliveries(channel, Pace(patience=20, spacing=0, most=2))
    tickets = [_said(alert(f"t{n}:1", labels={"severity": "warning"}), groupKey=f"t{n}") for n in range(3)]
    waiting = [asyncio.create_task(deliveries.deliver(ticket)) for ticket in tickets[:2]]
    await _until(lambda: deliveries.in_flight == 2)
    answer = await deliveries.deliver(tickets[2])
    assert (answer.result, answer.delivered) == ("refused", False)
    waiting += [asyncio.create_task(deliveries.deliver(_node(f"n{number}:1"))) for number in range(6)]
    await _until(lambda: deliveries.in_flight == 8)
    assert (await deliveries.deliver(_node("n6:1"))).result == "refused"
    channel.gate.set()
    assert all(answer.delivered for answer in await asyncio.gather(*waiting))


async def _closed(channel: Channel, grace: float, *, opens: bool) -> tuple[Deliveries, Answer]:
    deliveries = _deliveries(channel)
    channel.gate.clear()
    waiting = asyncio.create_task(deliveries.deliver(_said()))
    await _until(lambda: deliveries.in_flight == 1)
    closing = asyncio.create_task(deliveries.close(grace))
    await _until(lambda: not deliveries.open)
    if opens:
        channel.gate.set()
    await closing
    return deliveries, await waiting


async def test_the_end_waits_for_what_is_on_its_way() -> None:
    channel = Channel()
    _, answer = await _closed(channel, 20, opens=True)
    assert answer.result == "sent"
    assert len(channel.texts) == 1


async def test_the_end_refuses_what_does_not_come_to_its_end_and_everything_new() -> None:
    channel = Channel()
    deliveries, answer = await _closed(channel, 0.05, opens=False)
    assert answer == Answer("refused", "shutting down before Slack took it")
    assert (await deliveries.deliver(_node("b:2"))).result == "refused"
    assert deliveries.in_flight == 0
    assert channel.texts == []
