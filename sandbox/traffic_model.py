"""What the simulated application asks for: which key, of which shard, and what the database would answer. Pure."""

import bisect
import itertools
import random
import zlib
from collections.abc import Sequence
from typing import Literal

Mode = Literal["normal", "cold"]

_USERS = 5000
_SKEW = 1.3
EXPIRY_SECONDS = (20, 40)
"""Range of a key's life. With 240 requests a second over this key space: 85 % hits after 5 s, 88-90 % for good."""
_ABSENT_SHARE = 0.75


class Visitors:
    """Users by popularity (Zipf): the first few make most of the requests, the tail comes rarely."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._cumulated = list(itertools.accumulate(1 / rank**_SKEW for rank in range(1, _USERS + 1)))

    def next_key(self, mode: Mode) -> str:
        """Return the key of the next request. In mode "cold" three of four ask for users who do not exist."""
        if mode == "cold" and self._chance.random() < _ABSENT_SHARE:
            return f"user:absent-{self._chance.getrandbits(48):012x}"
        rank = bisect.bisect_left(self._cumulated, self._chance.random() * self._cumulated[-1])
        return f"user:{rank}"

    def expiry(self) -> int:
        """Return the seconds to keep a value: spread, so that keys written together do not leave together."""
        return self._chance.randint(*EXPIRY_SECONDS)


def shard_of(key: str, shards: Sequence[str]) -> str:
    """Return the shard that holds the key, the same for every client."""
    return shards[zlib.crc32(key.encode()) % len(shards)]


def database_row(key: str) -> str | None:
    """Return what the database has under the key, None for a user who does not exist."""
    if key.startswith("user:absent-"):
        return None
    return f'{{"id": "{key}", "name": "User {key}", "about": "{"x" * 160}"}}'
