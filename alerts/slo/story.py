"""Events told step by step, and by plain arithmetic what every window holds of them and which alert fires. Pure.

It is the independent word against which the generated rules are held: whole numbers and fractions, no PromQL.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from functools import cached_property
from itertools import accumulate, groupby

from alerts.promql import milliseconds
from alerts.rule_cases import counter
from alerts.slo import burning
from alerts.slo.scope import Scope
from policy.alerts import AlertSpec
from policy.burn import Burn

Counts = tuple[int, int]
NOTHING: Counts = (0, 0)


@dataclass(frozen=True)
class Story:
    """Good and bad events of each step that has any, for `steps` steps of `step` milliseconds. Step 0 is the first look."""

    step: int
    steps: int
    events: Mapping[int, Counts] = field(default_factory=dict)
    usual: Counts = NOTHING

    def of(self, index: int) -> Counts:
        """Events of one step."""
        return self.events.get(index, self.usual)

    @cached_property
    def _sums(self) -> list[Counts]:
        every = (self.of(index) if index else NOTHING for index in range(self.steps + 1))
        return list(accumulate(every, lambda a, b: (a[0] + b[0], a[1] + b[1])))

    def within(self, at: int, window: timedelta) -> Counts:
        """Good and bad events of the steps that end less than a window before the end of step `at`."""
        first = max(0, at - -(-milliseconds(window) // self.step))
        (good, bad), (before, worse) = self._sums[at], self._sums[first]
        return good - before, bad - worse

    def between(self, after: int, at: int) -> Counts:
        """Good and bad events of the steps after one and up to another."""
        (good, bad), (before, worse) = self._sums[at], self._sums[after]
        return good - before, bad - worse

    def burns(self, scope: Scope, spec: AlertSpec, at: int) -> bool:
        """Whether one of an alert's burn rates is exceeded at the end of a step, over both its windows."""
        return any(self.exceeds(scope, pair, at) for pair in burning.pairs_of(scope, spec))

    def exceeds(self, scope: Scope, pair: Burn, at: int) -> bool:
        """Whether one burn rate is exceeded."""
        over = (self._over(scope, pair, at, window) for window in (pair.long, pair.short))
        return self._watched(at, pair.long) and self._enough(scope, pair, at) and all(over)

    def _enough(self, scope: Scope, pair: Burn, at: int) -> bool:
        """Whether the long window holds enough events."""
        return sum(self.within(at, pair.long)) >= scope.slo.least_events(pair)

    def _watched(self, at: int, window: timedelta) -> bool:
        """Whether the first quarter of the window held a step; the first ends with step 1."""
        return (at - 1) * self.step >= milliseconds(window) - milliseconds(window / 4)

    def firing(self, scope: Scope, spec: AlertSpec, remembered: bool) -> list[bool]:
        """At the end of each step, whether the alert fires: it has burnt for its duration, or did within the time it is kept.

        `remembered` says whether an alert is still seen in the series `ALERTS` a step later.
        """
        found: list[bool] = []
        since = None
        for at in range(self.steps + 1):
            goes_on = remembered and found[-1:] == [True] and self._lately(scope, spec, at)
            if not (goes_on or self.burns(scope, spec, at)):
                since = None
            elif since is None:
                since = at
            found.append(since is not None and at - since >= self.waits(scope, spec))
        return found

    def _lately(self, scope: Scope, spec: AlertSpec, at: int) -> bool:
        """Whether a burn rate was exceeded within the time that an alert is kept, and something is in its short window."""
        steps = -(-milliseconds(scope.policy.rules.keep_firing_for) // self.step) or 1
        lately = range(max(0, at - steps + 1), at + 1)
        return any(
            self._watched(at, pair.long)
            and any(self._enough(scope, pair, index) for index in lately)
            and sum(self.within(at, pair.short))
            and all(
                any(self._over(scope, pair, index, window) for index in lately) for window in (pair.long, pair.short)
            )
            for pair in burning.pairs_of(scope, spec)
        )

    def _over(self, scope: Scope, pair: Burn, at: int, window: timedelta) -> bool:
        good, bad = self.within(at, window)
        return bad > Fraction(pair.share(scope.slo.objective)) * (good + bad)

    def waits(self, scope: Scope, spec: AlertSpec) -> int:
        """The steps that an alert's duration takes."""
        return -(-milliseconds(burning.hold(scope, spec)) // self.step)

    def counter(self, good: int, bad: int, start: int = 0, first: int = 0, last: int | None = None) -> str:
        """A counter's samples from step `first` on that grows by so much with each good and each bad event."""
        steps = [good * g + bad * b for g, b in map(self.of, range(first, (self.steps if last is None else last) + 1))]
        steps[0] = 0
        return samples(steps, start)


def samples(steps: list[int], start: int) -> str:
    """Samples of a counter that begins at `start` and then grows step by step, equal steps as one."""
    parts, value = [], start
    for size, run in groupby(steps):
        count = len(list(run))
        parts.append(counter(size, count, value + size))
        value += size * count
    return " ".join(parts)
