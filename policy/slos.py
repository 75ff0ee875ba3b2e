"""Service level objectives: a share of good events over a window."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Literal

from policy.base import Fault, Model
from policy.units import Duration, Percent, parse_duration


class Slo(Model):
    """`objective` per cent of the events of `name` are good over `window`."""

    name: Literal["availability", "hit_rate"]
    objective: Percent
    window: Duration = parse_duration("30d")

    def _faults(self) -> Iterator[Fault]:
        if not 0 < self.objective < 100:
            yield "objective", "must lie between 0 and 100: with 100 there is no budget to spend, with 0 no promise"
        if self.window < parse_duration("1h"):
            yield "window", "must be at least 1h"

    @property
    def ratio(self) -> Decimal:
        """The objective as a share: Decimal("0.9999")."""
        return self.objective / 100
