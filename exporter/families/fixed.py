"""The fields of INFO that have a family each: most of a node's families, and all of its numbers in one call. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter

from exporter import info
from exporter.families.write import WORDS, Lines, line
from exporter.forms import Block, Form, Own, slot
from exporter.layout import Fields, Layout
from policy.metrics_redis import REDIS_ROWS

_FAMILIES = {field: name for field, name, *_ in REDIS_ROWS}
Pick = Callable[[tuple[str, ...]], tuple[str, ...]]


def numbers(own: Own, fields: Mapping[str, str]) -> Block:
    """The lines of all fields that hold numbers."""
    if isinstance(fields, Fields):
        form, pick = _columns(fields.layout)
        return form.filled(own, pick(fields.groups))
    found = {field: text for field in _FAMILIES if (text := info.number(fields, field)) is not None}
    return _form(tuple(found)).filled(own, tuple(found.values()))


def words(fields: Mapping[str, str]) -> Lines:
    """The lines of fields that hold one of Redis' words, as ok or err."""
    for field in worded(fields.layout) if isinstance(fields, Fields) else _FAMILIES:
        if (value := WORDS.get(fields.get(field, ""))) is not None:
            yield _word(field, value)


@lru_cache(maxsize=256)
def _word(field: str, value: str) -> tuple[str, str]:
    return line(_FAMILIES[field], value)


@lru_cache(maxsize=256)
def _form(fields: tuple[str, ...]) -> Form:
    return Form.of((_FAMILIES[field], slot(_FAMILIES[field])) for field in fields)


@lru_cache(maxsize=256)
def _columns(layout: Layout) -> tuple[Form, Pick]:
    fields = tuple(field for field in _FAMILIES if field in layout.numbers)
    return _form(fields), picker([layout.places[field] for field in fields])


def picker(places: Sequence[int]) -> Pick:
    """What takes the values at these places."""
    if len(places) < 2:  # of one place itemgetter gives no tuple, of none it is none
        return lambda values: tuple(values[place] for place in places)
    return itemgetter(*places)


@lru_cache(maxsize=256)
def worded(layout: Layout) -> tuple[str, ...]:
    """The fields of a layout that may hold words and have a family."""
    return tuple(field for field in layout.places if field in _FAMILIES and field not in layout.numbers)
