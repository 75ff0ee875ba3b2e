"""Whether a request was made by a page of another site: what changes something is not for those. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from exporter.names import numeric
from policy.fleet import split_address
from policy.stack import Stack


def from_elsewhere(headers: Mapping[str, str], stack: Stack) -> bool:
    """Whether a browser sent it for a page that is not ours. Programs send neither of the two headers, and are not meant.

    A name that somebody else has turned to our address (DNS rebinding) is the page's own in Host and Origin alike; so the
    name must be one that `stack` has for the exporter, or none at all: an address, or localhost.
    """
    if headers.get("Sec-Fetch-Site", "").lower() in ("cross-site", "same-site"):
        return True
    origin = headers.get("Origin")
    return origin is not None and not _ours(origin, headers.get("Host", ""), stack)


def _ours(origin: str, host: str, stack: Stack) -> bool:
    try:
        place, name = urlsplit(origin).netloc.lower(), urlsplit(origin).hostname
    except ValueError:
        return False
    if not name:
        return False
    if stack.links.exporter is not None and place == urlsplit(stack.links.exporter).netloc.lower():
        return True  # by a proxy, which may ask us by another name
    known = name in ("localhost", split_address(stack.exporter, 9121)[0].lower()) or numeric(name) is not None
    return known and place == host.lower()
