"""Burn rates: how many times too fast an error budget is spent, over two windows, before somebody is told. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_DOWN, Decimal
from functools import cache
from typing import Literal

from policy.base import Fault, Model
from policy.units import Duration, Factor, duration_text, parse_duration, plain, seconds

Told = Literal["warning", "critical"]


class Burn(Model):
    """An alert when the budget is spent more than `factor` times too fast, over `long` and still over `short`."""

    factor: Factor
    long: Duration
    short: Duration
    severity: Told

    def _faults(self) -> Iterator[Fault]:
        if not 0 < self.factor <= 100_000:
            yield "factor", "must be more than 0 and at most 100000"
        if not timedelta(0) < self.short < self.long:
            yield "short", f"must be more than zero and shorter than long ({duration_text(self.long)})"

    def share(self, objective: Decimal) -> Decimal:
        """The share of bad events, 0..1, above which it alerts, for an objective in per cent."""
        return self.factor * (100 - objective) / 100

    def least_events(self, objective: Decimal) -> int:
        """So many events that one bad one among them is not yet too many: 1 / (factor x (1 - objective))."""
        return int((1 / self.share(objective)).to_integral_value(ROUND_CEILING))


# The Site Reliability Workbook (O'Reilly 2018), chapter 5, "Alerting on SLOs", table 5-8 and section 6 "Multiwindow,
# Multi-Burn-Rate Alerts", and its example of four alerts: long window, the share of the budget spent in it, and a short
# window of a twelfth. The factor is share x objective's window / long: over 30 days 14.4, 6, 3 and 1.
_WORKBOOK: tuple[tuple[Told, str, str, str], ...] = (
    ("critical", "0.02", "1h", "5m"),
    ("critical", "0.05", "6h", "30m"),
    ("warning", "0.10", "1d", "2h"),
    ("warning", "0.10", "3d", "6h"),
)
SHORTEST = parse_duration("5d")


@cache
def workbook(window: timedelta) -> tuple[Burn, ...]:
    """The workbook's alerts for an objective over `window`, at least `SHORTEST`; factors to four decimals.

    A ticket's factor is 1 at least: who spends slower than that keeps the promise. Below `SHORTEST` a page's would be less.
    """
    return tuple(_scaled(window, *row) for row in _WORKBOOK)


def _scaled(window: timedelta, severity: Told, spent: str, long: str, short: str) -> Burn:
    exact = Decimal(spent) * seconds(window) / seconds(parse_duration(long))
    factor = max(Decimal(1), exact.quantize(Decimal("0.0001"), ROUND_DOWN))
    return Burn(
        factor=Decimal(plain(factor)), long=parse_duration(long), short=parse_duration(short), severity=severity
    )
