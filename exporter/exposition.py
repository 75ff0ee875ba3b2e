"""Families -> Prometheus text. Pure; refuses what the catalogue does not declare."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from policy.metrics import CATALOGUE, Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Labels = tuple[tuple[str, str], ...]
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Undeclared(Exception):
    """A sample that policy.metrics does not declare."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of the page. `suffix` is "", "_bucket", "_sum" or "_count"; `value` is the text of a number."""

    metric: Metric
    labels: Labels
    value: str
    suffix: str = ""


@lru_cache(maxsize=1 << 16)  # the same few thousand label sets stand on every page: half of what a page costs
def label_text(labels: Labels) -> str:
    """`{a="b",c="d"}`, empty labels left out as Prometheus does; "" where none is left."""
    inner = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels if value)
    return f"{{{inner}}}" if inner else ""


def render(samples: Iterable[Sample]) -> str:
    """The page: each family once, with HELP and TYPE, in the order in which families first came."""
    families: dict[str, list[Sample]] = {}
    for sample in samples:
        if CATALOGUE.get(sample.metric.name) is not sample.metric:
            raise Undeclared(f"{sample.metric.name} is not declared in policy/metrics.py")
        families.setdefault(sample.metric.name, []).append(sample)
    return "".join(line for group in families.values() for line in _family(group))


def _family(group: list[Sample]) -> Iterator[str]:
    metric = group[0].metric
    help_text = metric.help.replace("\\", r"\\").replace("\n", r"\n")
    yield f"# HELP {metric.name} {help_text}\n# TYPE {metric.name} {metric.kind}\n"
    for sample in group:
        yield f"{metric.name}{sample.suffix}{label_text(sample.labels)} {sample.value}\n"
