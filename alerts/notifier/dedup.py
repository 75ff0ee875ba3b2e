"""Which notifications are the same news, and for how long that is remembered. Pure: the clock is handed in.

Alertmanager delivers at least once: it retries when it did not hear our answer, and both of a pair may send. And it says
what fires again and again, so that an alert that fires anew after a silence is told at once: see `Timing.asserted`.
"""

from __future__ import annotations

import hashlib
import struct
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from alerts.notifier.model import Alert, Notification
from alerts.notifier.pairs import by_subject, counting, fires
from policy.notify import Notify
from policy.units import seconds

# Bytes of what is remembered: ten thousand groups of one alert, each with its key, are a third of it.
_MOST_BYTES = 4 * 1024 * 1024
_KEY_BYTES = 100
# Alerts of one group: Alertmanager is asked for a thousand, and those that a silence hides are remembered beside them.
_MOST_ALERTS = 2000
# Seconds. Two Prometheus give one alert two beginnings, and of a pair of Alertmanagers each may have heard another one first.
# What begins anew although no end was told had its end swallowed by a silence, for which it takes 15 minutes.
_ANEW = 300.0
# An alert: a digest of what it is about, and the Unix seconds of its beginning. Of several Prometheus each has one.
_ALERT = struct.Struct("<8sd")


@dataclass(frozen=True, slots=True)
class Said:
    """What a notification says: the alerts that fire and those that have ended, packed, and how many it leaves out."""

    firing: bytes
    ended: bytes
    truncated: int

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.firing) + len(self.ended)

    def again(self, told: Said) -> bool:
        """Whether all of it was told and nothing began anew since: a silence, or an end that was told, leaves the rest."""
        same = _known(self.firing, told.firing) and _known(self.ended, told.ended)
        return same and self.truncated == told.truncated

    def after(self, told: Said) -> Said:
        """What is told of the group with this: what fired before and has not ended, as a silence may hide it for a while.

        And what has ended and does not fire again: Prometheus says an end for 15 minutes, each time for Alertmanager to tell.
        """
        firing, ended = _beginnings(self.firing), _beginnings(self.ended)
        fired = _latest(firing, _beginnings(told.firing), but=ended)
        over = _latest(ended, _beginnings(told.ended), but=firing)
        if len(fired) + len(over) > _MOST_ALERTS:
            return self
        return Said(_packed(fired.items()), _packed(over.items()), self.truncated)


def group(notification: Notification) -> str:
    """A digest of the group: its key is as long as its labels are, and thousands are remembered."""
    return _digest(notification.group_key).hex()


def said(notification: Notification) -> Said:
    """What a notification says, whatever the order of its alerts."""
    told = [counting(each) for each in by_subject(notification.alerts)]
    firing, ended = (
        # What ended while another one fired is a beginning of what fires.
        _packed(_alert(alert) for each in told if fires(each) == so for alert in each)
        for so in (True, False)
    )
    return Said(firing, ended, notification.truncated)


def is_whole(said: Said) -> bool:
    """Whether it is packed as it should be: a file may have been written by anybody."""
    return len(said.firing) % _ALERT.size == len(said.ended) % _ALERT.size == 0


def _alert(alert: Alert) -> tuple[bytes, float]:
    return _digest(repr(alert.about)), alert.starts_at.timestamp()


def _packed(alerts: Iterable[tuple[bytes, float]]) -> bytes:
    return b"".join(_ALERT.pack(*alert) for alert in sorted(alerts))


def _beginnings(packed: bytes) -> dict[bytes, float]:
    """The last one of each, for they are in order."""
    return dict(_ALERT.iter_unpack(packed))


def _latest(new: Mapping[bytes, float], old: Mapping[bytes, float], but: Mapping[bytes, float]) -> dict[bytes, float]:
    """New and old beginnings, the later one of what stands in both; none of those old ones that are not so any more (`but`)."""
    kept = {alert: at for alert, at in old.items() if alert not in but}
    return kept | {alert: max(at, kept.get(alert, at)) for alert, at in new.items()}


def _first_beginnings(packed: bytes) -> dict[bytes, float]:
    return dict(reversed([*_ALERT.iter_unpack(packed)]))


def _known(alerts: bytes, told: bytes) -> bool:
    if alerts == told:
        return True
    known = _beginnings(told)
    return all(alert in known and at < known[alert] + _ANEW for alert, at in _first_beginnings(alerts).items())


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


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

    @property
    def longest(self) -> float:
        """Of whichever is remembered for longer."""
        return max(self.pages, self.tickets)

    def of_one(self, urgent: bool) -> float:
        """Of a page where it is urgent, else of a ticket."""
        return self.pages if urgent else self.tickets


class Seen:
    """What was told of each group, for as long as it lives; in at most `most` bytes, the oldest forgotten first."""

    def __init__(self, lifetimes: Lifetimes, most: int = _MOST_BYTES) -> None:
        self._lifetimes = lifetimes
        self._most = most
        self._told: OrderedDict[str, tuple[Said, float]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return len(self._told)

    def add(self, group: str, said: Said, urgent: bool, now: float) -> Said:
        """Remember that this was told of a group at `now` (seconds of any clock that only goes forward); what it knows then."""
        told = self._fresh(group, urgent, now)
        known = said if told is None else said.after(told)
        self.know(group, known, now)
        return known

    def know(self, group: str, known: Said, at: float) -> None:
        """Take this, told last at `at`, for all that was told of the group: what `add` gave an earlier process."""
        self._forget(group)
        self._told[group] = known, at
        self._size += known.size + _KEY_BYTES
        while self._size > self._most and len(self._told) > 1:
            self._forget(next(iter(self._told)))

    def hears(self, group: str, said: Said, urgent: bool, now: float) -> tuple[Said, float] | None:
        """What a group knows, where that is more now though no news, and how many seconds ago it was told.

        A second Prometheus began to tell it: that one tells on when the first one's alert has ended.
        """
        told = self._fresh(group, urgent, now)
        if told is None or (known := said.after(told)) == told:
            return None
        at = self._told[group][1]
        self.know(group, known, at)
        return known, now - at

    def has(self, group: str, said: Said, urgent: bool, now: float) -> bool:
        """Whether all of this was told of the group, within the lifetime before `now`."""
        told = self._fresh(group, urgent, now)
        return told is not None and said.again(told)

    def _fresh(self, group: str, urgent: bool, now: float) -> Said | None:
        told = self._told.get(group)
        return told[0] if told is not None and now < told[1] + self._lifetimes.of_one(urgent) else None

    def _forget(self, group: str) -> None:
        told = self._told.pop(group, None)
        if told is not None:
            self._size -= told[0].size + _KEY_BYTES
