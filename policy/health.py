"""When a node is down, when the whole is, and who may see why."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv6Address
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from policy.access import resolve_file
from policy.base import Fault, Model
from policy.networks import Address, Networks, within
from policy.units import Duration, Ratio, parse_duration, parse_ratio

# This machine and the networks that no router of the internet carries (RFC 1918, 4193, 3927, 4291).
NEIGHBOURS = (
    "127.0.0.0/8",
    "::1/128",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "fc00::/7",
    "fe80::/10",
)


class Health(Model):
    """When a node counts as down, what makes the whole DOWN, and to whom the health indicator shows more than a status.

    A node is down when `failures` health checks in a row failed ("100 % failure" of the seed), up again after
    `recoveries` good ones; the whole leaves DOWN after as many good seconds. More than `max_nodes_down` of the nodes or
    `max_shards_down` of the shards make the whole DOWN. The hit rate over `window` decides nothing before
    `min_requests`. A verdict older than `max_age` is UNKNOWN; None is `Policy.verdict_max_age`.
    """

    failures: int = Field(default=3, ge=1, le=100, strict=True)
    recoveries: int = Field(default=2, ge=1, le=100, strict=True)
    max_nodes_down: Ratio = parse_ratio("100%")
    max_shards_down: Ratio = parse_ratio("0%")
    max_age: Duration | None = None
    window: Duration = parse_duration("5m")
    min_requests: int = Field(default=100, ge=1, strict=True)
    show_details: Literal["never", "when_authorized", "always"] = "when_authorized"
    allow_from: Networks = NEIGHBOURS
    token_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    token_file: Path | None = None

    @field_validator("token_file")
    @classmethod
    def _resolve(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        return None if value is None else resolve_file(value, info)

    def allows(self, address: Address) -> bool:
        """Whether a client at this address may see details without a token; one of IPv4 may have come over IPv6."""
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return within(mapped or address, self.allow_from)

    @property
    def has_token(self) -> bool:
        """Whether a bearer token is another way to see details."""
        return self.token_env is not None or self.token_file is not None

    def _faults(self) -> Iterator[Fault]:
        if self.max_shards_down >= 1:
            yield "max_shards_down", "must be below 100%: a cache of which every shard is down is down"
        if self.token_env is not None and self.token_file is not None:
            yield "token_env", "stands beside token_file; take one of them out"
        asked = {"allow_from", "token_env", "token_file"} & self.model_fields_set
        if self.show_details != "when_authorized" and asked:
            names = ", ".join(sorted(asked))
            yield "show_details", f"{self.show_details} asks nobody who he is; take out {names}, or say when_authorized"
