"""What a part of an Alertmanager's configuration means, however it is written: as built, or as the server prints it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from policy.units import parse_duration

_SECRET = "<secret>"  # noqa: S105  # what Alertmanager prints in place of one
_MATCHER = re.compile(r'([^\s=~!"]+|"(?:\\.|[^"\\])*")\s*(=~|!~|!=|=)\s*(.*)', re.DOTALL)
_ESCAPES = {'\\"': '"', "\\\\": "\\", "\\n": "\n"}
_DURATIONS = ("group_wait", "group_interval", "repeat_interval")
# All matchers must match, whatever their order.
_UNORDERED = ("equal", "group_by")
# What it fills in where nothing stands, beside what is empty or false.
_FILLED = (("follow_redirects", True), ("enable_http2", True), ("type", "Bearer"))


def meaning(value: Any, key: str = "") -> Any:
    """A value under a key, in a form in which what means the same is equal."""
    if isinstance(value, Mapping):
        return {str(name): meaning(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        inside = [matcher(str(one)) if key.endswith("matchers") else meaning(one) for one in value]
        return sorted(inside, key=repr) if key.endswith("matchers") or key in _UNORDERED else inside
    if key in _DURATIONS:
        try:
            return parse_duration(value)
        except ValueError:
            return value
    return value


def matcher(text: str) -> tuple[str, str, str]:
    """Label, operator and value of a matcher; of one that cannot be read the text."""
    found = _MATCHER.fullmatch(text.strip())
    return (_unquoted(found[1]), found[2], _unquoted(found[3])) if found else (text, "", "")


def _unquoted(text: str) -> str:
    if len(text) < 2 or not text[0] == text[-1] == '"':
        return text
    return re.sub(r'\\[\\"n]', lambda escape: _ESCAPES[escape[0]], text[1:-1])


def differences(built: Any, loaded: Any, *, strict: bool = False, at: str = "") -> Iterator[str]:
    """The keys, dotted, in which what is loaded is not what is built, both given as `meaning` gives them.

    Of a masked secret nothing is known. `strict` minds what is loaded beside what is built, unless it says nothing: of a receiver
    that is filled in, and its login (`http_config`) is minded only.
    """
    if isinstance(built, Mapping) and isinstance(loaded, Mapping):
        for key in dict.fromkeys((*built, *loaded)):
            minded = strict or key == "http_config"
            if key in built or minded:
                yield from _of_key(key, built, loaded, minded, f"{at}.{key}" if at else str(key))
    elif isinstance(built, list) and isinstance(loaded, list) and len(built) == len(loaded):
        for one, other in zip(built, loaded, strict=True):
            yield from differences(one, other, strict=strict, at=at)
    elif built != loaded and loaded != _SECRET:
        yield at


def _of_key(key: str, built: Mapping[str, Any], loaded: Mapping[str, Any], strict: bool, at: str) -> Iterator[str]:
    one, other = built.get(key), loaded.get(key)
    if isinstance(other, Mapping):
        yield from differences({} if one is None else one, other, strict=strict, at=at)
    elif (one or other) and not (one is None and (key, other) in _FILLED):
        yield from differences(one, other, strict=strict, at=at)
