"""The test page: what it says, and what is made of the counters on its way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.trial import model
from alerts.trial.model import Channel, Counts, Kind, Trial
from policy.model import Policy

PAGERDUTY = {"routing_key_file": "/run/secrets/pagerduty"}
SLACK = {"channel": "#cache", "token_file": "/run/secrets/slack"}
BOTH = [{"url": "http://127.0.0.1:9/p", "told": "pages"}, {"url": "http://127.0.0.1:9/t", "told": "tickets"}]
WEBHOOK = Channel("webhook", "")
# As Alertmanager 0.25 writes them; newer ones may have a label more.
METRICS = """# TYPE alertmanager_notification_requests_total counter
alertmanager_notification_requests_total{integration="pagerduty"} 5
alertmanager_notification_requests_total{integration="webhook",receiver_name="x"} 1.2e+01
alertmanager_notification_requests_total{integration="webhook",receiver_name="y"} 1
alertmanager_notification_requests_failed_total{integration="pagerduty"} 2
alertmanager_notification_requests_failed_total{integration="webhook"} 0
alertmanager_notifications_total{integration="pagerduty"} 900
"""
NOTIFIER = """cachewatch_notifier_messages_total 7
cachewatch_notifier_slack_failures_total{reason="channel"} 3
cachewatch_notifier_slack_failures_total{reason="token"} 0
"""


def policy(**notify: Any) -> Policy:
    return Policy.model_validate({"fleet": {"name": "shop"}, "notify": notify})


@pytest.mark.parametrize(
    ("kind", "names"), [("pages", ["pagerduty", "slack", "webhook"]), ("tickets", ["slack", "webhook"])]
)
def test_the_channels_are_those_of_the_kind(kind: Kind, names: list[str]) -> None:
    found = model.channels(policy(pagerduty=PAGERDUTY, slack=SLACK, webhooks=BOTH), kind)
    assert [channel.name for channel in found] == names
    assert found[-1].title == f"http://127.0.0.1:9/{kind[0]}"
    assert model.channels(policy(), kind) == ()


@pytest.mark.parametrize(("kind", "severity"), [("pages", "critical"), ("tickets", "warning")])
def test_each_test_is_a_group_of_its_own_and_says_that_nothing_is_wrong(kind: Kind, severity: str) -> None:
    begins = datetime(2026, 11, 30, 20, 0, tzinfo=UTC)
    told = model.alert(policy(), Trial(kind, "ann on web-1", begins, "test-1"), begins + timedelta(seconds=80))
    assert told["labels"]["severity"] == severity
    assert (told["labels"]["part"], told["labels"]["fleet"]) == ("test-1", "shop")
    assert told["annotations"]["description"] == (
        f"ann on web-1 sent this with `cachewatch alerts test-page` at 2026-11-30 20:00:00 UTC, to see that a {kind[:-1]} "
        "arrives. Nothing is wrong with shop. First: nothing; it ends by itself."
    )
    assert (told["startsAt"], told["endsAt"]) == ("2026-11-30T20:00:00+00:00", "2026-11-30T20:01:20+00:00")


def test_a_page_is_counted_by_integration_and_the_notifiers_by_reason() -> None:
    found = model.counts(METRICS)
    assert (found.taken("pagerduty"), found.taken("webhook"), found.reasons("pagerduty")) == (3, 13, [""])
    found = model.counts(NOTIFIER)
    assert (found.taken("slack"), found.reasons("slack")) == (7, ["channel"])
    assert model.counts('<html>\nalertmanager_notification_requests_total{integration="x"} z').taken("x") == 0


def test_what_has_come_since_is_summed_over_the_parts_that_told_before() -> None:
    one, more = Counts({"pagerduty": 5}, {("pagerduty", ""): 1}), Counts({"pagerduty": 8}, {("pagerduty", ""): 2})
    assert model.grown({"a": one, "b": one}, {"a": more, "b": more}).taken("pagerduty") == 4
    assert model.grown({"a": one}, {"a": one, "b": more}).taken("pagerduty") == 0, "b has counted for years"
    assert model.grown({"a": one, "b": one}, {"a": one}).taken("pagerduty") == 0
    assert model.grown({"a": more}, {"a": Counts({"pagerduty": 1}, {})}).taken("pagerduty") == 1, "started anew"


@pytest.mark.parametrize(
    ("slack", "tried", "failed", "took"),
    [
        (None, {"webhook": 0}, {}, False),
        (None, {"webhook": 1}, {}, True),
        (None, {"webhook": 2}, {("webhook", ""): 2}, False),
        (SLACK, {"webhook": 1}, {}, False),
        (SLACK, {"webhook": 1, "slack": 1}, {}, False),
        (SLACK, {"webhook": 2, "slack": 1}, {}, True),
        (SLACK, {"webhook": 2, "slack": 1}, {("slack", "token"): 1, ("webhook", ""): 1}, True),
    ],
)
def test_the_notifier_is_a_webhook_too(slack: Any, tried: dict[str, int], failed: Any, took: bool) -> None:
    own = policy(slack=slack, webhooks=BOTH) if slack else policy(webhooks=BOTH)
    assert model.took(own, "pages", WEBHOOK, Counts(tried, failed)) is took


def test_why_it_was_not_taken() -> None:
    slack, late = Channel("slack", "Slack"), timedelta(seconds=20)
    told = model.failure(slack, Counts({}, {("slack", "token"): 0, ("slack", "channel"): 2}), late)
    assert told == "refused or not reached (channel): the notifier's log says why"
    assert model.failure(slack, Counts({}, {("slack", "token"): 0}), late) == "nothing within 20s"


@pytest.mark.parametrize(
    ("told", "notify", "said"),
    [
        ([], {}, "Alertmanager does not know it: "),
        ({"status": "x"}, {}, "Alertmanager does not know it: "),
        ([{"status": {"silencedBy": ["a", "b"]}}], {}, "Alertmanager keeps it back: silenced by a, b"),
        ([{"status": {"silencedBy": [], "inhibitedBy": ["c"]}}], {}, "Alertmanager keeps it back: inhibited by c"),
        ([{"status": None}], {}, ""),
        (
            [{"status": {}}],
            {"maintenance": [{"weekdays": ["sunday"]}], "office_hours": {"weekdays": ["monday"]}},
            "In times of notify.maintenance, notify.office_hours nobody is told",
        ),
    ],
)
def test_what_keeps_it_back(told: object, notify: dict[str, Any], said: str) -> None:
    found = model.kept_back(policy(slack=SLACK, **notify), "tickets", told)
    assert found.startswith(said)
    assert bool(found) is bool(said)


def test_the_wait_is_that_of_the_group_and_of_two_attempts() -> None:
    own = policy(slack=SLACK, ticket={"group_wait": "7s", "group_interval": "3m"})
    assert model.patience(own, "tickets") == timedelta(seconds=27)
    assert model.patience_at_end(own, "tickets") == timedelta(minutes=3, seconds=20)
    assert model.patience(own, "pages") == timedelta(seconds=20)
