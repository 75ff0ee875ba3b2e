"""Families -> Prometheus text. Pure; refuses what the catalogue does not declare."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from exporter.forms import ALONE, END, NUMBER, OWN, Block, Own, labelled
from policy.metrics import CATALOGUE, Metric, declared

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Labels = tuple[tuple[str, str], ...]
# Texts that get their labels at a time: of 500 nodes' at once a page would be in memory twice.
_AT_ONCE = 16
# What forms use is no text that anybody reads.
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", **dict.fromkeys((OWN, ALONE, NUMBER, END), "\ufffd")})


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
    """A label's value as it stands between quotes; what is kept is kept whole, so a server's own words are cut before."""
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
    return Block(tuple(name for name, _ in made), [line.encode() for _, line in made])


def families(blocks: Iterable[Block], begun: set[str] | None = None) -> Iterator[Sequence[bytes]]:
    """The texts, some at a time: each family's HELP and TYPE, then its lines; families as they first came. Undeclared.

    `begun` are the families whose HELP and TYPE stand on the page already; those that begin here are added to it.
    """
    begun = set() if begun is None else begun
    alike: dict[tuple[str, ...], list[Block]] = {}
    for block in blocks:
        alike.setdefault(block.families, []).append(block)
    found: dict[str, list[Column]] = {}
    for names, rows in alike.items():
        owns = None if rows[0].own is None else [row.own or Own() for row in rows]
        # By columns: a family of all nodes alike is one step, not one for each node.
        for name, texts in zip(names, zip(*[row.texts for row in rows], strict=True), strict=True):
            if name not in begun:
                begun.add(name)
                found[name] = [((_head(name),), None)]
            found.setdefault(name, []).append((texts, owns))
    return chain.from_iterable(_written(*column) for columns in found.values() for column in columns)


Column = tuple[Sequence[bytes], list[Own] | None]
"""A family's texts of several nodes, and the labels that each is yet to get."""


def _written(texts: Sequence[bytes], owns: list[Own] | None) -> Iterator[Sequence[bytes]]:
    if owns is None:
        yield texts
        return
    for at in range(0, len(texts), _AT_ONCE):
        yield [labelled(*one) for one in zip(texts[at : at + _AT_ONCE], owns[at : at + _AT_ONCE], strict=True)]


def render(blocks: Iterable[Block]) -> bytes:
    """The page: each family once."""
    found = list(blocks)
    names = list(chain.from_iterable([block.families for block in found]))
    if len(set(names)) < len(names):
        return b"".join(chain.from_iterable(families(found)))
    # Of one node: no family comes twice, so a block is written as it is, and its labels are put in once.
    return b"".join([_whole(block) for block in found])


def _whole(block: Block) -> bytes:
    text = b"".join(chain.from_iterable(zip(_heads(block.families), block.texts, strict=True)))
    return text if block.own is None else labelled(text, block.own)


@lru_cache(maxsize=256)
def _heads(names: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(map(_head, names))


def _checked(sample: Sample) -> Sample:
    if CATALOGUE.get(sample.metric.name) is not sample.metric:
        raise Undeclared(f"{sample.metric.name} is not declared in policy/metrics.py")
    return sample


def _line(sample: Sample) -> str:
    return f"{sample.metric.name}{sample.suffix}{label_text(sample.labels)} {sample.value}\n"


@lru_cache(maxsize=1 << 12)
def _head(name: str) -> bytes:
    metric = declared(name)
    if metric is None:
        raise Undeclared(f"{name} is not declared in policy/metrics.py")
    help_text = metric.help.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {help_text}\n# TYPE {name} {metric.kind}\n".encode()
