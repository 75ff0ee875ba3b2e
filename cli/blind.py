"""The alerts of a policy that cannot fire, in words: `check` and `build` warn of them."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.unreachable import unreachable
from policy.model import Policy


def cannot_fire(policy: Policy) -> Iterator[str]:
    """Alerts whose threshold nothing crosses, and those that `collect.families` blinds."""
    for place, why in unreachable(policy):
        yield f"{place} {why}, so this alert cannot fire"
    if not policy.collect.families.all:
        from alerts.hidden import hidden  # all rules have to be made for it

        for family, readers in hidden(policy):
            yield f"collect.families hides {family}, which {', '.join(readers)} reads: that part of it cannot fire"
