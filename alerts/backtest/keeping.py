"""The spans for which alerts fired that go on once they fire, and add nothing beside one of their kind: `alerts.keeping`. Pure.

Their expression stands on the series `ALERTS`, which a history has of the rules of its time alone. So they are replayed from
the parts that it is made of, evaluation by evaluation, those of one subject together: each sees what the others did.
Times are milliseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from heapq import merge

from alerts.backtest.simulate import Clock, Span


@dataclass(frozen=True, slots=True)
class Replayed:
    """An alert about a subject: the evaluations at which it would begin, was broken, and is ended whatever it does.

    `hold` is its `for`, `within` how long it is kept. Of one that `follows` others of its rule: when it is behind one that is
    ahead, whose alert ends it; else another one keeps it from beginning alone.
    """

    clock: Clock
    hold: int
    within: int
    begins: Set[int]
    broken: Set[int]
    ends: Set[int]
    follows: bool = False
    behind: Set[int] = frozenset()
    ahead: Set[int] = frozenset()

    @property
    def times(self) -> list[int]:
        """Every evaluation at which something is so, in order."""
        return sorted(at for at in self.begins | self.broken | self.ends | self.behind if self.clock.sees(at))

    @property
    def alone(self) -> int:
        """So long after another one was broken last that stands in its way while it fires, see `alerts.keeping.alone`."""
        return max(self.within - self.hold, 0)


@dataclass(slots=True)
class _State:
    """What Prometheus knows of it: since when it waits, since when it fires, when it was broken last; the last evaluation.

    `before` says whether it fired before that.
    """

    of: Replayed
    since: int | None = None
    fired: int | None = None
    broken: int = 0
    last: int | None = None
    before: bool = False
    found: list[Span] = field(default_factory=list)

    def over(self) -> int:
        """The first evaluation that finds it kept no more."""
        return self.of.clock.from_(self.broken + self.of.within + 1)

    def fires(self, at: int, later: bool) -> bool:
        """Whether the series `ALERTS` has it at that time; a rule that stands `later` in the group has not been evaluated yet.

        What a rule tells of one subject it does not see either while it is asked about another.
        """
        if later and self.last == at:
            return self.before
        return self.fired is not None and (self.over() >= at if later else self.over() > at)

    def stands(self, at: int, later: bool, other: Replayed) -> bool:
        """Whether it stands in another one's way: it fires, and was broken within the time that the other's wait leaves."""
        lately = at in self.of.broken or self.broken >= at - other.alone
        one = not other.follows or (at in other.behind and at in self.of.ahead)
        return lately and one and self.fires(at, later or other.follows)

    def evaluate(self, at: int, told: bool) -> None:
        """One evaluation; `told` says whether another one stands in its way."""
        self._settle(at)
        self.before = self.fired is not None
        if at in self.of.ends or (told and self.of.follows):
            self._end(at)
            self.since = None
        else:
            begins = at in self.of.begins and not told
            if begins and self.since is None:
                self.since = at
            if at in self.of.broken:
                self.broken = at
            if self.fired is None and begins and self.since is not None and at - self.since >= self.of.hold:
                self.fired = at
            if not begins:
                self.since = None
        self.last = at

    def _settle(self, at: int) -> None:
        """What happened at the evaluations since the last one, at which nothing was so."""
        if self.last is not None and self.of.clock.after(self.last) != at:
            self.since = None
        if self.fired is not None and self.over() < at:
            self._end(self.over())

    def _end(self, at: int) -> None:
        if self.fired is not None:
            self.found.append(Span(self.fired, at, True))
            self.fired = None

    def finish(self) -> list[Span]:
        """All spans; what still fires when the history ends has not ended."""
        end = self.of.clock.end
        if self.fired is not None and self.over() > end:
            return [*self.found, Span(self.fired, end, False)]
        self._end(self.over() if self.fired is not None else end)
        return self.found


def spans(alerts: Sequence[Replayed]) -> list[list[Span]]:
    """Those of each alert about one subject, or of subjects of which one follows another, given in the order of their rules."""
    states = [_State(alert) for alert in alerts]
    for at, index in _evaluations(alerts):
        others = ((other, state) for other, state in enumerate(states) if other != index)
        states[index].evaluate(at, any(state.stands(at, other > index, alerts[index]) for other, state in others))
    return [state.finish() for state in states]


def _evaluations(alerts: Iterable[Replayed]) -> Iterator[tuple[int, int]]:
    return merge(*([(at, index) for at in alert.times] for index, alert in enumerate(alerts)))
