"""The bounds of the probe's histogram: those of the policy, and for a while those of the policies before it. Pure.

Exporter and rules are reloaded one after the other. Until the rules have the new policy they wait for the buckets of the old
one: without them an alert on a node that is still slow would end, and the next could not begin.
"""

from __future__ import annotations

from decimal import Decimal

from policy.buckets import latency_bounds
from policy.metrics import le
from policy.model import Policy
from policy.units import seconds

# So many of policies before at most, however often another one is read: each is a line of every node's page.
MOST_KEPT = 32


class Bounds:
    """Upper bounds in seconds, ascending: all that are told now. `now` is monotonic seconds throughout."""

    def __init__(self, policy: Policy) -> None:
        self._own = frozenset(latency_bounds(policy))
        self._until: dict[Decimal, float] = {}
        self._tell()

    def _tell(self) -> None:
        self.told = tuple(sorted(self._own | self._until.keys()))
        self.texts = tuple(le(bound) for bound in self.told)

    def adopt(self, policy: Policy, now: float) -> None:
        """Tell those of another policy, and those that it has not any more for `rules.rollout_grace`."""
        before, self._own = self._own, frozenset(latency_bounds(policy))
        until = now + float(seconds(policy.rules.rollout_grace))
        # Of one that is kept already the time goes on: a policy that is read again and again keeps nothing for ever.
        kept = dict.fromkeys(before, until) | self._until
        latest = sorted(((end, bound) for bound, end in kept.items() if bound not in self._own), reverse=True)
        self._until = {bound: end for end, bound in latest[:MOST_KEPT]}
        self._tell()

    def forget(self, now: float) -> bool:
        """Tell those no more whose time is over; whether there were any."""
        over = [bound for bound, end in self._until.items() if end <= now]
        for bound in over:
            del self._until[bound]
        if over:
            self._tell()
        return bool(over)
