"""What the webhook accepts, and what it says about the rest."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from alerts.notifier.model import InvalidNotification, parse
from tests.unit.alerts_notifier.samples import ENDED, alert, body, notification


def test_a_webhook_body_is_read_whole() -> None:
    read = notification(alert("a:1"), alert("b:2", ended=ENDED), truncatedAlerts=3)
    assert [one.labels["instance"] for one in read.firing] == ["a:1"]
    assert [one.labels["instance"] for one in read.resolved] == ["b:2"]
    assert read.firing[0].starts_at == datetime(2026, 11, 22, 3, 4, 5, 123456, tzinfo=UTC)
    assert (read.truncated, read.external_url) == (3, "http://127.0.0.1:9093")


def test_a_moment_is_the_same_in_every_zone() -> None:
    (read,) = notification(alert(startsAt="2026-11-22T05:04:05+02:00")).alerts
    assert read.starts_at.isoformat() == "2026-11-22T03:04:05+00:00"


def test_fields_that_a_newer_alertmanager_adds_are_tolerated() -> None:
    assert notification(alert(novelty=[1, 2]), notificationReason="first").alerts


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (b"", "body: Invalid JSON"),
        (b'{"alerts": [', "body: Invalid JSON"),
        (b"[]", "body: Input should be an object"),
        (b'{"alerts": [], "groupKey": "g"}', "alerts: Tuple should have at least 1 item"),
    ],
)
def test_a_body_that_is_no_notification_is_refused_with_what_is_wrong(broken: bytes, told: str) -> None:
    with pytest.raises(InvalidNotification, match=told):
        parse(broken)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"startsAt": "yesterday"}, "alerts.0.startsAt: Input should be a valid datetime"),
        ({"startsAt": "2026-11-22T03:04:05"}, "alerts.0.startsAt: Input should have timezone info"),
        (
            {"startsAt": "0001-01-01T00:00:00+14:00"},
            "alerts.0.startsAt: Value error, lies before the year 1 or after 9999",
        ),
        ({"endsAt": "9999-12-31T23:59:59-14:00"}, "alerts.0.endsAt: Value error, lies before the year 1 or after 9999"),
        ({"status": "pending"}, "alerts.0.status: Input should be 'firing' or 'resolved'"),
        ({"labels": {"instance": 7}}, "alerts.0.labels.instance: Input should be a valid string"),
    ],
)
def test_a_wrong_field_is_named_with_its_place(other: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidNotification) as refused:
        parse(json.dumps(body(alert(**other))).encode())
    assert told in str(refused.value)


def test_a_body_with_many_problems_gives_a_short_answer() -> None:
    wrong = {"labels": {f"l{number}": number for number in range(4)}}
    with pytest.raises(InvalidNotification, match=r"and \d+ more$"):
        parse(json.dumps({"groupKey": "g", "alerts": [wrong] * 8}).encode())


@pytest.mark.parametrize(
    "key", ["x\n2026-01-01 00:00:00,000 INFO forged: all is well", "\x1b[2J\x1b]0;x\x07", "\u202e" * 9, "k" * 100_000]
)
def test_a_key_that_the_sender_chose_is_told_short_and_printable(key: str) -> None:
    labels = {f"{key}{number}": number for number in range(9)}
    with pytest.raises(InvalidNotification) as refused:
        parse(json.dumps(body(alert(labels=labels))).encode())
    told = str(refused.value)
    assert "alerts.0.labels." in told
    assert told.isprintable()
    assert len(told) < 5 * (80 + 80 + 4) + 20


@pytest.mark.parametrize(
    "sent",
    [
        b'{"groupKey": "g", "alerts": [' + b"1," * 100_000 + b"1]}",
        json.dumps({"groupKey": "g", "alerts": [{"labels": dict.fromkeys(map(str, range(100_000)), 1)}]}).encode(),
    ],
    ids=["alerts", "labels"],
)
def test_a_hundred_thousand_faults_are_not_looked_up_one_by_one(sent: bytes) -> None:
    """An error for each took half a kilobyte: of a body of 8 MiB some gigabytes, and seconds in which nobody was told."""
    with pytest.raises(InvalidNotification) as refused:
        parse(sent)
    more = re.search(r"and (\d+) more$", str(refused.value))
    assert more is None or int(more[1]) < 10
