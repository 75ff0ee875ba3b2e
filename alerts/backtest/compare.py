"""What a policy's alerts did over a history, counted, and held against known incidents. Pure.

A page is one span for which a critical alert fired: what Alertmanager groups and silences is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alerts.backtest.incidents import Incident
from alerts.backtest.plan import Rule
from alerts.backtest.simulate import Span
from alerts.backtest.times import shown
from policy.alerts import is_page

WEEK_MS = 7 * 86400_000


@dataclass(frozen=True, slots=True)
class Firing:
    """One alert, told by its labels, fired for a span."""

    labels: tuple[tuple[str, str], ...]
    span: Span

    @property
    def name(self) -> str:
        """The name of the alert."""
        return dict(self.labels).get("alertname", "")

    @property
    def pages(self) -> bool:
        """Whether it pages: by its severity, or because it asks for a page, as the alerts on the stack do."""
        return is_page(dict(self.labels))

    def data(self) -> dict[str, Any]:
        """As JSON has it."""
        seconds = (self.span.end - self.span.start) / 1000
        at = {"from": shown(self.span.start), "to": shown(self.span.end), "seconds": seconds, "ended": self.span.ended}
        return {"labels": dict(self.labels), **at}


@dataclass(frozen=True, slots=True)
class Told:
    """What a policy told: its rules, and everything that fired, by the time at which it began."""

    rules: tuple[Rule, ...]
    firings: tuple[Firing, ...]

    def of(self, name: str) -> tuple[Firing, ...]:
        """What fired under that name."""
        return tuple(firing for firing in self.firings if firing.name == name)

    @property
    def pages(self) -> tuple[Firing, ...]:
        """What would have woken somebody."""
        return tuple(firing for firing in self.firings if firing.pages)


@dataclass(frozen=True, slots=True)
class Quality:
    """How a policy met the incidents. Shares are None where there was nothing to divide by.

    Precision: of the pages, and of what fired under a name that an incident asks for, the share that began or lasted within
    an incident. Recall: of the incidents, the share that had one. `detected` has the seconds from the beginning of each
    incident to the first of them, 0 when it fired already, None when none came.
    """

    precision: float | None
    recall: float | None
    detected: tuple[tuple[str, float | None], ...]
    false_alarms: tuple[Firing, ...]

    def data(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "precision": self.precision,
            "recall": self.recall,
            "detection_seconds": [{"incident": name, "seconds": seconds} for name, seconds in self.detected],
            "false_alarms": [firing.data() for firing in self.false_alarms],
        }


def names(*told: Told) -> tuple[str, ...]:
    """The names of all alerts, each once, in the order of the rules."""
    return tuple(dict.fromkeys(rule.name for policy in told for rule in policy.rules))


def per_week(count: int, length: int) -> float:
    """A count over a length in milliseconds, as a weekly rate; 0 over none."""
    return count * WEEK_MS / length if length else 0.0


def total_seconds(firings: Iterable[Firing]) -> float:
    """How long they fired, added up."""
    return sum(firing.span.end - firing.span.start for firing in firings) / 1000


def quality(told: Told, incidents: Sequence[Incident]) -> Quality:
    """Hold what a policy told against what is known to have happened."""
    asked_for = {incident.alert for incident in incidents if incident.alert}
    counted = [firing for firing in told.firings if firing.pages or firing.name in asked_for]
    right = [firing for firing in counted if any(_speaks_of(firing, incident) for incident in incidents)]
    detected = tuple((incident.name, _detected(counted, incident)) for incident in incidents)
    found = sum(seconds is not None for _, seconds in detected)
    return Quality(
        len(right) / len(counted) if counted else None,
        found / len(incidents) if incidents else None,
        detected,
        tuple(firing for firing in counted if firing not in right),
    )


def _speaks_of(firing: Firing, incident: Incident) -> bool:
    """It fires within the incident and is of its kind. An incident without a kind is met by pages only."""
    overlaps = firing.span.start <= incident.end and firing.span.end > incident.start
    kind = firing.name == incident.alert if incident.alert else firing.pages
    here = not incident.instance or dict(firing.labels).get("instance") == incident.instance
    return overlaps and kind and here


def _detected(firings: Iterable[Firing], incident: Incident) -> float | None:
    starts = [firing.span.start for firing in firings if _speaks_of(firing, incident)]
    return max(0, min(starts) - incident.start) / 1000 if starts else None


def summary(told: Told, length: int) -> dict[str, Any]:
    """A policy's part of the JSON; `length` is how much of the history was watched, in milliseconds."""
    alerts = {}
    for name in names(told):
        firings = told.of(name)
        rules = [rule for rule in told.rules if rule.name == name]
        alerts[name] = {
            "severity": rules[0].severity,
            "fired": len(firings),
            "per_week": per_week(len(firings), length),
            "seconds": total_seconds(firings),
            "not_evaluated": sorted({rule.problem for rule in rules if rule.problem}),
            "notes": sorted({note for rule in rules for note in (*rule.notes, *rule.in_part)}),
            "firings": [firing.data() for firing in firings],
        }
    return {"pages": len(told.pages), "pages_per_week": per_week(len(told.pages), length), "alerts": alerts}


def changes(before: Told, after: Told) -> Mapping[str, tuple[Firing, ...]]:
    """`gone`: what fired before and nothing of its labels overlaps it after; `new`: the other way round."""
    return {"gone": _without_peer(before, after), "new": _without_peer(after, before)}


def _without_peer(of: Told, other: Told) -> tuple[Firing, ...]:
    peers: dict[tuple[tuple[str, str], ...], list[Span]] = {}
    for firing in other.firings:
        peers.setdefault(firing.labels, []).append(firing.span)
    return tuple(f for f in of.firings if not any(_overlap(f.span, span) for span in peers.get(f.labels, ())))


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end
