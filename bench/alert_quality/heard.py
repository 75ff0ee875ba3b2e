"""What the stand-in for PagerDuty and Slack got -> who was told of which alert, when. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# The header of the notifier's message: "FIRING (critical): CacheNodeDown on 127.0.0.1:7001 (fleet demo)".
_HEADER = re.compile(r"(?P<state>FIRING|RESOLVED|ENDED UNSEEN)\b[^:]*: (?P<alert>\w+) on (?P<where>.+)$")
UNREADABLE = "unreadable"
"""Stands for the alert of a message whose header is none of ours."""
# What the address is of, where it is no node's.
_PART = re.compile(r"^(exporter|notifier|Alertmanager) ")
_FLEET = re.compile(r"^fleet \S+$| \(fleet .*\)$")


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody was told: `at` in unix seconds, `to` is "pagerduty" or "slack", `subject` an instance or empty."""

    at: float
    to: str
    alert: str
    subject: str
    firing: bool

    @property
    def about(self) -> tuple[str, str]:
        """The alert and what it speaks of."""
        return self.alert, self.subject


def told(received: Iterable[Mapping[str, Any]]) -> Iterator[Told]:
    """Every page and message, in their order."""
    keys: dict[str, tuple[str, str]] = {}
    for entry in received:
        if entry["service"] == "pagerduty":
            yield from _page(entry, keys)
        elif entry["service"] == "slack":
            yield from _message(entry)


def _page(entry: Mapping[str, Any], keys: dict[str, tuple[str, str]]) -> Iterator[Told]:
    """A trigger or a resolve; the latter is known by the key that the former had."""
    body = entry["body"]
    action, key = body.get("event_action"), body.get("dedup_key", "")
    if action == "trigger":
        payload = body["payload"]
        keys[key] = payload.get("class", ""), payload.get("component", "")
    if action in ("trigger", "resolve") and key in keys:
        yield Told(entry["at"], "pagerduty", *keys[key], action == "trigger")


def _message(entry: Mapping[str, Any]) -> Iterator[Told]:
    if not entry["path"].endswith("/chat.postMessage"):
        return
    blocks = entry["body"].get("blocks") or [{}]
    header = blocks[0].get("text", {}).get("text", "")
    found = _HEADER.search(header)
    if found:
        subject = _FLEET.sub("", _PART.sub("", found["where"]))
        yield Told(entry["at"], "slack", found["alert"], subject, found["state"] == "FIRING")
    else:  # somebody has read it, whatever it is
        yield Told(entry["at"], "slack", UNREADABLE, header, True)


def left_open(heard: Iterable[Told]) -> list[Told]:
    """What somebody was told of and never told the end of, by whom it was told to."""
    last = {(each.to, each.about): each for each in heard}
    return [each for each in last.values() if each.firing]
