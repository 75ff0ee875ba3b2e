"""One objective of a policy: its names, its pace, its labels. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from alerts.promql import duration, selector
from policy import objectives as o
from policy.metrics import le
from policy.model import Policy
from policy.slos import Slo
from policy.units import plain, seconds

# How long a node may be unseen, or Prometheus away, until the events in between are counted no more.
MEMORY = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Scope:
    """One objective of a policy, and its identity (the label `slo`)."""

    policy: Policy
    identity: str
    slo: Slo

    @property
    def fleet(self) -> str:
        """The name of the fleet."""
        return self.policy.fleet.name

    @property
    def step(self) -> timedelta:
        """The time between two looks at the counters."""
        return self.policy.rules.slo_interval

    @property
    def labels(self) -> dict[str, str]:
        """The labels of what is recorded of the fleet."""
        return o.labels(self.fleet, self.identity)

    @property
    def seen_by(self) -> dict[str, str]:
        """The labels of a node's counters as they were last seen.

        With the bound of a latency: of another one the counter is another, and neither its growth nor a restart.
        """
        bound = {} if self.slo.within is None else {"le": le(seconds(self.slo.within))}
        return {"fleet": self.fleet, "slo": self.identity, **bound}

    def of(self, name: str) -> str:
        """Selects a recorded series of this objective."""
        return selector(name, **(self.seen_by if name in o.SEEN else {"fleet": self.fleet, "slo": self.identity}))

    def before(self, name: str) -> str:
        """What that series was at the look before."""
        memory = max(MEMORY, 4 * self.step)
        return f"last_over_time({self.of(name)}[{duration(memory)}] offset 1ms)"

    def exactly(self, window: timedelta) -> str:
        """A range of exactly the steps of a window: a range takes in its left end as well, up to Prometheus 2."""
        return duration(window - timedelta(milliseconds=1))

    def middle(self) -> str:
        """The time in the middle of the step that ends now: it decides to which month a step belongs."""
        return f"time() - {plain(seconds(self.step) / 2)}"


def scopes(policy: Policy) -> tuple[Scope, ...]:
    """Every objective of a policy."""
    return tuple(Scope(policy, identity, slo) for identity, slo in o.named(policy))
