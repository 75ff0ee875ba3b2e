"""Nothing that an operator sets or reads is without a word in the documents."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from alerts.notifier.counters import Counters
from exporter.own_metrics import OwnMetrics
from policy.metrics import SLI
from policy.model import Policy
from tests.house.tree import ROOT

DOCS = ROOT / "docs"
_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
# prometheus_client tells when each counter began, too.
_FAMILY = re.compile(r"^# TYPE (cachewatch_\w+(?<!_created)) ", re.MULTILINE)


def code(text: str) -> str:
    """All that a text sets as code."""
    return "\n".join(_CODE.findall(text))


def sections(path: Path) -> dict[str, str]:
    """The parts of a page by their heading, each with what is below it."""
    parts = re.split(r"^## (.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models of the policy in an annotation, as in `tuple[Node, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models(inner)


def keys(model: type[BaseModel]) -> Iterator[str]:
    """The names of all keys in a model and below it."""
    for name, field in model.model_fields.items():
        yield field.alias or name
        for below in models(field.annotation):
            yield from keys(below)


SECTIONS = {name: next(models(field.annotation)) for name, field in Policy.model_fields.items()}
METRICS = [
    *(metric.name for metric in SLI),
    *_FAMILY.findall(OwnMetrics(lambda: 0).text().decode()),
    *_FAMILY.findall(Counters().exposition(0)),
]


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_of_the_policy_is_documented(section: str) -> None:
    page = sections(DOCS / "configure.md")
    told = code("".join(text for heading, text in page.items() if section in heading.split(", ")))
    told += code((DOCS / "slos.md").read_text(encoding="utf-8")) if section == "slos" else ""
    assert [key for key in keys(SECTIONS[section]) if not re.search(rf"\b{key}\b", told)] == []


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_of_our_own_is_documented(name: str) -> None:
    told = "".join(code(path.read_text(encoding="utf-8")) for path in DOCS.glob("*.md"))
    assert re.search(rf"\b{name}\b", told), "give it a row in docs/operate.md"
