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
class Alert:
    """An alerting rule. `hold` is its `for`; label and annotation values are Go templates, expanded by Prometheus."""

    name: str
    expr: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    hold: timedelta | None = None

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
