"""The buckets of the probe's histogram: every latency that the policy judges is an exact bound."""

from __future__ import annotations

from decimal import Decimal

from policy.model import Policy
from policy.units import parse_duration, seconds

# Around the thresholds: from what a local PING takes to where any client has given up.
_AROUND = "50us 100us 200us 500us 1ms 2ms 5ms 10ms 20ms 50ms 100ms 200ms 500ms 1s 2s 5s 10s".split()


def latency_bounds(policy: Policy) -> tuple[Decimal, ...]:
    """Upper bounds in seconds of the probe's histogram, ascending: every latency that the policy judges, and enough around."""
    thresholds = (bound for row in policy.thresholds.latency_rows().values() for bound in row.bounds)
    objectives = (slo.within for slo in policy.slos if slo.within is not None)
    return tuple(sorted({seconds(d) for d in (*thresholds, *objectives, *map(parse_duration, _AROUND))}))
