"""What the notifier counts about itself, and its exposition. Pure.

By hand, because a dozen lines need no client library; every series exists from the start, so that `rate()` sees the
first failure.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal, get_args

from alerts.notifier.failures import REASONS, Reason

POLICY_INFO = "cachewatch_notifier_policy_info"
Result = Literal["sent", "duplicate", "late", "failed", "refused", "invalid"]
RESULTS: tuple[Result, ...] = get_args(Result)


class Counters:
    """Webhook requests by result, messages that Slack took, and failed deliveries by reason.

    `fingerprint` is that of the policy that the notifier has.
    """

    def __init__(self, fingerprint: str = "") -> None:
        self._fingerprint = fingerprint
        self._results: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._messages = 0
        self._unkept = 0

    def answered(self, result: Result) -> None:
        """Count an answered webhook request."""
        self._results[result] += 1

    def told(self) -> None:
        """Count a message that Slack took."""
        self._messages += 1

    def failed(self, reason: Reason) -> None:
        """Count a delivery that Slack did not take."""
        self._reasons[reason] += 1

    def unkept(self) -> None:
        """Count an attempt to read or write what was told that failed."""
        self._unkept += 1

    def exposition(self, in_flight: int) -> str:
        """Prometheus' text format; `in_flight` is the number of messages on their way."""
        return "".join(
            (
                _family("policy_info", "gauge", "1, with the fingerprint of what the notifier has of its policy."),
                _sample("policy_info", 1, "hash", self._fingerprint),
                _family("notifications_total", "counter", "Requests of Alertmanager by what became of them."),
                *(_sample("notifications_total", self._results[result], "result", result) for result in RESULTS),
                _family("messages_total", "counter", "Messages that Slack took."),
                _sample("messages_total", self._messages),
                _family("slack_failures_total", "counter", "Messages that Slack did not take, by reason."),
                *(_sample("slack_failures_total", self._reasons[reason], "reason", reason) for reason in REASONS),
                _family("storage_failures_total", "counter", "Failures to read or write what was told."),
                _sample("storage_failures_total", self._unkept),
                _family("in_flight", "gauge", "Messages on their way to Slack."),
                _sample("in_flight", in_flight),
            )
        )


def _family(name: str, kind: str, meaning: str) -> str:
    return f"# HELP cachewatch_notifier_{name} {meaning}\n# TYPE cachewatch_notifier_{name} {kind}\n"


def _sample(name: str, value: int, label: str = "", text: str = "") -> str:
    labels = f'{{{label}="{text}"}}' if label else ""
    return f"cachewatch_notifier_{name}{labels} {value}\n"
