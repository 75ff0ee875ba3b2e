"""What an objective counts, and its error budget as Prometheus is asked for it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from policy import metrics as m
from policy.slos import Slo
from policy.units import duration_text, plain


@dataclass(frozen=True, slots=True)
class Events:
    """Names of the recorded counters of good and of all events, and of what they are the sum (`%s`: more matchers)."""

    good: str
    every: str
    good_of: tuple[str, ...]
    every_of: tuple[str, ...]


# Still counters: the parts of one node's sum begin at zero together, so that a restart is a reset of the sum too.
# A sum over several nodes would not be one.
EVENTS = {
    "availability": Events(
        "instance:cache_health_checks_good:sum",
        "instance:cache_health_checks:sum",
        (f'{m.HEALTH_CHECKS.name}{{result="success", %s}}',),
        (f"{m.HEALTH_CHECKS.name}{{%s}}",),
    ),
    "hit_rate": Events(
        "instance:cache_hits:sum",
        "instance:cache_reads:sum",
        (f"{m.HITS.name}{{%s}}",),
        (f"{m.HITS.name}{{%s}}", f"{m.MISSES.name}{{%s}}"),
    ),
}


def ratio(slo: Slo, fleet: str) -> str:
    """Good events / all events over the objective's window: counted over all of it, divided once. `fleet` is a matcher."""
    events = EVENTS[slo.name]
    return f"{_counted(events.good, slo, fleet)} / ({_counted(events.every, slo, fleet)} > 0)"


def budget_left(slo: Slo, fleet: str) -> str:
    """The share of the error budget that is left: 1 untouched, 0 spent, negative overdrawn."""
    return f"1 - (1 - {ratio(slo, fleet)}) / {plain(Decimal(1) - slo.ratio)}"


def budget_of(slo: Slo, good: int, every: int) -> float | None:
    """The same of events that were counted; None of none."""
    if not every:
        return None
    return float(1 - (1 - Decimal(good) / every) / (1 - slo.ratio))


def _counted(name: str, slo: Slo, fleet: str) -> str:
    return f"sum by (fleet) (increase({name}{{{fleet}}}[{duration_text(slo.window)}]))"
