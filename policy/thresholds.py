"""The seed's metric table: target, warning and critical of each measured promise."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import Field, model_validator

from policy.base import Fault, Model, merge
from policy.units import Duration, Ratio, duration_text, latency_text, parse_duration, percent_text

# Section 2 of the seed, tables "Key Metrics" and "Alerting Thresholds". Where the seed has no alert, the `for` is that of
# its alerts of the same severity (warning 10 or 5 minutes, critical 5 or 2), and as long as `_IN_TURN` asks.
SEED: dict[str, dict[str, Any]] = {
    "hit_rate": {
        "target": "80%",
        "warning": {"below": "75%", "for": "10m"},
        "critical": {"below": "70%", "for": "5m"},
    },
    "latency_p50": {
        "target": "0.5ms",
        "warning": {"above": "1ms", "for": "5m"},
        "critical": {"above": "2ms", "for": "2m"},
    },
    "latency_p95": {
        "target": "1ms",
        "warning": {"above": "2ms", "for": "5m"},
        "critical": {"above": "5ms", "for": "2m"},
    },
    "latency_p99": {
        "target": "2ms",
        "warning": {"above": "5ms", "for": "10m"},
        "critical": {"above": "10ms", "for": "5m"},
    },
    "availability": {
        "target": "99.99%",
        "warning": {"below": "99.9%", "for": "10m"},
        "critical": {"below": "99%", "for": "5m"},
    },
    "memory": {"target": "80%", "warning": {"above": "85%", "for": "10m"}, "critical": {"above": "90%", "for": "5m"}},
}


class Below(Model):
    """Broken, and an alert, when the share stays below for a while."""

    below: Ratio
    for_: Duration = Field(alias="for")


class Above(Model):
    """Broken, and an alert, when the share stays above for a while."""

    above: Ratio
    for_: Duration = Field(alias="for")


class Slower(Model):
    """Broken, and an alert, when the percentile stays above for a while."""

    above: Duration
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


class Share(Model):
    """A share that should stay high: the hit rate, the availability of a node."""

    target: Ratio
    warning: Below
    critical: Below

    def _faults(self) -> Iterator[Fault]:
        yield from _order_faults("below", self.target, self.warning.below, self.critical.below, percent_text)


class Memory(Model):
    """The share of its limit that a node uses."""

    target: Ratio
    warning: Above
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


# How much longer a row's alert waits than another's, or one slow node would page twice. Of a node that turns slow p99
# breaks first, by 4 % of rules.rate_window and an evaluation before p95: it must give p95 the time to speak. A node that
# gives no answer in time is slow first and unavailable then.
_IN_TURN = (
    ("latency_p50", "latency_p95", "0s"),
    ("latency_p99", "latency_p95", "1m"),
    ("latency_p99", "latency_p50", "0s"),
    ("availability", "latency_p99", "0s"),
)


class Thresholds(Model):
    """Every row of the table; what the file leaves out keeps the seed's value."""

    hit_rate: Share
    latency_p50: Latency
    latency_p95: Latency
    latency_p99: Latency
    availability: Share
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

    def _faults(self) -> Iterator[Fault]:
        for level in ("warning", "critical"):
            for row, before, more in _IN_TURN:
                own, other = (getattr(getattr(self, name), level).for_ for name in (row, before))
                least = other + parse_duration(more)
                if own < least:
                    later = f"{more} more than" if parse_duration(more) else "as long as"
                    message = f"must be at least {duration_text(least)}, {later} that of {before}: one slow node would page twice"
                    yield f"{row}.{level}.for", message

    def latency_rows(self) -> dict[str, Latency]:
        """The latency rows by name."""
        return {row: getattr(self, row) for row in self.PERCENTILES}
