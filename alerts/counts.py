"""Whole numbers of events just over and just under a share, and the node they happen on. Pure."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from policy.alerts import AlertSpec
from policy.model import Policy

# A node that stands for all of them where none is known before Sentinel has been asked.
SOME_NODE = "192.0.2.1:6379"


def total_of(ratio: Decimal, at_least: Decimal = Decimal(0)) -> int:
    """So many events that one more or less is a tenth of the threshold's last digit; floats tell them apart."""
    decimals = -int(ratio.normalize().as_tuple().exponent)
    total = int(10 ** min(max(decimals + 1, 3), 9))
    while total < at_least:
        total *= 10
    return total


def below(threshold: Decimal, total: int) -> tuple[int | None, int]:
    """Nearest counts below the threshold (None below zero) and not below it."""
    over = whole(threshold * total, ROUND_CEILING) - 1
    return (over if over >= 0 else None), min(total, whole(threshold * total, ROUND_FLOOR) + 1)


def whole(number: Decimal, rounding: str) -> int:
    """A whole number near a fraction."""
    return int(number.to_integral_value(rounding))


def node(policy: Policy) -> dict[str, str]:
    """The labels of one node of the fleet."""
    fleet = policy.fleet
    if fleet.nodes:
        first = fleet.nodes[0]
        return {"fleet": fleet.name, "shard": first.shard, "instance": first.instance}
    masters = fleet.sentinel.masters if fleet.sentinel else None
    return {"fleet": fleet.name, "shard": masters[0] if masters else "", "instance": SOME_NODE}


def labels(spec: AlertSpec, of: dict[str, str]) -> dict[str, str]:
    """The labels of an alert on something."""
    return {"severity": spec.severity, "action": spec.action, **of}
