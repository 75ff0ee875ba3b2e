"""When a certificate ends, read from its DER form: Python's ssl reads it only where it has also checked the certificate. Pure.

A pinned one is not checked against an authority, and its date least of all. The way to the date is fixed by RFC 5280:
Certificate > TBSCertificate > after version, serial number, algorithm and issuer: Validity > the second of two times.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
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


def chain_ends(shown: Sequence[bytes]) -> float | None:
    """Unix seconds from which on the first of these is taken no more: its own end, or of one above it that is shown with it.

    So OpenSSL finds its way up: by names, of several the one that lasts. An authority that vouches for itself does not count (the
    other side knows it, or trusts none of this), nor what stands beside the way. None where the first cannot be read.
    """
    earliest, at, others = ends(shown[0] if shown else None), (*shown, b"")[0], set(shown[1:])
    while earliest is not None and (above := _above(at, others)):
        at = max(above, key=above.__getitem__)
        earliest = min(earliest, above[at])
        others.discard(at)
    return earliest


def _above(der: bytes, others: Collection[bytes]) -> dict[bytes, float]:
    """The ends of those that may have signed it, by their names."""
    issuer, _ = _names(der)
    named = ((each, *_names(each)) for each in others)
    candidates = {each: ends(each) for each, by, subject in named if issuer and subject == issuer != by}
    return {each: end for each, end in candidates.items() if end is not None}


def _names(der: bytes) -> tuple[bytes, bytes]:
    """Issuer and subject as they are written; empty where it is no certificate."""
    try:
        issuer = _issuer(der)
        validity = _past(der, issuer)
        subject = _past(der, validity)
        return der[issuer:validity], der[subject : _past(der, subject)]
    except (IndexError, ValueError):
        return b"", b""


def _issuer(der: bytes) -> int:
    """Where the issuer begins."""
    at, _ = _within(der, 0, _SEQUENCE)
    at, _ = _within(der, at, _SEQUENCE)
    if der[at] == _VERSION:
        at = _past(der, at)
    for _ in ("serial number", "algorithm"):
        at = _past(der, at)
    return at


def _not_after(der: bytes) -> float:
    at, _ = _within(der, _past(der, _issuer(der)), _SEQUENCE)
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
