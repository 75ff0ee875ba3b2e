"""Which key the prober writes to which node. Pure."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from functools import lru_cache

from exporter import info
from exporter.targets import Target
from policy.operations import Probe

_SLOTS = 16384


def key_for(target: Target, fields: Mapping[str, str], probe: Probe) -> str:
    """The key for a node with this last INFO, "" where nothing is to be written: only primaries are asked to take one.

    In a Cluster it falls into a slot of the node; one that has none, or whose slots nobody told, is not written to.
    """
    if not probe.write or info.role(fields) != "primary":
        return ""
    if info.mode(fields) != "cluster":
        return probe.key
    return "" if target.slot is None else f"{probe.key}:{{{tag_of(target.slot)}}}"


@lru_cache(maxsize=_SLOTS)
def tag_of(slot: int) -> str:
    """The lowest number that, as a hash tag, puts a key into a slot (CRC16 of the Redis Cluster specification)."""
    number = 0
    while slot_of(str(number)) != slot:
        number += 1
    return str(number)


def slot_of(tag: str) -> int:
    """The slot of a key whose hash tag, or whole name, is this."""
    return binascii.crc_hqx(tag.encode(), 0) % _SLOTS
