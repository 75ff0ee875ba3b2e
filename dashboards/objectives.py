"""What the panels ask of the objectives: the series that the rules record of them."""

from __future__ import annotations

from dashboards.queries import FLEET
from policy import objectives
from policy.slos import Slo


def ratio(slo: Slo, identity: str) -> str:
    """Good events / all events of the dashboard's fleet over the objective's window."""
    return objectives.ratio(slo, identity, FLEET)


def budget_left(identity: str) -> str:
    """The share of that fleet's error budget that is left: 1 untouched, 0 spent, negative overdrawn."""
    return objectives.budget_left(identity, FLEET)
