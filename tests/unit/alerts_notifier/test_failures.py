"""Every refusal of Slack is told with its cure, and only what passes by itself is called passing."""

import pytest

from alerts.notifier.counters import Counters
from alerts.notifier.failures import REASONS, Reason, SlackFailure, from_answer


@pytest.mark.parametrize(
    ("status", "code", "reason", "passing"),
    [
        (429, "ratelimited", "rate_limited", True),
        (200, "ratelimited", "rate_limited", True),
        (500, "", "server_error", True),
        (503, "fatal_error", "server_error", True),
        (200, "internal_error", "server_error", True),
        (200, "invalid_auth", "token", False),
        (200, "channel_not_found", "channel", False),
        (200, "missing_scope", "scope", False),
        (200, "invalid_blocks", "message", False),
        (200, "brand_new_error", "other", False),
        (200, "", "unreachable", True),
        (404, "", "unreachable", True),
    ],
)
def test_an_answer_of_slack_is_put_into_the_closed_set(status: int, code: str, reason: Reason, passing: bool) -> None:
    failure = from_answer(status, code)
    assert (failure.reason, failure.passing) == (reason, passing)


def test_the_text_says_what_slack_said_and_the_cure() -> None:
    assert "invalid_auth" in str(from_answer(200, "invalid_auth"))
    assert "put the app's bot token (xoxb-...) into notify.slack.token_file" in str(from_answer(200, "invalid_auth"))
    assert "/invite" in str(from_answer(200, "not_in_channel"))
    assert "wait 60 s" in str(from_answer(429, "ratelimited", "60"))


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_has_a_cure(reason: Reason) -> None:
    assert str(SlackFailure(reason, "it failed")).startswith(f"it failed ({reason}): ")


def test_every_series_is_there_before_anything_happened() -> None:
    text = Counters().exposition(0)
    assert 'cachewatch_notifier_notifications_total{result="failed"} 0\n' in text
    assert 'cachewatch_notifier_slack_failures_total{reason="token"} 0\n' in text
    assert text.endswith("cachewatch_notifier_in_flight 0\n")


def test_what_happened_is_counted() -> None:
    counters = Counters()
    counters.answered("sent")
    counters.answered("sent")
    counters.told()
    counters.failed("channel")
    counters.unkept()
    text = counters.exposition(4)
    assert 'cachewatch_notifier_notifications_total{result="sent"} 2\n' in text
    assert 'cachewatch_notifier_slack_failures_total{reason="channel"} 1\n' in text
    assert "cachewatch_notifier_messages_total 1\n" in text
    assert "cachewatch_notifier_storage_failures_total 1\n" in text
    assert "cachewatch_notifier_in_flight 4\n" in text
