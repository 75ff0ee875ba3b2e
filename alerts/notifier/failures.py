"""Why Slack did not take a message, as a closed set, with the cure. Pure.

Sources: Slack's reference of chat.postMessage (errors) and its page on rate limits.
"""

from __future__ import annotations

from typing import Literal, get_args

Reason = Literal[
    "rate_limited", "server_error", "unreachable", "timeout", "token", "channel", "scope", "message", "other"
]
REASONS: tuple[Reason, ...] = get_args(Reason)

_CODES: dict[Reason, str] = {
    "rate_limited": "ratelimited rate_limited message_limit_exceeded",
    "server_error": "internal_error fatal_error service_unavailable request_timeout team_added_to_org",
    "token": "invalid_auth not_authed token_revoked token_expired account_inactive not_allowed_token_type",
    "channel": "channel_not_found not_in_channel is_archived messages_tab_disabled restricted_action "
    "restricted_action_read_only_channel",
    "scope": "missing_scope no_permission access_denied ekm_access_denied org_login_required team_access_not_granted",
    "message": "invalid_blocks invalid_blocks_format msg_blocks_too_long msg_too_long no_text invalid_arguments",
}
_REASON_OF: dict[str, Reason] = {code: reason for reason, codes in _CODES.items() for code in codes.split()}

_CURES: dict[Reason, str] = {
    "rate_limited": "it is tried again; fewer groups in Alertmanager's group_by mean fewer messages",
    "server_error": "it is tried again; see https://slack-status.com",
    "unreachable": "it is tried again; look at the network, the proxy and notify.slack.url",
    "timeout": "it is tried again; look at the network, the proxy and notify.slack.url",
    "token": "put the app's bot token (xoxb-...) into notify.slack.token_file; it is read for every message",
    "channel": "invite the app with /invite in the channel, or mend notify.slack.channel",
    "scope": "give the app the scope chat:write and install it again",
    "message": "the notifier made a message that Slack does not take; report it with this line",
    "other": "look the error up in Slack's reference of chat.postMessage",
}
LONGEST_SILENCE = 30
"""Seconds that Slack is left alone when it asks for as long or longer: a page must not wait for minutes on its word."""
_PASSING: frozenset[Reason] = frozenset({"rate_limited", "server_error", "unreachable", "timeout"})


class SlackFailure(Exception):
    """Slack did not take a message. `reason` is of the closed set, `detail` what Slack or the network said.

    `wait` is for how many seconds Slack wants to hear nothing at all.
    """

    def __init__(self, reason: Reason, detail: str, wait: float = 0.0) -> None:
        super().__init__(f"{detail} ({reason}): {_CURES[reason]}")
        self.reason = reason
        self.detail = detail
        self.wait = wait

    @property
    def passing(self) -> bool:
        """Whether it goes away by itself; else somebody has to do what the text says."""
        return self.reason in _PASSING


def from_answer(status: int, code: str, retry_after: str = "") -> SlackFailure:
    """The failure that an answer of Slack means: its HTTP status and its error code, empty when it had none."""
    if status == 429:
        return SlackFailure("rate_limited", f"Slack asks to wait {retry_after or 'some'} s", _seconds(retry_after))
    if status >= 500:
        return SlackFailure("server_error", f"Slack answered HTTP {status}")
    if code:
        return SlackFailure(_REASON_OF.get(code, "other"), f"Slack refused: {code}")
    return SlackFailure("unreachable", f"HTTP {status} without a Slack answer: something else answers there")


def _seconds(retry_after: str) -> float:
    """Retry-After as seconds that are waited, LONGEST_SILENCE at most."""
    known = retry_after.isascii() and retry_after.isdigit()
    return float(min(int(retry_after[:9]), LONGEST_SILENCE)) if known else 0.0
