"""What the rules assume of the exporter and cannot see, as a fingerprint: it tells its own, the rules know theirs. Pure.

Where the two are from different policies an alert may wait for what is not there, and never fire. In it is what both take
from the policy; not what one of them judges by alone (shares, waits, routes, what is tolerated of Redis), nor what rightly
differs from machine to machine (logins, folders).
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from policy.buckets import latency_bounds
from policy.metrics import NODE_FAMILIES, le
from policy.model import Policy
from policy.units import duration_text

_DIGITS = 12


def agreed(policy: Policy) -> dict[str, Any]:
    """What exporter and rules must have in common, by the keys of the policy that it comes from."""
    fleet, collect, probe = policy.fleet, policy.collect, policy.probe
    return {
        # A threshold whose bucket is not told never fires; nor does one behind the time at which a probe is given up.
        "thresholds.latency, slos.within": [le(bound) for bound in latency_bounds(policy)],
        "probe.timeout": duration_text(probe.timeout),
        # Windows hold several samples, and refused writes are counted in several.
        "probe.interval": duration_text(probe.interval),
        "collect.interval": duration_text(collect.interval),
        # Without probes there are no rules on verdicts and latency, and the other way round.
        "collect.background": collect.background,
        "collect.families": [name for name in NODE_FAMILIES if not collect.families.shows(name)],
        # CacheNodeDown's text says how many; the exporter counts them.
        "health.failures": policy.health.failures,
        # Each node, or shard of Sentinel, that must be missed has a rule of its own.
        "fleet.nodes": sorted(node.instance for node in fleet.nodes),
        "fleet.sentinel.masters": sorted(fleet.sentinel.masters or ()) if fleet.sentinel is not None else [],
    }


def fingerprint(policy: Policy) -> str:
    """Twelve hexadecimal digits: the same for all policies that agree in this, wherever their file lies."""
    text = json.dumps(agreed(policy), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
