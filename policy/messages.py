"""pydantic's errors -> what the person who wrote the file reads. Pure.

A value is shown only where no password can stand: somebody will write one in the wrong place, and messages end up in logs.
"""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from policy.model import Policy
from policy.yaml_text import Place

_WORDS = {
    "missing": "is missing",
    "string_type": "must be text, not {got}",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "is not the name of an environment variable; write it without $, as in CACHE_PASSWORD",
    "path_type": "must be the name of a file, not {got}",
    "bool_type": "must be true or false, not {got}",
    "int_type": "must be a whole number, not {got}",
    "tuple_type": "must be a list, as in [a, b], not {got}",
    "model_type": "must be a mapping, as in {{key: value}}, not {got}",
    "too_short": "must have at least one entry",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}, not {got}",
}


def explain(detail: ErrorDetails) -> Iterator[tuple[Place, str]]:
    """The places and messages of one error: one, or several where a check over several keys found several faults."""
    place: Place = detail["loc"]
    if detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]:
        return  # pydantic counts the sound entries; each of the others has an error of its own
    if detail["type"] == "policy":
        for at, message in detail["ctx"]["faults"]:
            yield (*place, *split(at)), message
    else:
        yield place, _message(detail, place)


def split(dotted: str) -> Place:
    """`slos.0.name` as a place."""
    return tuple(int(part) if part.isdigit() else part for part in dotted.split(".") if part)


def dotted(place: Place) -> str:
    """A place as a person reads it; what is not printable stays on its line."""
    return ".".join(part if isinstance(part, str) and part.isprintable() and part else repr(part) for part in place)


def _message(detail: ErrorDetails, place: Place) -> str:
    kind = detail["type"]
    if kind == "extra_forbidden":
        return _unknown_key(place)
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    if kind.endswith("_type") and detail["input"] is None:
        return _empty(kind)
    return _WORDS[kind].format_map({**detail.get("ctx", {}), "got": _shown(detail["input"], kind)})


def _empty(kind: str) -> str:
    if kind == "model_type":
        return "is empty; write the keys below it, or leave it out"
    return "is empty; write a value, or leave it out (a text that begins with # needs quotes)"


def _shown(value: object, kind: str) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return repr(value) if kind in ("int_type", "literal_error") else "text"
    number = str(value).lower() if isinstance(value, bool) else str(value)
    return f"{number}; put it in quotes" if kind in ("string_type", "path_type") else number


def _unknown_key(place: Place) -> str:
    known = _keys_at(place[:-1])
    near = difflib.get_close_matches(str(place[-1]), known, n=1)
    return f"unknown key; did you mean {near[0]}?" if near else f"unknown key; known here: {', '.join(known)}"


def blank(place: Place) -> str | None:
    """What is said of a key without a value, None where no such key is known.

    To take it for the default would be wrong: `tls:` whose keys are commented out would be no TLS, and `sentinel:` cut off
    behind it another fleet.
    """
    model: type[BaseModel] | None = Policy
    annotation: Any = None
    for part in place:
        if isinstance(part, str):
            found = None if model is None else _field(model, part)
            if found is None:
                return None
            annotation = found.annotation
            model = next(_models_in(annotation), None)
    return _empty("model_type" if next(_models_in(annotation), None) else "string_type")


def _field(model: type[BaseModel], key: str) -> FieldInfo | None:
    return next((f for name, f in model.model_fields.items() if (f.alias or name) == key), None)


def _keys_at(place: Place) -> list[str]:
    """The keys that the model at this place knows, as they are written in the file."""
    model: type[BaseModel] = Policy
    for part in place:
        if isinstance(part, str):
            found = _field(model, part)
            model = next(_models_in(found.annotation if found else None), model)
    return [f.alias or name for name, f in model.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation speaks of, as in `tuple[Node, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _models_in(part)
