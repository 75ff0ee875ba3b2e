"""From single health checks to a node's verdict, with hysteresis. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from policy.health import Health


@dataclass(frozen=True, slots=True)
class Verdict:
    """`up` is None until enough checks agree; `streak` counts the latest checks in a row that say otherwise."""

    up: bool | None = None
    streak: int = 0


def after(verdict: Verdict, ok: bool, health: Health) -> Verdict:
    """The verdict after one more check.

    Down after `failures` bad checks in a row, up again after `recoveries` good ones; a new node is up at its first
    good check.
    """
    if verdict.up is ok:
        return verdict if not verdict.streak else Verdict(ok)
    if verdict.up is None and ok:
        return Verdict(True)
    needed = health.recoveries if ok else health.failures
    streak = verdict.streak + 1
    return Verdict(ok) if streak >= needed else Verdict(verdict.up, streak)
