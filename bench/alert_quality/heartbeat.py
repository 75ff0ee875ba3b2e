"""The service outside that waits for the heartbeat: what it tells when none comes, by the beats that it got. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Any

from bench.alert_quality.heard import Told
from policy.alerts import WATCHDOG

SILENCE = 75.0
"""Seconds without a beat after which it tells.

Prometheus says once a minute what fires, in this run too: an Alertmanager that restarts has nothing to send for as long.
"""


def missed(received: Iterable[Mapping[str, Any]], now: float) -> Iterator[Told]:
    """Each time that it told of silence, and of the next beat."""
    beats = [entry["at"] for entry in received if entry["service"] == "heartbeat"]
    for last, following in zip_longest(beats, beats[1:]):
        if (following or now) - last > SILENCE:
            yield Told(last + SILENCE, "heartbeat", WATCHDOG.name, "", True)
            if following is not None:
                yield Told(following, "heartbeat", WATCHDOG.name, "", False)
