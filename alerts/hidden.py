"""Alerts that read what the policy keeps off the exporter's page: they cannot fire. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from alerts.rules import groups
from policy.metrics import NODE_FAMILIES
from policy.model import Policy

_FAMILY = re.compile(r"\bredis_\w+")


def hidden(policy: Policy) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each family that is hidden, and the alerts that read it."""
    readers: dict[str, dict[str, None]] = {}
    for group in groups(policy).values():
        for rule in group.data()["rules"]:
            for family in set(_FAMILY.findall(str(rule["expr"]))).intersection(NODE_FAMILIES):
                if "alert" in rule and not policy.collect.families.shows(family):
                    readers.setdefault(family, {})[str(rule["alert"])] = None
    for family in sorted(readers):
        yield family, tuple(readers[family])
