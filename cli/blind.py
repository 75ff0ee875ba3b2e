"""The alerts of a policy that cannot fire, in words: `check` and `build` warn of them."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.unreachable import unprobed, unreachable
from policy.model import Policy


def cannot_fire(policy: Policy) -> Iterator[str]:
    """Alerts on what nobody measures, those whose threshold nothing crosses, and those that `collect.families` blinds."""
    if without := unprobed(policy):
        none = "collect.background is false: nobody is probed, so no node that is down is paged (CacheNodeDown)"
        yield f"{none}, no budget of availability or latency is watched, and these cannot fire: {', '.join(without)}"
    for place, why in unreachable(policy):
        yield f"{place} {why}, so this alert cannot fire"
    if not policy.collect.families.all:
        from alerts.hidden import hidden  # all rules have to be made for it

        for family, readers in hidden(policy):
            yield f"collect.families hides {family}: the part of {', '.join(readers)} that reads it cannot fire"
