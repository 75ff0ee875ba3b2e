"""What came beside what should have come: missed, false, twice, never resolved. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.alert_quality.heard import Told, left_open
from policy.alerts import BY_NAME, NOTIFIER_DOWN, WATCHDOG

About = tuple[str, str]
_EVERYBODY, _SLACK, _OUTSIDE = frozenset({"pagerduty", "slack"}), frozenset({"slack"}), frozenset({"heartbeat"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """One scenario as it went. `began` and `healed` are unix seconds; `wanted` must come, `also` may.

    `quiet` says whether everything was over some time after healing. `deaf` are those who cannot be told before that.
    """

    name: str
    kind: str
    what: str
    began: float
    healed: float
    wanted: frozenset[About]
    also: frozenset[str]
    heard: Sequence[Told]
    quiet: bool
    deaf: frozenset[str] = frozenset()

    @property
    def came(self) -> frozenset[About]:
        """Everything of which somebody was told."""
        return frozenset(each.about for each in self.heard if each.firing)

    @property
    def missed(self) -> frozenset[About]:
        """What should have been told, and was not told to all who must hear it."""
        return frozenset(about for about in self.wanted if not receivers(about[0]) - self.deaf <= self.told_to(about))

    @property
    def false(self) -> frozenset[About]:
        """What nobody should have been told, and whatever reached somebody who should not hear of its kind."""
        wrong = {about for about in self.came - self.wanted if about[0] not in self.also}
        return frozenset(wrong | {about for about in self.came if not self.told_to(about) <= allowed(about[0])})

    @property
    def twice(self) -> frozenset[tuple[str, About]]:
        """Receivers who were told of the same thing again, or of the end of what went on until it was healed."""
        told: set[tuple[str, About]] = set()
        again = set()
        for each in self.heard:
            key = (each.to, each.about)
            too_early = not each.firing and each.about in self.wanted and each.at < self.healed
            if too_early or (each.firing and key in told):
                again.add(key)
            if each.firing:
                told.add(key)
        return frozenset(again)

    @property
    def unresolved(self) -> list[Told]:
        """What somebody was told, and not told the end of after all was well."""
        return left_open(self.heard)

    @property
    def good(self) -> bool:
        """Whether all came, nothing else, once, and ended."""
        return not (self.missed or self.false or self.twice or self.unresolved) and self.quiet

    def told_to(self, about: About) -> frozenset[str]:
        """Who was told of it."""
        return frozenset(each.to for each in self.heard if each.firing and each.about == about)

    def seconds(self, about: About) -> float:
        """From the beginning until the last receiver that matters had it first; of one that was deaf only where all were."""
        first = {each.to: each.at for each in reversed(self.heard) if each.firing and each.about == about}
        return max(first[to] for to in first.keys() - self.deaf or first) - self.began


def allowed(alert: str) -> frozenset[str]:
    """Who may hear of an alert: a page goes to PagerDuty and Slack, a ticket to Slack; nobody of one that is not ours."""
    if alert == WATCHDOG.name:  # told by its silence
        return _OUTSIDE
    spec = BY_NAME.get(alert)
    return frozenset() if spec is None else _EVERYBODY if spec.pages else _SLACK


def receivers(alert: str) -> frozenset[str]:
    """Who must hear of it: all who may, but for Slack of the notifier's death, which is the way to Slack."""
    return allowed(alert) - _SLACK if alert == NOTIFIER_DOWN.name else allowed(alert)


@dataclass(frozen=True, slots=True)
class Score:
    """Over all scenarios. Precision and recall are shares of alerts told; what may come as well counts for neither."""

    right: int
    missed: int
    false: int
    twice: int
    unresolved: int

    @property
    def precision(self) -> float:
        """Of what was told, the share that should have been; 1 when nothing was."""
        return self.right / (self.right + self.false) if self.right + self.false else 1.0

    @property
    def recall(self) -> float:
        """Of what should have been told, the share that was; 1 when nothing should."""
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0


def score(outcomes: Iterable[Outcome]) -> Score:
    """The sums."""
    found = list(outcomes)
    missed = sum(len(each.missed) for each in found)
    return Score(
        right=sum(len(each.wanted) for each in found) - missed,
        missed=missed,
        false=sum(len(each.false) for each in found),
        twice=sum(len(each.twice) for each in found),
        unresolved=sum(len(each.unresolved) or not each.quiet for each in found),
    )
