"""What several Prometheus tell of one thing, as one alert: it fires while one of them says so. Pure.

Each sends an alert of its own (`policy.alerts.TOLD_BY`), and Alertmanager has them in one group.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from alerts.notifier.model import Alert, Notification


def by_subject(alerts: Sequence[Alert]) -> list[list[Alert]]:
    """The alerts about each thing, in the order in which Alertmanager has them."""
    found: dict[tuple[tuple[str, str], ...], list[Alert]] = {}
    for alert in alerts:
        found.setdefault(alert.about, []).append(alert)
    return list(found.values())


def merged(notification: Notification) -> Notification:
    """With one alert about each thing."""
    return notification.model_copy(update={"alerts": tuple(map(_one, by_subject(notification.alerts)))})


def counting(several: Sequence[Alert]) -> list[Alert]:
    """Those of several about one thing that tell what is so now: what fires, or else ended last, and what reached into that.

    Prometheus repeats an end for 15 minutes: what one told may have been over long before another one began.
    """
    found, began = list[Alert](), datetime.max.replace(tzinfo=UTC)
    for alert in sorted(several, key=lambda each: (each.status == "firing", each.ends_at), reverse=True):
        if found and alert.status == "resolved" and alert.ends_at < began:
            break  # and all that ended before it
        found.append(alert)
        began = min(began, alert.starts_at)
    return found


def fires(several: Sequence[Alert]) -> bool:
    """Whether one of them still tells it."""
    return any(alert.status == "firing" for alert in several)


def _one(several: Sequence[Alert]) -> Alert:
    """Since when the first of them tells it, and until the last does; in the words of one that saw it heal, if one did."""
    told = counting(several)
    fire = [alert for alert in told if alert.status == "firing"] or told
    first = min(fire, key=lambda alert: (bool(alert.unseen), alert.starts_at))
    return first.model_copy(
        update={
            "starts_at": min(alert.starts_at for alert in told),
            "ends_at": max(alert.ends_at for alert in fire),
        }
    )
