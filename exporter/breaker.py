"""A circuit breaker over commands: opens on a failure rate over a time window, lets one trial call through. Pure.

Libraries count consecutive failures; 50 % over 10 seconds needs a window. The clock is handed in.
"""

from __future__ import annotations

from collections import deque

from policy.operations import Breaker as BreakerPolicy
from policy.units import seconds

STATES = ("closed", "open", "half_open")


class Breaker:
    """One node's breaker. `now` is monotonic seconds throughout."""

    def __init__(self, policy: BreakerPolicy) -> None:
        self._policy = policy
        self._window = float(seconds(policy.window))
        self._half_open_after = float(seconds(policy.half_open_after))
        self._calls: deque[tuple[float, bool]] = deque(maxlen=1000)
        self._opened_at: float | None = None
        self._trial = False
        self._answered_at = float("-inf")

    def state(self, now: float) -> str:
        """closed, open or half_open."""
        if self._opened_at is None:
            return "closed"
        return "half_open" if self._trial or now - self._opened_at >= self._half_open_after else "open"

    def allows(self, now: float) -> bool:
        """Whether a call may be made now; in half open the first asker gets the trial."""
        if self._opened_at is None:
            return True
        if self._trial or now - self._opened_at < self._half_open_after:
            return False
        self._trial = True
        return True

    def record(self, now: float, ok: bool, took: float = 0.0) -> None:
        """Count a call that was made and took so many seconds."""
        if self._opened_at is not None:
            self._opened_at = None if ok else self._open_from(now, took)
            self._trial = False
            self._calls.clear()
            return
        self._calls.append((now, ok))
        while self._calls and now - self._calls[0][0] > self._window:
            self._calls.popleft()
        enough = len(self._calls) >= self._policy.min_calls
        if not ok and enough and self._failure_rate() >= self._policy.failure_rate:
            self._opened_at = self._open_from(now, took)

    def retry_now(self, now: float) -> None:
        """The node was seen to answer again: let one call that begins after this through, whatever fails meanwhile."""
        self._answered_at = now
        if self._opened_at is not None and not self._trial:
            self._opened_at = now - self._half_open_after

    def _open_from(self, now: float, took: float) -> float:
        """When the wait for the next trial began. A call from before the node answered again is no reason to wait."""
        return now - self._half_open_after if now - took < self._answered_at else now

    def _failure_rate(self) -> float:
        return sum(not ok for _, ok in self._calls) / len(self._calls)
