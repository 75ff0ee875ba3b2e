"""YAML text -> plain values, the line of each key, and the keys that stand twice. Pure.

PyYAML only finds the structure; scalars are read here, by YAML 1.2's few rules. Those of 1.1 turn `on` into true, `12:30`
into 750, `1_000` into 1000 and `010` into 8, and a message could not say any more what stands in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from policy import yaml_cures

Place = tuple[str | int, ...]
MOST_VALUES = 200_000

_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(?:[0-9]{1,18}\.[0-9]{0,18}|\.[0-9]{1,18})")
_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map")}


class NotYaml(Exception):
    """The text cannot be read. `line` counts from 1, 0 where there is none; `message` follows "FILE:LINE: "."""

    def __init__(self, line: int, message: str) -> None:
        self.line = line
        self.message = message
        super().__init__(message)


@dataclass(frozen=True)
class Document:
    """What the text says. `repeated` are the keys that stand a second time, each with the line of that second time."""

    data: Any
    lines: Mapping[Place, int]
    repeated: tuple[tuple[Place, int], ...]


def is_text(text: str) -> bool:
    """Whether a text can be written as UTF-8: an escape can make half a character, which no page could show."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def read(text: str) -> Document:
    """Read one YAML document; NotYaml when it is none, or one that no person wrote (endless aliases, a tower of brackets)."""
    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
        walk = _Walk()
        data = None if root is None else walk.value(root, ())
    except yaml.MarkedYAMLError as error:
        raise NotYaml(*yaml_cures.told(_complaint(error))) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise NotYaml(line, f"is not YAML: the character U+{int(error.character):04X} is not allowed") from error
    except RecursionError:
        raise NotYaml(0, "is nested too deeply") from None
    return Document(data, walk.lines, tuple(walk.repeated))


def _complaint(error: yaml.MarkedYAMLError) -> yaml_cures.Complaint:
    began, met = (mark.line + 1 if mark else 0 for mark in (error.context_mark, error.problem_mark))
    return yaml_cures.Complaint(error.context or "", began, error.problem or "", met)


class _Walk:
    """One walk over the nodes of a document; an alias is walked again at each place it stands."""

    def __init__(self) -> None:
        self.lines: dict[Place, int] = {}
        self.repeated: list[tuple[Place, int]] = []
        self._inside: set[int] = set()
        self._count = 0

    def value(self, node: yaml.Node, place: Place) -> Any:
        """The plain value of a node; notes the lines of all keys in it."""
        self._check(node)
        self.lines.setdefault(place, _line(node))
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        self._inside.add(id(node))
        found = self._mapping(node, place) if isinstance(node, yaml.MappingNode) else self._sequence(node, place)
        self._inside.remove(id(node))
        return found

    def _check(self, node: yaml.Node) -> None:
        self._count += 1
        if self._count > MOST_VALUES:
            raise NotYaml(0, f"unfolds to more than {MOST_VALUES} values; use fewer aliases")
        if id(node) in self._inside:
            raise NotYaml(_line(node), "holds an alias of itself here")
        if node.tag not in _PLAIN_TAGS:
            raise NotYaml(_line(node), f"has the tag {node.tag!r} here; write the value without a tag")

    def _sequence(self, node: yaml.Node, place: Place) -> list[Any]:
        return [self.value(item, (*place, index)) for index, item in enumerate(node.value)]

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for part in _merged_parts(node):
            merged = {**self.value(part, place), **merged}
        own: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise NotYaml(_line(key), "has a list or a mapping as a key here; a key is a word")
            if _is_merge(key):
                continue
            _scalar(key)
            here = (*place, key.value)
            if key.value in own:
                self.repeated.append((here, _line(key)))
            self.lines[here] = _line(key)
            own[key.value] = self.value(value, here)
        return {**merged, **own}


def _line(node: yaml.Node) -> int:
    line: int = node.start_mark.line + 1
    return line


def _is_merge(key: yaml.Node) -> bool:
    return isinstance(key, yaml.ScalarNode) and key.value == "<<" and key.style is None


def _merged_parts(node: yaml.MappingNode) -> Iterator[yaml.MappingNode]:
    """The mappings that `<<` brings in; of two with the same key the first counts."""
    for key, value in node.value:
        if _is_merge(key):
            for part in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                if not isinstance(part, yaml.MappingNode):
                    raise NotYaml(_line(part), "merges something with << that is not a mapping")
                yield part


def _scalar(node: yaml.ScalarNode) -> str | int | float | bool | None:
    text: str = node.value
    if not is_text(text):
        raise NotYaml(_line(node), "has half a character here (a surrogate, as \\ud800); write the character itself")
    if node.style is not None:  # quoted, or a block
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
