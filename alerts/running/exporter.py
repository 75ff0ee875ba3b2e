"""Whether an exporter has this policy, by what it says of itself at `/metrics/sli`. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.running.series import samples
from policy import metrics
from policy.agreement import fingerprint
from policy.fleet import POLICY_PART
from policy.model import Policy

PAGE = "/metrics/sli"


def problems(policy: Policy, page: str) -> Iterator[str]:
    """What differs from the policy, each with its cure."""
    name, mine, fleet = metrics.POLICY_INFO.name, fingerprint(policy), policy.fleet.name
    told = [labels for labels, _ in samples(page, name)]
    if not told:
        yield f"{PAGE} tells no {name}: an exporter of an older version, or something else listens there"
        return
    if fleet not in (watched := {labels.get("fleet", "") for labels in told}):
        others = ", ".join(sorted(watched))
        yield f"watches the fleet {others}, not {fleet}: stack.exporter leads to another exporter, or it has another file"
    elif mine not in (hashes := {labels.get("hash", "") for labels in told if labels.get("fleet") == fleet}):
        theirs = ", ".join(sorted(hashes))
        yield f"has another policy (fingerprint {theirs}, this one has {mine}): give it this file, and SIGHUP or POST /-/reload"
    read = [value for labels, value in samples(page, metrics.COLLECT_SUCCESS.name) if labels.get("part") == POLICY_PART]
    if "0" in read:
        yield "has refused the policy that it was given last, and goes on with the one before: its log names the problems"
