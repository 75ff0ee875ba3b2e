"""Who may see more than a status. Pure but for the secret, which is read when somebody shows one."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

from policy.health import Health


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks. `address` is the other end of the connection, `forwarded` whether a proxy says that it asks for another."""

    address: str
    forwarded: bool = False
    authorization: str = ""


def may_see(health: Health, client: Client, secret: Callable[[], str]) -> bool:
    """Whether the client gets details: by the policy's word for all, its address, or the token that `secret` gives."""
    if health.show_details != "when_authorized":
        return health.show_details == "always"
    return _is_near(health, client) or _has_token(health, client, secret)


def _is_near(health: Health, client: Client) -> bool:
    """By address. Behind a proxy everybody has the proxy's, so who came through one is not near."""
    if client.forwarded:
        return False
    try:
        return health.allows(ipaddress.ip_address(client.address))
    except ValueError:
        return False


def _has_token(health: Health, client: Client, secret: Callable[[], str]) -> bool:
    scheme, _, shown = client.authorization.strip().partition(" ")
    if not health.has_token or scheme.lower() != "bearer" or not shown.strip():
        return False
    wanted = secret()
    return bool(wanted) and hmac.compare_digest(_bytes(shown.strip()), _bytes(wanted))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")  # a header may hold any byte
