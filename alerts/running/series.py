"""The series of a page of metrics (Prometheus' text format), as far as a check looks for one of them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_LABEL = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)="((?:\\.|[^"\\])*)"')
_ESCAPE = re.compile(r"\\(.)")


def samples(page: str, name: str) -> Iterator[tuple[Mapping[str, str], str]]:
    """The labels, none or some, and the value, as text, of each sample of a series."""
    for line in page.split("\n"):
        if line.startswith((f"{name}{{", f"{name} ")):
            inside, _, behind = line.removeprefix(name).rpartition("}")
            yield {label: _ESCAPE.sub(_plain, text) for label, text in _LABEL.findall(inside)}, behind.strip()


def _plain(escape: re.Match[str]) -> str:
    return {"n": "\n"}.get(escape[1], escape[1])
