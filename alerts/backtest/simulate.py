"""From the moments at which an alert's condition held to the spans for which it fired, as Prometheus does it. Pure.

Prometheus 2.42, rules/alerting.go, Eval: a series that appears is pending; pending since at least `for` at an evaluation,
it fires at that very evaluation; at the first evaluation without it it is resolved, a pending one forgotten. Our rules have no
`keep_firing_for`. Times are milliseconds since 1970.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

Run = tuple[int, int]
"""The first and the last of consecutive evaluations."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The evaluations of a group: each `step` from `start` to `end`, but none within a `blind` span (ends excluded).

    In a blind span Prometheus did not run. Its alerts stand still, as they do over a restart.
    """

    start: int
    end: int
    step: int
    blind: tuple[Run, ...] = ()

    def from_(self, at: int) -> int:
        """The first evaluation at or after that time; it may lie past the end."""
        found = self.start + max(0, -(-(at - self.start) // self.step)) * self.step
        hole = self._hole(found)
        while hole is not None:
            found = self.start + -(-(hole[1] - self.start) // self.step) * self.step
            hole = self._hole(found)
        return found

    def after(self, at: int) -> int:
        """The next evaluation after that time."""
        return self.from_(at + 1)

    def sees(self, at: int) -> bool:
        """Whether there is an evaluation at that time."""
        return self.start <= at <= self.end and (at - self.start) % self.step == 0 and self._hole(at) is None

    def _hole(self, at: int) -> Run | None:
        index = bisect_right(self.blind, (at, at)) - 1
        for hole in self.blind[max(0, index) : index + 2]:
            if hole[0] < at < hole[1]:
                return hole
        return None


@dataclass(frozen=True, slots=True)
class Span:
    """An alert fired from its first firing evaluation until `end`, the evaluation that resolved it.

    `ended` is False where the history ends before it does; `end` is the end of the history then.
    """

    start: int
    end: int
    ended: bool


def runs(times: Iterable[int], clock: Clock) -> Iterator[Run]:
    """Evaluations at which a condition held, in order, as runs; one goes on over what nobody evaluated."""
    first = last = None
    for at in times:
        if not clock.sees(at):
            continue
        if first is None or last is None:
            first = at
        elif at != clock.after(last):
            yield first, last
            first = at
        last = at
    if first is not None and last is not None:
        yield first, last


def spans(held: Iterable[Run], hold: int, clock: Clock) -> Iterator[Span]:
    """The spans for which one series of an alert fired, given the runs of evaluations at which its condition held.

    `hold` is the alert's `for` in milliseconds.
    """
    began: int | None = None
    resolved = 0
    for first, last in held:
        if began is not None and resolved < first:
            yield Span(began, resolved, True)
            began = None
        if began is None:
            fires = clock.from_(first + hold)
            began = fires if fires <= last else None
        if began is not None:
            resolved = clock.after(last)
    if began is not None:
        ended = resolved <= clock.end
        yield Span(began, resolved if ended else clock.end, ended)
