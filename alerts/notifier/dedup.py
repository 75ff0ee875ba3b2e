"""Which notifications are the same news, and for how long that is remembered. Pure: the clock is handed in.

Alertmanager delivers at least once: it retries when it did not hear our answer, and both of a pair may send. And it says
what fires again and again, so that an alert that fires anew after a silence is told at once: see `Timing.asserted`.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.notifier.model import Alert, Notification
from policy.notify import Notify
from policy.units import seconds

_CAPACITY = 10_000
# Two Prometheus give one alert two beginnings, and of a pair of Alertmanagers each may have heard another one first. What
# begins anew although no end was told had its end swallowed by a silence, for which it takes 15 minutes.
_ANEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Said:
    """Digests of what a notification says: `all` of it, and `still` what will be said of it again, for ended is ended.

    `since`: the latest beginning of its alerts.
    """

    all: str
    still: str
    since: datetime

    def again(self, told: Said) -> bool:
        """Whether this is what was told, or what is left of it, and none of it began anew since."""
        return self.all in (told.all, told.still) and self.since < told.since + _ANEW


def group(notification: Notification) -> str:
    """A digest of the group: its key is as long as its labels are, and ten thousand are remembered."""
    return _digest(notification.group_key)


def said(notification: Notification) -> Said:
    """What a notification says: the state of each of its alerts in any order, how many it leaves out, since when."""
    whole = _states(notification, notification.alerts)
    still = _states(notification, notification.firing) if notification.firing else whole
    return Said(whole, still, max(alert.starts_at for alert in notification.alerts))


def _states(notification: Notification, alerts: Iterable[Alert]) -> str:
    states = sorted((alert.fingerprint, alert.status) for alert in alerts)
    return _digest(json.dumps([notification.group_key, states, notification.truncated]))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Seconds for which pages and tickets are remembered: until people are to be reminded of what still fires.

    Less half of the time between two notifications of the same, so that the one about then gets through.
    """

    pages: float
    tickets: float

    @classmethod
    def of(cls, notify: Notify) -> Lifetimes:
        """As the policy's `repeat_interval`s have it."""
        return cls(*(float(seconds(each.repeat_interval - each.asserted / 2)) for each in (notify.page, notify.ticket)))

    def of_one(self, urgent: bool) -> float:
        """Of a page where it is urgent, else of a ticket."""
        return self.pages if urgent else self.tickets


class Seen:
    """What was told last of each group, for as long as it lives; of at most `capacity` groups, the oldest forgotten first.

    The last one only: an alert that fires, ends and fires again with the start that it had is news each time.
    """

    def __init__(self, lifetimes: Lifetimes, capacity: int = _CAPACITY) -> None:
        self._lifetimes = lifetimes
        self._capacity = capacity
        self._last: OrderedDict[str, tuple[Said, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._last)

    def add(self, group: str, said: Said, now: float) -> None:
        """Remember that this was told of a group at `now` (seconds of any clock that only goes forward)."""
        self._last.pop(group, None)
        self._last[group] = said, now
        while len(self._last) > self._capacity:
            self._last.popitem(last=False)

    def has(self, group: str, said: Said, urgent: bool, now: float) -> bool:
        """Whether this, or what it is the rest of, was told last of the group, within the lifetime before `now`."""
        told = self._last.get(group)
        return told is not None and said.again(told[0]) and now < told[1] + self._lifetimes.of_one(urgent)
