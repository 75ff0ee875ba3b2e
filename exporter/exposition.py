"""Families -> Prometheus text. Pure; refuses what the catalogue does not declare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from policy.metrics import CATALOGUE, Metric, declared

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Labels = tuple[tuple[str, str], ...]
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Undeclared(Exception):
    """A sample that policy.metrics does not declare."""


class Sample(NamedTuple):  # made by the thousand for every page: a tuple is the quickest record
    """One line of the page. `suffix` is "", "_bucket", "_sum" or "_count"; `value` is the text of a number."""

    metric: Metric
    labels: Labels
    value: str
    suffix: str = ""


Texts = Mapping[str, str]
"""Lines that are written already, by family."""


@lru_cache(maxsize=1 << 16)
def escaped(text: str) -> str:
    """A label's value as it stands between quotes."""
    return text.translate(_ESCAPES)


@lru_cache(maxsize=1 << 16)  # the same few thousand label sets stand on every page: half of what a page costs
def label_text(labels: Labels) -> str:
    """`{a="b",c="d"}`, empty labels left out as Prometheus does; "" where none is left."""
    inner = inner_text(labels)
    return f"{{{inner}}}" if inner else ""


@lru_cache(maxsize=1 << 14)
def inner_text(labels: Labels) -> str:
    """The labels without the braces."""
    return ",".join(f'{name}="{escaped(value)}"' for name, value in labels if value)


def render(samples: Iterable[Sample | Texts]) -> str:
    """The page: each family once, with HELP and TYPE, in the order in which families first came."""
    families: dict[str, list[str]] = {}
    for sample in samples:
        texts = {_checked(sample).metric.name: _line(sample)} if isinstance(sample, Sample) else sample
        for name, text in texts.items():
            if name in families:
                families[name].append(text)
            else:
                families[name] = [_head(name), text]
    return "".join("".join(lines) for lines in families.values())


def _checked(sample: Sample) -> Sample:
    if CATALOGUE.get(sample.metric.name) is not sample.metric:
        raise Undeclared(f"{sample.metric.name} is not declared in policy/metrics.py")
    return sample


def _line(sample: Sample) -> str:
    return f"{sample.metric.name}{sample.suffix}{label_text(sample.labels)} {sample.value}\n"


def _head(name: str) -> str:
    metric = declared(name)
    if metric is None:
        raise Undeclared(f"{name} is not declared in policy/metrics.py")
    help_text = metric.help.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {help_text}\n# TYPE {name} {metric.kind}\n"
