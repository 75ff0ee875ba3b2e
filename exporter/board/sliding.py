"""What counters grew by over a sliding window, from a few marks of what they were. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
SLOTS = 12


class Sliding(Generic[T]):
    """Marks of a counter, `SLOTS` to a window of so many seconds. `now` is monotonic seconds."""

    __slots__ = ("_every", "_marks", "_window")

    def __init__(self, window: float) -> None:
        self._window, self._every = window, window / SLOTS
        self._marks: deque[tuple[float, T]] = deque()

    def mark(self, now: float, value: T) -> None:
        """Keep what the counter is now, unless the last mark is fresh."""
        marks = self._marks
        # A hair early is on time: the schedule that calls has a jitter of its own.
        if not marks or now - marks[-1][0] >= 0.9 * self._every:
            marks.append((now, value))
        while len(marks) > 1 and marks[1][0] <= now - self._window:
            marks.popleft()

    def change(self, mark: Callable[[T], T]) -> None:
        """Keep each mark in another shape."""
        self._marks = deque((at, mark(value)) for at, value in self._marks)

    def start(self, now: float) -> T | None:
        """What the counter was a window ago, at most a slot more; in a younger life at its beginning, None before that."""
        marks, old = self._marks, now - self._window
        while len(marks) > 1 and marks[1][0] <= old:
            marks.popleft()
        return marks[0][1] if marks else None
