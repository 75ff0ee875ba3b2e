"""What the runbook says of refused writes: how long, and how many of them make a page. Pure."""

from __future__ import annotations

from alerts.promql import duration
from alerts.server.conditions import refusals, refused_memory, refused_window
from policy.model import Policy


def values(policy: Policy) -> dict[str, str]:
    """For the page's template."""
    probes, callers = (source.scrapes(policy) for source in refusals(policy))
    memory, window = duration(refused_memory(policy)), duration(refused_window(policy))
    known = {"refused_memory": memory, "refused_window": window}
    if not policy.alerts.writes_refused.for_:
        return {**known, "refused_for": "refuses writes", "refused_counts": "A single one is enough."}
    counts = (
        "A moment of it, as a failover has with `min-replicas-to-write`, is no page: new ones must have come with more than "
        f"{callers} scrapes\n(of the prober's: {probes}) within {memory}, the last within {window}."
    )
    lasts = f"has refused writes for **{duration(policy.alerts.writes_refused.for_)}** and longer"
    return {**known, "refused_for": lasts, "refused_counts": counts}
