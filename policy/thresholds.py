"""The seed's metric table: target, warning and critical of each measured promise."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import Field, model_validator

from policy.base import Fault, Model, merge
from policy.units import Duration, Ratio, latency_text, percent_text

# Section 2 of the seed, tables "Key Metrics" and "Alerting Thresholds". A `for` stands where an alert of the seed has one.
SEED: dict[str, dict[str, Any]] = {
    "hit_rate": {
        "target": "80%",
        "warning": {"below": "75%", "for": "10m"},
        "critical": {"below": "70%", "for": "5m"},
    },
    "latency_p50": {"target": "0.5ms", "warning": {"above": "1ms"}, "critical": {"above": "2ms"}},
    "latency_p95": {
        "target": "1ms",
        "warning": {"above": "2ms", "for": "5m"},
        "critical": {"above": "5ms", "for": "2m"},
    },
    "latency_p99": {"target": "2ms", "warning": {"above": "5ms"}, "critical": {"above": "10ms"}},
    "availability": {"target": "99.99%", "warning": {"below": "99.9%"}, "critical": {"below": "99%"}},
    "memory": {"target": "80%", "warning": {"above": "85%", "for": "10m"}, "critical": {"above": "90%"}},
}


class Below(Model):
    """Broken when the share falls below."""

    below: Ratio


class BelowFor(Below):
    """Broken, and an alert, when the share stays below for a while."""

    for_: Duration = Field(alias="for")


class Above(Model):
    """Broken when the share rises above."""

    above: Ratio


class AboveFor(Above):
    """Broken, and an alert, when the share stays above for a while."""

    for_: Duration = Field(alias="for")


class Slower(Model):
    """Broken when the percentile rises above."""

    above: Duration


class SlowerFor(Slower):
    """Broken, and an alert, when the percentile stays above for a while."""

    for_: Duration = Field(alias="for")


def _order_faults(side: str, target: Any, warning: Any, critical: Any, text: Callable[[Any], str]) -> Iterator[Fault]:
    """Target, warning, critical must get worse in that order; target and warning may be the same."""
    worse = operator.lt if side == "below" else operator.gt
    if not worse(critical, warning):
        relation = "the same as" if critical == warning else "beyond"
        message = f"warning at {text(warning)} is {relation} critical at {text(critical)}: the warning must come first"
        yield f"warning.{side}", message
    if worse(target, warning):
        yield "target", f"the target {text(target)} is worse than the warning at {text(warning)}"


class Availability(Model):
    """A share that should stay high."""

    target: Ratio
    warning: Below
    critical: Below

    def _faults(self) -> Iterator[Fault]:
        yield from _order_faults("below", self.target, self.warning.below, self.critical.below, percent_text)


class HitRate(Availability):
    """The share of reads that the cache answers, with alerts."""

    warning: BelowFor
    critical: BelowFor


class Memory(Model):
    """The share of its limit that a node uses, with an alert on the warning."""

    target: Ratio
    warning: AboveFor
    critical: Above

    def _faults(self) -> Iterator[Fault]:
        yield from _order_faults("above", self.target, self.warning.above, self.critical.above, percent_text)


class Latency(Model):
    """A latency percentile that should stay low."""

    target: Duration
    warning: Slower
    critical: Slower

    def _faults(self) -> Iterator[Fault]:
        yield from _order_faults("above", self.target, self.warning.above, self.critical.above, latency_text)
        if not self.target:
            yield "target", "must be more than zero"

    @property
    def bounds(self) -> tuple[timedelta, timedelta, timedelta]:
        """Target, warning and critical: each an exact bucket bound of the probe's histogram."""
        return self.target, self.warning.above, self.critical.above


class AlertedLatency(Latency):
    """A latency percentile with alerts."""

    warning: SlowerFor
    critical: SlowerFor


class Thresholds(Model):
    """Every row of the table; what the file leaves out keeps the seed's value."""

    hit_rate: HitRate
    latency_p50: Latency
    latency_p95: AlertedLatency
    latency_p99: Latency
    availability: Availability
    memory: Memory

    PERCENTILES: ClassVar[dict[str, Decimal]] = {
        "latency_p50": Decimal("0.5"),
        "latency_p95": Decimal("0.95"),
        "latency_p99": Decimal("0.99"),
    }

    @model_validator(mode="before")
    @classmethod
    def _over_the_seed(cls, data: Any) -> Any:
        return merge(SEED, data)

    def latency_rows(self) -> dict[str, Latency]:
        """The latency rows by name."""
        return {row: getattr(self, row) for row in self.PERCENTILES}
