"""Families -> Prometheus text. Pure; refuses what the catalogue does not declare."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from exporter.forms import END, NUMBER, OWN, Block
from policy.metrics import CATALOGUE, Metric, declared

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Labels = tuple[tuple[str, str], ...]
# What forms use is no text that anybody reads.
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", **dict.fromkeys((OWN, NUMBER, END), "\ufffd")})


class Undeclared(Exception):
    """A sample that policy.metrics does not declare."""


class Sample(NamedTuple):
    """One line of the page. `suffix` is "", "_bucket", "_sum" or "_count"; `value` is the text of a number."""

    metric: Metric
    labels: Labels
    value: str
    suffix: str = ""


@lru_cache(maxsize=1 << 14)
def escaped(text: str) -> str:
    """A label's value as it stands between quotes."""
    return text.translate(_ESCAPES)


def label_text(labels: Labels) -> str:
    """`{a="b",c="d"}`, empty labels left out as Prometheus does; "" where none is left."""
    inner = inner_text(labels)
    return f"{{{inner}}}" if inner else ""


@lru_cache(maxsize=1 << 14)
def inner_text(labels: Labels) -> str:
    """The labels without the braces."""
    return ",".join(f'{name}="{escaped(value)}"' for name, value in labels if value)


def lines_of(samples: Iterable[Sample]) -> Block:
    """Samples as lines. Undeclared when one is of no family of the catalogue."""
    made = [(_checked(sample).metric.name, _line(sample)) for sample in samples]
    return Block(tuple(name for name, _ in made), [line for _, line in made])


def families(blocks: Iterable[Block]) -> Iterator[list[str]]:
    """Each family's texts, HELP and TYPE first, in the order in which families first came. Undeclared."""
    alike: dict[tuple[str, ...], list[Sequence[str]]] = {}
    for names, texts in blocks:
        alike.setdefault(names, []).append(texts)
    found: dict[str, list[str]] = {}
    for names, rows in alike.items():
        # By columns: a family of all nodes alike is one step, not one for each node.
        for name, column in zip(names, zip(*rows, strict=True), strict=True):
            if name not in found:
                found[name] = [_head(name)]
            found[name] += column
    return iter(found.values())


def render(blocks: Iterable[Block]) -> str:
    """The page: each family once."""
    return "".join(chain.from_iterable(families(blocks)))


def _checked(sample: Sample) -> Sample:
    if CATALOGUE.get(sample.metric.name) is not sample.metric:
        raise Undeclared(f"{sample.metric.name} is not declared in policy/metrics.py")
    return sample


def _line(sample: Sample) -> str:
    return f"{sample.metric.name}{sample.suffix}{label_text(sample.labels)} {sample.value}\n"


@lru_cache(maxsize=1 << 12)
def _head(name: str) -> str:
    metric = declared(name)
    if metric is None:
        raise Undeclared(f"{name} is not declared in policy/metrics.py")
    help_text = metric.help.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {help_text}\n# TYPE {name} {metric.kind}\n"
