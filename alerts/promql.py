"""Text that goes into PromQL, Go templates, Markdown and shell lines, quoted so that it stays text. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import timedelta

from policy.units import duration_text


def quote(text: str) -> str:
    """A PromQL string literal. JSON's escapes are a subset of Go's, which PromQL reads."""
    return json.dumps(text, ensure_ascii=False)


def matched(text: str) -> str:
    """The value of an Alertmanager matcher, which knows three escapes (its pkg/labels, ParseMatcher)."""
    for raw, escape in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n")):
        text = text.replace(raw, escape)
    return f'"{text}"'


def selector(metric: str, **labels: str) -> str:
    """`metric{label="value",...}`, the labels in the order given; a label whose value is empty is left out."""
    inside = ",".join(f"{name}={quote(value)}" for name, value in labels.items() if value)
    return f"{metric}{{{inside}}}" if inside else metric


def narrowed(series: str, matcher: str) -> str:
    """A selector that has matchers, with one more."""
    return f"{series.removesuffix('}')},{matcher}}}"


def one_of(values: Iterable[str]) -> str:
    """The quoted regular expression of a `=~` that matches exactly these values."""
    return quote("|".join(re.escape(value) for value in values))


def template_text(text: str) -> str:
    """Text as Prometheus' and Alertmanager's Go templates print it.

    Each opening brace alone is printed by an action of its own: `{{` would begin one, and so would a `{` at the end of
    the text before an action of ours.
    """
    return text.replace("{", '{{"{"}}')


def milliseconds(duration: timedelta) -> int:
    """Whole milliseconds, rounded up: Prometheus knows nothing finer, and a wait must not become 0."""
    return -(-duration // timedelta(milliseconds=1))


def span(milliseconds_: int) -> str:
    """Milliseconds as Prometheus writes a duration: `1m30s`, `0s`."""
    return duration_text(timedelta(milliseconds=milliseconds_))


def duration(value: timedelta) -> str:
    """A duration of the policy as Prometheus and Alertmanager read it."""
    return span(milliseconds(value))


def markdown_code(text: str) -> str:
    """An inline code span in Markdown, whatever the text holds; control characters as escapes."""
    shown = text if text.isprintable() else quote(text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    pad = " " if len(fence) > 1 else ""
    return f"{fence}{pad}{shown}{pad}{fence}"
