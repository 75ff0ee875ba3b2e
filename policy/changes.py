"""Values in place of those of the policy file, as `--set thresholds.hit_rate.warning.below=72%` gives them. Pure."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from policy import yaml_text
from policy.yaml_text import Place


@dataclass(frozen=True, slots=True)
class Change:
    """A value, as the YAML of the file would give it, and its place."""

    place: Place
    value: Any


def read(text: str) -> Change:
    """`KEY=VALUE` with a dotted key and a value in YAML. ValueError, to be shown behind the text, when it is not that."""
    key, equals, value = text.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise ValueError("is not KEY=VALUE, as in thresholds.hit_rate.warning.below=72%")
    try:
        found = yaml_text.read(value)
    except yaml_text.NotYaml as error:
        raise ValueError(f"has a value that {error.message}") from None
    return Change(tuple(int(part) if part.isdecimal() else part for part in parts), found.data)


def apply(data: dict[str, Any], changes: Iterable[Change]) -> tuple[dict[str, Any], list[tuple[Place, str]]]:
    """The data with the values in their places, and what could not be placed, with the reason. Keys are made as needed."""
    changed = copy.deepcopy(data)
    refused = []
    for change in changes:
        problem = _put(changed, change)
        if problem:
            refused.append((change.place, problem))
    return changed, refused


def _put(inside: Any, change: Change) -> str:
    """Set one value; what is in the way, empty when nothing was."""
    *above, last = change.place
    for part in above:
        if isinstance(inside, dict) and not isinstance(inside.get(part), dict | list):
            inside[part] = {}  # the key is not in the file, or empty, or a value that the policy will not take there
        problem = _in_the_way(inside, part)
        if problem:
            return problem
        if isinstance(inside[part], str) and change.place[:2] == ("fleet", "nodes"):
            inside[part] = {"url": inside[part]}  # the short form of a node
        inside = inside[part]
    problem = _in_the_way(inside, last)
    if not problem:
        inside[last] = change.value
    return problem


def _in_the_way(inside: Any, part: str | int) -> str:
    if isinstance(inside, list):
        there = f"{len(inside)} entries, counted from 0"
        return "" if isinstance(part, int) and part < len(inside) else f"the list above has {there}"
    if not isinstance(inside, dict):
        return f"{inside!r} stands there, which has no keys; give the whole value"
    if isinstance(part, int):
        return f"there is no list in the file that {part} could count in; give the whole list, as in slos=[...]"
    return ""
