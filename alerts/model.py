"""Rules as values: what stands in a rule file of Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from alerts.promql import duration


@dataclass(frozen=True, slots=True)
class Record:
    """A recording rule. `labels` are text, not templates; they replace those that the expression brings."""

    name: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def data(self) -> dict[str, Any]:
        """As the rule file has it."""
        labelled = {"labels": dict(self.labels)} if self.labels else {}
        return {"record": self.name, "expr": self.expr, **labelled}


@dataclass(frozen=True, slots=True)
class Follows:
    """Of subjects that have the labels `of` in common one speaks for another.

    While the alert stands about one that is `ahead`, it is silent about those that are `behind`: both are expressions.
    """

    behind: str
    ahead: str
    of: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """What the expression of an alert that goes on once it fires is put together from, see `alerts.keeping`.

    It begins by `begins`; it goes on while `broken` has held within the time `within`; and whatever it does, it is silent about
    what `ends` gives (empty: nothing) and about one that `follows` another. `unseen` gives what was measured within that time and
    is not any more: that ends it as well, for who replays it and cannot look at both. It does not begin while one of the alerts
    `beside` stands about the same subject.
    """

    begins: str
    broken: str
    within: timedelta
    ends: str = ""
    unseen: str = ""
    beside: tuple[str, ...] = ()
    follows: Follows | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """An alerting rule. `hold` is its `for`; label and annotation values are Go templates, expanded by Prometheus.

    `kept` is for who replays it without the series `ALERTS`, on which its expression stands; None of one that does not.
    """

    name: str
    expr: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    hold: timedelta | None = None
    kept: Kept | None = None

    def data(self) -> dict[str, Any]:
        """As the rule file has it."""
        held = {} if self.hold is None else {"for": duration(self.hold)}
        return {
            "alert": self.name,
            "expr": self.expr,
            **held,
            "labels": dict(self.labels),
            "annotations": dict(self.annotations),
        }


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that Prometheus evaluates one after the other, each `interval`: an alert sees the records above it."""

    name: str
    interval: timedelta
    rules: tuple[Record | Alert, ...]

    def data(self) -> dict[str, Any]:
        """As the rule file has it."""
        return {
            "name": self.name,
            "interval": duration(self.interval),
            "rules": [rule.data() for rule in self.rules],
        }
