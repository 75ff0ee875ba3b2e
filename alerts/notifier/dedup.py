"""Which notifications are the same news, and for how long that is remembered. Pure: the clock is handed in.

Alertmanager delivers at least once: it retries when it did not hear our answer, and both of a pair may send.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict

from alerts.notifier.model import Notification
from policy.notify import Notify
from policy.units import seconds

_LONGEST = 300.0
_CAPACITY = 10_000


def group(notification: Notification) -> str:
    """A digest of the group: its key is as long as its labels are, and ten thousand are remembered."""
    return _digest(notification.group_key)


def key(notification: Notification) -> str:
    """A digest of what a notification says: the group, the state of each of its alerts in any order, how many it leaves out."""
    states = sorted((alert.fingerprint, alert.starts_at.isoformat(), alert.status) for alert in notification.alerts)
    return _digest(json.dumps([notification.group_key, states, notification.truncated]))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def lifetime(notify: Notify) -> float:
    """Seconds to remember a message: some minutes, and never past a third of the smallest repeat_interval.

    A reminder that Alertmanager sends on purpose must get through; a retry comes within minutes.
    """
    smallest = min(notify.page.repeat_interval, notify.ticket.repeat_interval)
    return min(_LONGEST, float(seconds(smallest)) / 3)


class Seen:
    """The last news of each group, for `lifetime` seconds; of at most `capacity` groups, the oldest forgotten first.

    The last one only: an alert that fires, ends and fires again with the start that it had is news each time.
    """

    def __init__(self, lifetime: float, capacity: int = _CAPACITY) -> None:
        self._lifetime = lifetime
        self._capacity = capacity
        self._last: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._last)

    def add(self, group: str, news: str, now: float) -> None:
        """Remember that this was told of a group at `now` (seconds of any clock that only goes forward)."""
        self._last.pop(group, None)
        self._last[group] = news, now + self._lifetime
        self._forget(now)

    def has(self, group: str, news: str, now: float) -> bool:
        """Whether it is what was told last of the group, within the lifetime before `now`."""
        self._forget(now)
        return self._last.get(group, ("", now))[0] == news

    def _forget(self, now: float) -> None:
        """Entries stand in the order of their expiry."""
        while self._last and (len(self._last) > self._capacity or next(iter(self._last.values()))[1] <= now):
            self._last.popitem(last=False)
