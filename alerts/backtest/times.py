"""Moments as people write them: RFC 3339, seconds since 1970, or counted back from now. Pure; now is handed in."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from policy.units import parse_duration

_UNIX = re.compile(r"\d{9,11}(?:\.\d{1,9})?", re.ASCII)
_BACK = re.compile(r"(?:now)?(?:-(?P<back>.+))?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class NotATime(ValueError):
    """The text is no moment; the message says what is one."""


def parse(text: str, now: int) -> int:
    """Milliseconds since 1970 of `2025-01-31T03:14:00Z`, `1738293240`, `-7d`, `now` or `now-1h30m`."""
    if _UNIX.fullmatch(text):
        return round(float(text) * 1000)
    back = _BACK.fullmatch(text)
    try:
        if text and back is not None:
            return now - (parse_duration(back["back"]) // timedelta(milliseconds=1) if back["back"] else 0)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise NotATime(f"{text!r} is no time; write 2025-01-31T03:14:00Z, seconds since 1970, now, or -7d") from None
    if moment.tzinfo is None:
        raise NotATime(f"{text!r} names no time zone; end it with Z, or with an offset as in +01:00")
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def shown(at: int) -> str:
    """A moment in RFC 3339, UTC, to the millisecond where there are any."""
    moment = _EPOCH + timedelta(milliseconds=at)
    return moment.isoformat(timespec="milliseconds" if at % 1000 else "seconds").replace("+00:00", "Z")
