"""Numbers as people read them: few digits, and always enough to tell a number from the limits that it is held against. Pure."""

from __future__ import annotations

from collections.abc import Sequence

_MOST = 13


def short(value: float, limits: Sequence[float]) -> float:
    """A number for programs: enough digits to be shown, few enough to change seldom."""
    return _apart(value, limits, 6 if value >= 0.1 else 3)


def percent(ratio: float, limits: Sequence[float]) -> str:
    """`83.7 %`, `99.995 %`; what is less than all is never 100 %."""
    for places in range(3, _MOST):
        near = round(ratio, places)
        if (near == 1) is (ratio == 1) and _same_sides(near, ratio, limits):
            break
    return f"{near * 100:.{_MOST}g} %"


def latency(seconds: float, limits: Sequence[float]) -> str:
    """`0.31 ms`, `4 µs`, `2.5 s`."""
    near = _apart(seconds, limits, 2)
    number, unit = (near, "s") if near >= 1 else (near * 1e3, "ms") if near >= 1e-5 else (near * 1e6, "µs")
    return f"{number:.{_MOST}g} {unit}"


def _apart(value: float, limits: Sequence[float], least: int) -> float:
    """The value with so many digits, or as many more as keep it on its side of every limit."""
    for digits in range(least, _MOST):
        near = float(f"{value:.{digits}g}")
        if _same_sides(near, value, limits):
            return near
    return value


def _same_sides(near: float, value: float, limits: Sequence[float]) -> bool:
    """Whether it is above, at or below each limit as the value is. Of 500 nodes this is asked thousands of times."""
    for limit in limits:  # noqa: SIM110  # no generator for so short a walk
        if (near > limit) is not (value > limit) or (near < limit) is not (value < limit):
            return False
    return True
