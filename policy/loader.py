"""YAML -> Policy: every problem of a file at once, each with its line and the key it speaks of.

Together with `policy.key_files` the only module of this room that reads files.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from policy import changes, messages, yaml_text
from policy.changes import Change
from policy.model import Policy
from policy.yaml_text import Place

MOST_BYTES = 1024**2
DEFAULTS = "built-in defaults"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend. `line` counts from 1, 0 where there is none; `path` is the dotted key, empty for the whole file."""

    file: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class PolicyError(Exception):
    """The policy cannot be used. `problems` has all of them; the text has one a line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(frozen=True)
class Loaded:
    """A policy and where each of its keys stands. `file` is "built-in defaults" where no file was read."""

    policy: Policy
    file: str
    lines: Mapping[Place, int] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether it says nothing: a file without keys, or none at all."""
        return not any(self.lines)

    def problem(self, path: str, message: str) -> Problem:
        """A problem found after loading, placed on the line of its key."""
        return Problem(self.file, _line_of(self.lines, messages.split(path)), path, message)


def load(path: Path | None, changed: tuple[Change, ...] = ()) -> Loaded:
    """Read a policy file; None gives the built-in defaults. PolicyError with all problems when it cannot be used.

    `changed` are values in place of those of the file, as `--set` gives them.
    """
    if path is None:
        return parse("", DEFAULTS, Path.cwd(), changed)
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        hint = "; `cachewatch init` writes a starter file" if isinstance(error, FileNotFoundError) else ""
        raise PolicyError([Problem(str(path), 0, "", f"cannot be read: {error.strerror}{hint}")]) from error
    # Not resolved: behind a link that is turned over at each update the secrets stand beside the link.
    return parse(_decode(raw, str(path)), str(path), path.absolute().parent, changed)


def _decode(raw: bytes, file: str) -> str:
    if len(raw) > MOST_BYTES:
        raise PolicyError([Problem(file, 0, "", "is larger than 1 MiB; is it a policy?")])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise PolicyError([Problem(file, line, "", "is not UTF-8 text; save it as UTF-8")]) from error


def parse(text: str, file: str, base: Path, changed: tuple[Change, ...] = ()) -> Loaded:
    """Turn YAML text into a policy; relative secret files are sought below `base`."""
    try:
        document = yaml_text.read(text)
    except yaml_text.NotYaml as error:
        raise PolicyError([Problem(file, error.line, "", error.message)]) from error
    if not isinstance(document.data, dict | None):
        raise PolicyError([Problem(file, 1, "", "must be a mapping, as in `fleet: {name: prod-cache}`")])
    data, refused = changes.apply(document.data or {}, changed)
    blank = dict(_blank(data))
    policy, errors = _validate(_without(data, blank), base)
    errors = [error for error in errors if error["loc"] not in blank]  # those it would miss are said to be empty
    told = [*refused, *blank.items(), *(told for error in errors for told in messages.explain(error))]
    found = [(place, _line_of(document.lines, place), message) for place, message in told]
    found += [(place, line, "stands here a second time; keep one") for place, line in document.repeated]
    if policy is None or found:
        problems = {
            Problem("--set", 0, messages.dotted(place), message)
            if _brought_in(place, changed, document.lines)
            else Problem(file, line, messages.dotted(place), message)
            for place, line, message in found
        }
        raise PolicyError(sorted(problems, key=lambda p: (p.line, p.path, p.message)))
    return Loaded(policy, file, document.lines)


def _blank(value: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Keys without a value, and what is said of each."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inside in items:
        here = (*place, key)
        if inside is None and isinstance(value, dict):
            said = messages.blank(here)
            if said is not None:
                yield here, said
        yield from _blank(inside, here)


def _brought_in(place: Place, changed: tuple[Change, ...], lines: Mapping[Place, int]) -> bool:
    """Whether a change put the value there, or made a key on the way to it that the file does not have."""
    for change in changed:
        if place[: len(change.place)] == change.place:
            return True
        if place not in lines and change.place[: len(place)] == place:
            return True
    return False


def _validate(data: dict[str, Any], base: Path) -> tuple[Policy | None, list[ErrorDetails]]:
    """The policy, or None and everything that is wrong.

    Checks over several keys of a mapping only run when each key is fine. An unknown key says nothing about the others:
    they are looked at once more without it, or its author would learn of the next problem only when it is mended.
    """
    try:
        return Policy.model_validate(data, context={"base": base}), []
    except ValidationError as error:
        errors = error.errors(include_url=False)
    unknown = [error["loc"] for error in errors if error["type"] == "extra_forbidden"]
    if unknown:
        errors += _validate(_without(data, unknown), base)[1]
    return None, errors


def _without(data: dict[str, Any], places: Iterable[Place]) -> dict[str, Any]:
    left = copy.deepcopy(data)
    for place in places:
        inside: Any = left
        for part in place[:-1]:
            inside = inside[part]
        del inside[place[-1]]
    return left


def _line_of(lines: Mapping[Place, int], place: Place) -> int:
    """The line of the key, else of the nearest key above it that the file has."""
    return next((lines[place[:end]] for end in range(len(place), -1, -1) if place[:end] in lines), 0)
