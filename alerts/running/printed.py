"""The YAML in which a server prints its configuration. Pure."""

from __future__ import annotations

from typing import Any

import yaml

# libyaml's, where the wheel has it.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 32


def read(text: str) -> dict[str, Any] | None:
    """The mapping that it is; None where it is none, or none that a server prints."""
    try:
        found = yaml.load(text, Loader=_Loader) if _is_plain(text) else None  # noqa: S506  # a safe one
    except (yaml.YAMLError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _is_plain(text: str) -> bool:
    """Whether it has neither aliases, by which few bytes are gigabytes, nor a depth that takes libyaml minutes."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST or isinstance(event, yaml.AliasEvent):
            return False
    return True
