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


def key(notification: Notification) -> str:
    """A digest of what a notification says: the group and the state of each of its alerts, in any order."""
    states = sorted((alert.fingerprint, alert.starts_at.isoformat(), alert.status) for alert in notification.alerts)
    said = json.dumps([notification.group_key, states])
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()


def lifetime(notify: Notify) -> float:
    """Seconds to remember a message: some minutes, and never past a third of the smallest repeat_interval.

    A reminder that Alertmanager sends on purpose must get through; a retry comes within minutes.
    """
    smallest = min(notify.page.repeat_interval, notify.ticket.repeat_interval)
    return min(_LONGEST, float(seconds(smallest)) / 3)


class Seen:
    """The news of the last `lifetime` seconds; at most `capacity`, the oldest forgotten first."""

    def __init__(self, lifetime: float, capacity: int = _CAPACITY) -> None:
        self._lifetime = lifetime
        self._capacity = capacity
        self._until: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._until)

    def add(self, news: str, now: float) -> None:
        """Remember that this was told at `now` (seconds of any clock that only goes forward)."""
        self._until.pop(news, None)
        self._until[news] = now + self._lifetime
        self._forget(now)

    def has(self, news: str, now: float) -> bool:
        """Whether it was told within the lifetime before `now`."""
        self._forget(now)
        return news in self._until

    def _forget(self, now: float) -> None:
        """Entries stand in the order of their expiry."""
        while self._until and (len(self._until) > self._capacity or next(iter(self._until.values())) <= now):
            self._until.popitem(last=False)
