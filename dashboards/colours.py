"""Thresholds of the policy as colours, and in words for those who do not see them.

Green: the target is met. Yellow: it is missed, nobody is told. Orange: warning. Red: critical.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

from dashboards.grafana import Step
from policy.objectives import BUDGET_LOW, BUDGET_SPENT
from policy.slos import Slo
from policy.thresholds import Latency, Memory, Share
from policy.units import duration_text, latency_text, percent_text, seconds

GREEN, YELLOW, ORANGE, RED, GREY = "green", "yellow", "orange", "red", "text"
UP_IS_ZERO = (Step(None, GREEN), Step(1, RED))
WARN_IS_ZERO = (Step(None, GREEN), Step(1, ORANGE))
UP_IS_ONE = (Step(None, RED), Step(1, GREEN))
BUDGET = (Step(None, RED), Step(float(BUDGET_SPENT), ORANGE), Step(float(BUDGET_LOW), GREEN))


def number(value: Decimal | timedelta) -> float:
    """A threshold in the unit of its series: a share, or seconds."""
    return float(seconds(value) if isinstance(value, timedelta) else value)


def steps(row: Share | Memory | Latency) -> tuple[Step, ...]:
    """The colours of a row of the policy's table, worst first where low is bad."""
    if isinstance(row, Share):
        bounds = ((row.critical.below, ORANGE), (row.warning.below, YELLOW), (row.target, GREEN))
        return _ascending(RED, bounds)
    return _ascending(GREEN, ((row.target, YELLOW), (row.warning.above, ORANGE), (row.critical.above, RED)))


def objective_steps(slo: Slo) -> tuple[Step, ...]:
    """Red below the objective, green from it on."""
    return (Step(None, RED), Step(number(slo.ratio), GREEN))


def words(row: Share | Memory | Latency) -> str:
    """The row in words: `target 80%, warning below 75% for 10m, critical below 70% for 5m`."""
    side = "below" if isinstance(row, Share) else "above"
    parts = [f"target {_text(row.target)}"]
    for name in ("warning", "critical"):
        level = getattr(row, name)
        parts.append(f"{name} {side} {_text(getattr(level, side))} for {duration_text(level.for_)}")
    return ", ".join(parts)


def _text(value: Decimal | timedelta) -> str:
    return latency_text(value) if isinstance(value, timedelta) else percent_text(value)


def _ascending(base: str, bounds: Iterable[tuple[Decimal | timedelta, str]]) -> tuple[Step, ...]:
    """Steps above the base; where two bounds are equal the later colour stands, as Grafana would have it."""
    colours = {number(value): colour for value, colour in bounds}
    return (Step(None, base), *(Step(value, colour) for value, colour in colours.items()))
