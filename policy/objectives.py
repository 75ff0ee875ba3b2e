"""What an objective counts, and the names under which Prometheus records it: rules, panels and board read them here. Pure.

Names and labels are those of Sloth (https://github.com/slok/sloth), so that dashboards made for it work unchanged; what it
does not know is called `slo:...` as well, or `slo_node:...` for single nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from policy import metrics as m
from policy.model import Policy
from policy.selectors import Matcher, Selector
from policy.slos import Slo, identities
from policy.units import duration_text, latency_text, seconds

# Of each node: its counters as they were last seen, and by how much they grew since the look before.
SEEN = NODE_GOOD, NODE_EVENTS = "slo_node:good:count", "slo_node:events:count"
NODE_STEP, NODE_GOOD_STEP = "slo_node:events:step", "slo_node:good:step"
# Of the fleet: events of one step; bad ones.
STEP, BAD_STEP = "slo:events:step", "slo:bad_events:step"
# 1 while planned work spends no budget.
SPARED = "slo:maintenance:active"
OBJECTIVE, BUDGET, DAYS = "slo:objective:ratio", "slo:error_budget:ratio", "slo:time_period:days"
CURRENT_BURN, PERIOD_BURN = "slo:current_burn_rate:ratio", "slo:period_burn_rate:ratio"
BUDGET_LEFT = "slo:period_error_budget_remaining:ratio"
EXHAUSTION = "slo:error_budget_exhaustion:seconds"
INFO = "sloth_slo_info"
# Of the budget that is left: below this share it is low, and below nothing overdrawn. Board and dashboards colour it so.
BUDGET_LOW, BUDGET_SPENT = Decimal("0.25"), Decimal(0)

NODE = ("fleet", "shard", "instance")
PROCESS = ("job", "instance")
# The windows that Sloth records, whatever alerts read.
USUAL_WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")


@dataclass(frozen=True, slots=True)
class Events:
    """Selectors whose counters are added up to good and to all events.

    `per` are the labels of one process, whose counters begin anew together; a sum over several would not be a counter.
    """

    good: tuple[Selector, ...]
    every: tuple[Selector, ...]
    per: tuple[str, ...] = NODE


def events(slo: Slo, fleet: str) -> Events:
    """What an objective of a fleet counts."""
    if slo.good is not None and slo.total is not None:
        return Events((slo.good,), (slo.total,), PROCESS)
    own = (Matcher("fleet", "=", fleet),)
    if slo.within is not None:
        ping, bound = Matcher("op", "=", "ping"), Matcher("le", "=", m.le(seconds(slo.within)))
        name = m.PROBE_DURATION.name
        return Events((Selector(f"{name}_bucket", (*own, ping, bound)),), (Selector(f"{name}_count", (*own, ping)),))
    if slo.name == "hit_rate":
        hits = Selector(m.HITS.name, own)
        return Events((hits,), (hits, Selector(m.MISSES.name, own)))
    success = Matcher("result", "=", "success")
    return Events((Selector(m.HEALTH_CHECKS.name, (*own, success)),), (Selector(m.HEALTH_CHECKS.name, own),))


def what_is_good(slo: Slo) -> str:
    """The good events of an objective in words."""
    if slo.within is not None:
        return f"PINGs answered within {latency_text(slo.within)}"
    if slo.good is not None:
        return f"the events of {slo.total} that are {slo.good}"
    return "reads that the cache answered" if slo.name == "hit_rate" else "health checks that succeeded"


def named(policy: Policy) -> tuple[tuple[str, Slo], ...]:
    """Every objective with its identity, the label `slo`."""
    return tuple((str(name), slo) for name, slo in zip(identities(policy.slos), policy.slos, strict=True))


def labels(fleet: str, identity: str) -> dict[str, str]:
    """The labels of all that is recorded of an objective: ours, and those that Sloth's dashboards choose by."""
    return {
        "fleet": fleet,
        "slo": identity,
        "sloth_id": f"{fleet}-{identity}",
        "sloth_service": fleet,
        "sloth_slo": identity,
    }


def error_ratio(window: timedelta | str) -> str:
    """The recorded share of bad events over a window, 0..1."""
    return f"slo:sli_error:ratio_rate{_text(window)}"


def counted(window: timedelta | str) -> str:
    """The recorded number of events in a window."""
    return f"slo:events:sum{_text(window)}"


def bad_counted(window: timedelta | str) -> str:
    """The recorded number of bad events in a window."""
    return f"slo:bad_events:sum{_text(window)}"


def ratio(slo: Slo, identity: str, fleet: str) -> str:
    """Good events / all events over the objective's window. `fleet` is a matcher."""
    return f"1 - {error_ratio(slo.window)}{{{_own(identity, fleet)}}}"


def budget_left(identity: str, fleet: str) -> str:
    """The share of the error budget that is left: 1 untouched, 0 spent, negative overdrawn."""
    return f"{BUDGET_LEFT}{{{_own(identity, fleet)}}}"


def budget_of(slo: Slo, good: int, every: int) -> float | None:
    """The same of events that were counted; None of none."""
    if not every:
        return None
    return float(1 - (1 - Decimal(good) / every) / (1 - slo.ratio))


def _own(identity: str, fleet: str) -> str:
    return f'{fleet}, slo="{identity}"'


def _text(window: timedelta | str) -> str:
    return window if isinstance(window, str) else duration_text(window)
