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
# Several alerts in one message: each has a section of its own, "*127.0.0.1:7001*: FIRING since ...".
_LISTED = re.compile(r"\*(?P<where>[^*\n]+)\*: (?P<state>FIRING|RESOLVED|ENDED UNSEEN)\b")
# The part of an alert on the whole fleet stands in the table alone.
_PART_FIELD = re.compile(r"\*Part\*\n(?P<part>.+)")


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody was told: `at` in unix seconds, `to` is "pagerduty" or "slack", `subject` an instance, a part or empty."""

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
    """Every page and message, in their order; of a message on several alerts what is new in it, or all if nothing is."""
    keys: dict[str, tuple[str, str]] = {}
    incidents: set[str] = set()
    last: dict[tuple[str, str], bool] = {}
    for entry in received:
        if entry["service"] == "pagerduty":
            yield from _page(entry, keys, incidents)
        elif entry["service"] == "slack":
            found = list(_message(entry))
            new = [each for each in found if last.get(each.about) != each.firing]
            last.update((each.about, each.firing) for each in found)
            yield from new or found


def _page(entry: Mapping[str, Any], keys: dict[str, tuple[str, str]], incidents: set[str]) -> Iterator[Told]:
    """A trigger or a resolve; the latter is known by the key that the former had.

    A trigger of an incident that is open is a line in its log and wakes nobody, and an end of one that is over is nothing:
    both of a pair of Alertmanagers may send either.
    """
    body = entry["body"]
    action, key = body.get("event_action"), body.get("dedup_key", "")
    if action == ("trigger" if key in incidents else "resolve"):
        return
    if action == "resolve":
        incidents.discard(key)
    if action == "trigger":
        incidents.add(key)
        payload = body["payload"]
        part = payload.get("custom_details", {}).get("part", "")
        keys[key] = payload.get("class", ""), payload.get("component", "") or part
    if action in ("trigger", "resolve") and key in keys:
        yield Told(entry["at"], "pagerduty", *keys[key], action == "trigger")


def _message(entry: Mapping[str, Any]) -> Iterator[Told]:
    if not entry["path"].endswith("/chat.postMessage"):
        return
    blocks = entry["body"].get("blocks") or [{}]
    header = blocks[0].get("text", {}).get("text", "")
    found = _HEADER.search(header)
    if found:
        listed = [match for block in blocks if (match := _LISTED.match(block.get("text", {}).get("text", "")))]
        part = _part_of(blocks)
        for match in listed or [found]:
            subject = _FLEET.sub("", _PART.sub("", match["where"])) or part
            yield Told(entry["at"], "slack", found["alert"], subject, match["state"] == "FIRING")
    else:  # somebody has read it, whatever it is
        yield Told(entry["at"], "slack", UNREADABLE, header, True)


def _part_of(blocks: Iterable[Mapping[str, Any]]) -> str:
    fields = (field.get("text", "") for block in blocks for field in block.get("fields", ()))
    return next((match["part"] for field in fields if (match := _PART_FIELD.match(field))), "")


def left_open(heard: Iterable[Told]) -> list[Told]:
    """What somebody was told of and never told the end of, by whom it was told to."""
    last = {(each.to, each.about): each for each in heard}
    return [each for each in last.values() if each.firing]
