"""Networks as the policy writes them, and whether an address is in one."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Annotated

from pydantic import AfterValidator

Address = IPv4Address | IPv6Address


@lru_cache(maxsize=1024)
def _parsed(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text)


def _network(text: str) -> str:
    if text in ("0.0.0.0", "::"):  # noqa: S104  # refused, not bound to
        raise ValueError(f"{text} is one address, which nobody has; write {text}/0 for all")
    try:
        return str(_parsed(text))
    except ValueError as error:
        raise ValueError(f"{error}; write it as in 10.0.0.0/8 or fd00::/8") from None


Networks = tuple[Annotated[str, AfterValidator(_network)], ...]


def within(address: Address, networks: Iterable[str]) -> bool:
    """Whether an address lies in one of the networks."""
    return any(address in _parsed(text) for text in networks)
