"""Which form of the answer an Accept header asks for (RFC 9110, 12.5.1). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

ACTUATOR = "application/json"
SPRING = "application/vnd.spring-boot.actuator.v3+json"
DRAFT = "application/health+json"
# Of two that are as welcome the first.
OFFERED = (ACTUATOR, SPRING, DRAFT)

_QUALITY = re.compile(r"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")


def chosen(header: str, offered: Sequence[str] = OFFERED) -> str:
    """The offered type that is the most welcome; the first where none is, since a probe reads the status code alone."""
    ranges = list(_ranges(header))
    return max(offered, key=lambda offer: _quality(offer, ranges))


def _ranges(header: str) -> Iterator[tuple[str, float]]:
    """Media ranges and how welcome they are; parameters other than `q` are left out, a `q` that is none counts as 1."""
    for part in header.lower().split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        if "/" in media:
            told = [p.partition("=")[2].strip() for p in parameters if p.partition("=")[0].strip() == "q"]
            yield media, float(told[0]) if told and _QUALITY.fullmatch(told[0]) else 1.0


def _quality(offer: str, ranges: Sequence[tuple[str, float]]) -> float:
    """By the most specific range that the offer falls in; 0 without one."""
    for wanted in (offer, f"{offer.partition('/')[0]}/*", "*/*"):
        found = [quality for media, quality in ranges if media == wanted]
        if found:
            return max(found)
    return 0.0
