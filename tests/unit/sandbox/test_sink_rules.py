"""The stand-in refuses what PagerDuty and Slack refuse, so that a test that passes against it means something."""

from typing import Any

import pytest

from sandbox.sink_rules import blocks_are_valid, change_errors, channel_id, pagerduty_errors, slack_error


def trigger(**changed: Any) -> dict[str, Any]:
    payload = {"summary": "down", "source": "10.0.0.1:6379", "severity": "critical"}
    return {"routing_key": "k", "event_action": "trigger", "payload": payload, **changed}


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def test_a_complete_trigger_is_accepted() -> None:
    assert pagerduty_errors(trigger()) == []


def test_a_resolve_needs_its_dedup_key_and_no_payload() -> None:
    resolve = {"routing_key": "k", "event_action": "resolve"}
    assert pagerduty_errors({**resolve, "dedup_key": "d"}) == []
    assert pagerduty_errors(resolve) == ["'dedup_key' is missing or blank"]


@pytest.mark.parametrize(
    ("event", "complaint"),
    [
        ("text", "Event object format"),
        (trigger(routing_key=""), "routing_key"),
        (trigger(event_action="fire"), "event_action"),
        (trigger(dedup_key="x" * 256), "dedup_key"),
        (trigger(payload=None), "payload"),
        (trigger(payload={"source": "s", "severity": "critical"}), "payload.summary"),
        (trigger(payload={"summary": "s", "severity": "critical"}), "payload.source"),
        (trigger(payload={"summary": "s", "source": "s", "severity": "page"}), "payload.severity"),
        (trigger(payload={"summary": "s" * 1025, "source": "s", "severity": "info"}), "1024"),
    ],
)
def test_an_incomplete_event_is_refused_with_what_is_wrong(event: object, complaint: str) -> None:
    assert complaint in " ".join(pagerduty_errors(event))


def test_the_longest_allowed_dedup_key_is_accepted() -> None:
    assert pagerduty_errors(trigger(dedup_key="x" * 255)) == []


def test_a_change_event_needs_a_routing_key_and_a_summary() -> None:
    assert change_errors({"routing_key": "k", "payload": {"summary": "failover"}}) == []
    assert change_errors({"payload": {}}) == [
        "'routing_key' is missing or blank",
        "'payload.summary' is missing or blank",
    ]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"text": "hi"}, "channel_not_found"),
        ({"channel": "#ops"}, "no_text"),
        ({"channel": "#ops", "text": "hi"}, None),
        ({"channel": "#ops", "blocks": [section("x")] * 50}, None),
        ({"channel": "#ops", "blocks": [section("x")] * 51}, "invalid_blocks"),
        ({"channel": "#ops", "blocks": [section("x" * 3000)]}, None),
        ({"channel": "#ops", "blocks": [section("x" * 3001)]}, "invalid_blocks"),
    ],
)
def test_a_post_is_judged_as_slack_judges_it(body: dict[str, Any], error: str | None) -> None:
    assert slack_error("chat.postMessage", body, set()) == error


@pytest.mark.parametrize(
    "block",
    [
        {"type": "header", "text": {"type": "plain_text", "text": "x" * 151}},
        {"type": "header", "text": {"type": "mrkdwn", "text": "x"}},
        {"type": "section"},
        {"type": "section", "text": "plain"},
        {"type": "section", "text": {"type": "mrkdwn", "text": ""}},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "x"}] * 11},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 2001}]},
        {"type": "image", "image_url": "http://x/y.png"},
        {"type": "context", "elements": []},
        {"text": "no type"},
        "text",
    ],
)
def test_a_malformed_block_is_refused(block: object) -> None:
    assert not blocks_are_valid([block])


def test_an_update_takes_the_channel_id_and_the_ts_of_a_message_that_was_posted() -> None:
    posted = {("C0123456789", "1.000001")}
    body = {"channel": "C0123456789", "ts": "1.000001", "text": "resolved"}
    assert slack_error("chat.update", body, posted) is None
    assert slack_error("chat.update", {**body, "ts": "2.000000"}, posted) == "message_not_found"
    assert slack_error("chat.update", {**body, "channel": "#ops"}, posted) == "channel_not_found"


def test_a_channel_keeps_its_id() -> None:
    assert channel_id("#ops") == channel_id("ops") != channel_id("dev")
    assert channel_id("C0123456789") == "C0123456789"
