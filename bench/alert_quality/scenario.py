"""What a scenario is: what is done, and who must be told of what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bench.alert_quality.lab import Lab, Where

Step = Callable[[Lab], str]


@dataclass(frozen=True, slots=True)
class Scenario:
    """`begin` and `end` say what they did. `nodes` are alerts about each address that `begin` names, `fleet` about all.

    An alert of `fleet` with a `part` is written with it: `CacheRuleFailures/reload`. `also` may come as well, or not: what it
    tells is true, and whether it comes is a matter of seconds. `deaf` are those who cannot be told while it goes on. A `long`
    one is harmless while it goes on, and is watched until the slowest alert would have come. `patience` are the seconds
    in which all that must come has to, `rest` those after healing in which all must be over; `stays` those for which a fault
    goes on when all has come: what should not come as well, or again, has the time to.
    """

    name: str
    kind: Literal["fault", "harmless"]
    what: str
    begin: Step
    end: Step
    nodes: tuple[str, ...] = ()
    fleet: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    deaf: frozenset[str] = frozenset()
    where: Where = "sentinel"
    long: bool = False
    patience: float = 120.0
    rest: float = 90.0
    stays: float = 0.0

    @property
    def of_fleet(self) -> tuple[tuple[str, str], ...]:
        """The alerts about the whole fleet, each with its part or an empty text."""
        return tuple((name, part) for name, _, part in (each.partition("/") for each in self.fleet))

    @property
    def named(self) -> frozenset[str]:
        """Every alert that it names."""
        return frozenset((*self.nodes, *self.also, *(name for name, _ in self.of_fleet)))


def fault(
    name: str,
    what: str,
    *nodes: str,
    begin: Step,
    end: Step,
    fleet: tuple[str, ...] = (),
    also: tuple[str, ...] = (),
    deaf: tuple[str, ...] = (),
    where: Where = "sentinel",
    patience: float = 120.0,
    rest: float = 90.0,
) -> Scenario:
    """A fault of which somebody must be told, alerts about nodes in the order of the addresses that `begin` names."""
    return Scenario(
        name, "fault", what, begin, end, nodes, fleet, also, frozenset(deaf), where, patience=patience, rest=rest
    )
