"""Whether a notifier has this policy, by what it says of itself at `/metrics`. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.notifier.agreement import fingerprint
from alerts.notifier.counters import POLICY_INFO
from alerts.running.series import samples
from policy.model import Policy

PAGE = "/metrics"


def problems(policy: Policy, page: str) -> Iterator[str]:
    """What differs from the policy, each with its cure."""
    told = {labels.get("hash", "") for labels, _ in samples(page, POLICY_INFO)}
    if not told:
        yield f"{PAGE} tells no {POLICY_INFO}: a notifier of an older version, or something else listens there"
    elif fingerprint(policy) not in told:
        yield (
            "has another policy: its runbooks, its channel, its links or its reminders are those of before; "
            "restart it with this file, which it reads at its start"
        )
