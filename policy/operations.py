"""How nodes are asked, judged and given up on: collection, probe, health, timeouts and retries, breaker."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from policy.base import Fault, Model, merge
from policy.metrics import NODE_FAMILIES, families_like
from policy.networks import Address, Networks, within
from policy.units import Duration, Ratio, duration_text, parse_duration, parse_ratio

_KEY = re.compile(r"[\w:./-]+", re.ASCII)


class Limits(Model):
    """Series per node and kind of name; what comes later shares one series `other`."""

    commands: int = Field(default=500, ge=1, le=10_000, strict=True)
    errors: int = Field(default=100, ge=1, le=10_000, strict=True)
    databases: int = Field(default=64, ge=1, le=10_000, strict=True)


def _family(text: str) -> str:
    """A name or pattern that some family can have: of a misspelt one nobody would learn."""
    if families_like(text):
        return text
    near = difflib.get_close_matches(text, NODE_FAMILIES, n=1)
    cure = f"did you mean {near[0]}?" if near else "write names as on /metrics, or a pattern, as in redis_sentinel_*"
    raise ValueError(f"{text!r} is no redis_* family that is shown; {cure}")


Family = Annotated[str, AfterValidator(_family)]


class Families(Model):
    """Which `redis_*` families are shown: names or patterns (`redis_sentinel_*`); a denied one never is."""

    allow: tuple[Family, ...] = ("*",)
    deny: tuple[Family, ...] = ()

    @property
    def all(self) -> bool:
        """Whether every family is shown."""
        return "*" in self.allow and not self.deny

    def shows(self, name: str) -> bool:
        """Whether the family of that name is shown."""
        return _matches(name, self.allow) and not _matches(name, self.deny)


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


class Collect(Model):
    """INFO of every node, each `interval` ("health checks every 10 seconds" in the seed).

    What costs the node more (latencystats, CONFIG, SLOWLOG, LATENCY, Sentinel's tables) is asked each
    `detail_interval`. Facts older than three of their intervals are withdrawn. Each `connect_interval` a new connection is
    tried beside the kept one. Without `background` a node is asked only when `/scrape` wants it, and not probed.
    `allowed_targets` are the networks in which `/scrape` may ask others as well.
    """

    interval: Duration = parse_duration("10s")
    timeout: Duration = parse_duration("1s")
    detail_interval: Duration = parse_duration("60s")
    connect_interval: Duration = parse_duration("5m")
    unmapped_info: bool = Field(default=False, strict=True)
    limits: Limits = Limits()
    families: Families = Families()
    allowed_targets: Networks = ()
    background: bool = Field(default=True, strict=True)

    @property
    def connect_again(self) -> timedelta:
        """After how long one that failed is tried again: one lost connection must not last until it is a ticket."""
        return min(self.connect_interval / 5, parse_duration("1m"))

    def allows(self, address: Address) -> bool:
        """Whether `/scrape` may ask a node at this address that is not of the fleet."""
        return within(address, self.allowed_targets)

    def _faults(self) -> Iterator[Fault]:
        if self.interval < parse_duration("100ms"):
            yield "interval", "must be at least 100ms: INFO costs the node more than a PING"
        if not self.timeout or self.timeout >= self.interval:
            yield "timeout", f"must be more than zero and shorter than interval ({duration_text(self.interval)})"
        if not self.detail_interval:
            yield "detail_interval", "must be more than zero"
        if self.connect_interval < parse_duration("1s"):
            yield "connect_interval", "must be at least 1s: a login over TLS costs the node more than INFO"


class Probe(Model):
    """A PING to every node each `interval`, whatever is outstanding; given up after `timeout`.

    With `write` every primary is also asked to SET `key`, halfway between two PINGs; in a Cluster a hash tag is appended.
    """

    interval: Duration = parse_duration("500ms")
    timeout: Duration = parse_duration("1s")
    write: bool = Field(default=False, strict=True)
    key: str = Field(default="cachewatch:probe", min_length=1, max_length=200)

    @property
    def slowest(self) -> timedelta:
        """What may lie between two results of one node, when one probe of three came late."""
        return 2 * self.interval + self.timeout

    @property
    def longest(self) -> timedelta:
        """How long one may go unanswered before its connection is given up: no latency is measured that is longer."""
        return 3 * self.timeout

    def _faults(self) -> Iterator[Fault]:
        if self.interval < parse_duration("50ms"):
            yield "interval", "must be at least 50ms: the probe must not be a load of its own"
        if not parse_duration("10ms") <= self.timeout <= parse_duration("10s"):
            yield "timeout", "must be between 10ms and 10s"
        if not _KEY.fullmatch(self.key):
            yield (
                "key",
                f"{self.key!r} must be letters, digits and any of : . _ - / only, so that an ACL rule can name it",
            )


class Retry(Model):
    """One row of the seed's table "Timeout and Retry Policies"."""

    timeout: Duration
    retries: int = Field(ge=0, le=10, strict=True)
    backoff: Duration = parse_duration("0s")

    def _faults(self) -> Iterator[Fault]:
        if not self.timeout:
            yield "timeout", "must be more than zero"


# Section 1 of the seed, table "Timeout and Retry Policies".
SEED_TIMEOUTS: dict[str, dict[str, Any]] = {
    "get": {"timeout": "10ms", "retries": 1},
    "set": {"timeout": "10ms", "retries": 1},
    "connection": {"timeout": "5s", "retries": 2, "backoff": "1s"},
}


class Timeouts(Model):
    """`connection` binds the exporter; `get` and `set` bind the client of the cache (the demo's traffic)."""

    get: Retry
    set: Retry
    connection: Retry

    @model_validator(mode="before")
    @classmethod
    def _over_the_seed(cls, data: Any) -> Any:
        return merge(SEED_TIMEOUTS, data)


class Breaker(Model):
    """Open at `failure_rate` over `window` once `min_calls` were made; one trial call after `half_open_after`."""

    failure_rate: Ratio = parse_ratio("50%")
    window: Duration = parse_duration("10s")
    half_open_after: Duration = parse_duration("30s")
    min_calls: int = Field(default=3, ge=1, strict=True)

    def _faults(self) -> Iterator[Fault]:
        if not self.failure_rate:
            yield "failure_rate", "must be more than 0%"
        if self.window < parse_duration("1s"):
            yield "window", "must be at least 1s"
