"""Units as people write them: `75%`, `2ms`, `10m`, `10GiB`; exact on the way in and on the way out."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator

_DURATION_UNITS = {
    "us": Decimal("0.000001"),
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86400),
    "w": Decimal(604800),
}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h|d|w)", re.ASCII)
_DURATION = re.compile(rf"(?:{_DURATION_PART.pattern})+", re.ASCII)
_MAX_SECONDS = Decimal(10 * 366 * 86400)

_BYTE_UNITS = {
    "B": 1,
    **{f"{prefix}B": 1000**power for power, prefix in enumerate("kMGT", start=1)},
    **{f"{prefix}iB": 1024**power for power, prefix in enumerate("KMGT", start=1)},
}
_BYTES = re.compile(r"(\d+(?:\.\d+)?) ?([kKMGT]?i?B)", re.ASCII)
_PERCENT = re.compile(r"(\d+(?:\.\d+)?) ?%", re.ASCII)
_MAX_BYTES = 1024**6
_RATE = re.compile(r"(\d+(?:\.\d+)?)/s", re.ASCII)
_FACTOR = re.compile(r"\d+(?:\.\d+)?", re.ASCII)


def _shown(value: object) -> str:
    """A value as a message quotes it: short, and with a name for what is not there."""
    text = "an empty value" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def parse_duration(value: object) -> timedelta:
    """Turn `500ms`, `10m` or `1h30m` into a timedelta; ValueError names the cure."""
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        raise ValueError(
            f"{_shown(value)} is not a duration; write a number and a unit, as in 500ms, 2s, 10m, 1h30m or 30d"
        )
    total = sum((Decimal(n) * _DURATION_UNITS[unit] for n, unit in _DURATION_PART.findall(value)), Decimal(0))
    if total > _MAX_SECONDS:
        raise ValueError(f"{_shown(value)} is longer than ten years")
    micros = total * 1_000_000
    if micros != int(micros):
        raise ValueError(f"{_shown(value)} is finer than a microsecond")
    return timedelta(microseconds=int(micros))


def parse_ratio(value: object) -> Decimal:
    """Turn `75%` into Decimal("0.75"); ValueError names the cure."""
    if isinstance(value, Decimal):
        return value
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{_shown(value)} is not a share; write a percentage, as in 75%")
    ratio = Decimal(match[1]) / 100
    if ratio > 1:
        raise ValueError(f"{_shown(value)} is more than 100%")
    return ratio


def parse_percent(value: object) -> Decimal:
    """Turn an objective, `99.99` or `99.99%`, into Decimal("99.99") per cent."""
    if isinstance(value, Decimal):
        return value
    bare = isinstance(value, int | float | str) and not isinstance(value, bool)
    try:
        return parse_ratio(f"{value}".removesuffix("%") + "%" if bare else value) * 100
    except ValueError:
        raise ValueError(f"{_shown(value)} is not a percentage between 0 and 100, as in 99.99") from None


def parse_rate(value: object) -> Decimal:
    """Turn `100/s` into Decimal("100") per second; ValueError names the cure."""
    if isinstance(value, Decimal):
        return value
    match = _RATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{_shown(value)} is not a rate; write a number per second, as in 100/s or 0.5/s")
    return Decimal(match[1])


def parse_factor(value: object) -> Decimal:
    """Turn `1.5` into Decimal("1.5"), so many times something; ValueError names the cure."""
    if isinstance(value, Decimal):
        return value
    bare = isinstance(value, int | float | str) and not isinstance(value, bool)
    if not bare or not _FACTOR.fullmatch(f"{value}"):
        raise ValueError(f"{_shown(value)} is not a factor; write a number, as in 1.5")
    return Decimal(f"{value}")


def parse_bytes(value: object) -> int:
    """Turn `10GiB` (1024-based) or `10GB` (1000-based) into bytes; ValueError names the cure."""
    match = _BYTES.fullmatch(value) if isinstance(value, str) else None
    unit = match[2].replace("K", "k") if match and match[2] == "KB" else match[2] if match else ""
    if match is None or unit not in _BYTE_UNITS:
        raise ValueError(f"{_shown(value)} is not a size; write a number and a unit, as in 512MiB or 10GiB")
    size = Decimal(match[1]) * _BYTE_UNITS[unit]
    if not 0 < size <= _MAX_BYTES:
        raise ValueError(f"{_shown(value)} is not between 1B and 1048576TiB")
    if size != int(size):
        raise ValueError(f"{_shown(value)} is not a whole number of bytes")
    return int(size)


def _bytes_or_none(value: Any) -> Any:
    return None if value is None else parse_bytes(value)


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Ratio = Annotated[Decimal, BeforeValidator(parse_ratio)]
Rate = Annotated[Decimal, BeforeValidator(parse_rate)]
Factor = Annotated[Decimal, BeforeValidator(parse_factor)]
Percent = Annotated[Decimal, BeforeValidator(parse_percent)]
Bytes = Annotated[int, BeforeValidator(parse_bytes)]
OptionalBytes = Annotated[int | None, BeforeValidator(_bytes_or_none)]


def seconds(duration: timedelta) -> Decimal:
    """Exact seconds of a duration."""
    micros = (duration.days * 86400 + duration.seconds) * 1_000_000 + duration.microseconds
    return Decimal(micros) / 1_000_000


def plain(number: Decimal) -> str:
    """The shortest decimal text of a number, never with an exponent: `0.75`, `10`, `0.0005`."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def duration_text(duration: timedelta) -> str:
    """As Prometheus and people write it: `10m`, `1m30s`, `500ms`, `0s`; microseconds only when there are any."""
    rest = int(seconds(duration) * 1_000_000)
    parts = []
    for unit in ("d", "h", "m", "s", "ms", "us"):
        size = int(_DURATION_UNITS[unit] * 1_000_000)
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def latency_text(duration: timedelta) -> str:
    """A latency in milliseconds: `0.5ms`, `2ms`."""
    return f"{plain(seconds(duration) * 1000)}ms"


def percent_text(ratio: Decimal) -> str:
    """A ratio as a percentage: `75%`, `99.99%`."""
    return f"{plain(ratio * 100)}%"


def bytes_text(size: int) -> str:
    """A size in the largest 1024-based unit that keeps it short: `512MiB`, `1.5GiB`."""
    value, unit = Decimal(size), "B"
    for unit_name in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, unit_name
    return f"{plain(round(value, 1))}{unit}"
