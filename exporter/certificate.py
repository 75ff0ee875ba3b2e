"""When a certificate ends, read from its DER form: Python's ssl reads it only where it has also checked the certificate. Pure.

A pinned one is not checked against an authority, and its date least of all. The way to the date is fixed by RFC 5280:
Certificate > TBSCertificate > after version, serial number, algorithm and issuer: Validity > the second of two times.
"""

from __future__ import annotations

from datetime import UTC, datetime

_SEQUENCE, _VERSION, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18
# Each with the number of its digits: strptime would take fewer.
_FORMS = {_UTC_TIME: (12, "%y%m%d%H%M%SZ"), _GENERALIZED_TIME: (14, "%Y%m%d%H%M%SZ")}
# A year of two digits is of this century up to 49, where strptime turns at 68.
_CENTURY_ENDS = 50


def ends(der: bytes | None) -> float | None:
    """Unix seconds of notAfter; None where there is no certificate, or it is not what the standard says."""
    try:
        return _not_after(der or b"")
    except (IndexError, ValueError):
        return None


def _not_after(der: bytes) -> float:
    at, _ = _within(der, 0, _SEQUENCE)
    at, _ = _within(der, at, _SEQUENCE)
    if der[at] == _VERSION:
        at = _past(der, at)
    for _ in ("serial number", "algorithm", "issuer"):
        at = _past(der, at)
    at, _ = _within(der, at, _SEQUENCE)
    at = _past(der, at)
    start, end = _within(der, at, der[at])
    return _time(der[at], der[start:end].decode("ascii"))


def _time(tag: int, text: str) -> float:
    digits, form = _FORMS.get(tag, (0, ""))
    if len(text) != digits + 1 or not text[:-1].isdigit():
        raise ValueError(f"{text!r} is no date of a certificate")
    when = datetime.strptime(text, form).replace(tzinfo=UTC)
    if tag == _UTC_TIME and when.year >= 2000 + _CENTURY_ENDS:
        when = when.replace(year=when.year - 100)
    return when.timestamp()


def _past(der: bytes, at: int) -> int:
    return _within(der, at, der[at])[1]


def _within(der: bytes, at: int, tag: int) -> tuple[int, int]:
    """Where the content of an element begins and ends. ValueError when it has another tag or is cut off."""
    if der[at] != tag:
        raise ValueError(f"{der[at]:#x} where {tag:#x} should be")
    size, start = der[at + 1], at + 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(der[at + 2 : start], "big")
    if start + size > len(der):
        raise ValueError("it is cut off")
    return start, start + size
