"""What was measured beside what is wanted: a table for people and JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One measured number; `most` is what is wanted of it, None where nothing is. `digits` stand behind the point."""

    key: str
    name: str
    value: float
    unit: str
    most: float | None = None
    digits: int = 1

    @property
    def kept(self) -> bool | None:
        """Whether the number is as wanted, None where nothing is."""
        return None if self.most is None else self.value <= self.most


@dataclass(frozen=True)
class Versus:
    """The same cost, of ours and of the peer; `most` is what is wanted of ours over the peer's."""

    key: str
    name: str
    ours: float
    peer: float
    most: float

    @property
    def ratio(self) -> float:
        """Ours over the peer's; infinite where the peer's could not be told from nothing."""
        return self.ours / self.peer if self.peer > 0 else float("inf")

    @property
    def kept(self) -> bool:
        """Whether the ratio is as wanted."""
        return self.ratio <= self.most


def table(title: str, figures: Iterable[Figure]) -> Table:
    """The figures, one a line."""
    found = Table("figure", "measured", "wanted", "", title=title)
    for figure in figures:
        wanted = "" if figure.most is None else f"<= {figure.most:g} {figure.unit}"
        found.add_row(figure.name, f"{figure.value:.{figure.digits}f} {figure.unit}", wanted, _word(figure.kept))
    return found


def as_json(figures: Iterable[Figure]) -> dict[str, Any]:
    """The figures by key."""
    return {f.key: {"value": f.value, "unit": f.unit, "wanted": f.most, "kept": f.kept} for f in figures}


def versus_table(title: str, unit: str, rows: Iterable[Versus]) -> Table:
    """The comparisons, one a line."""
    found = Table(unit, "Cachewatch", "redis_exporter", "ratio", "wanted", "", title=title)
    for row in rows:
        ratio = f"1/{1 / row.ratio:.1f}" if 0 < row.ratio < 1 else f"{row.ratio:.1f}"
        found.add_row(row.name, f"{row.ours:.3f}", f"{row.peer:.3f}", ratio, f"1/{1 / row.most:g}", _word(row.kept))
    return found


def versus_json(rows: Iterable[Versus]) -> dict[str, Any]:
    """The comparisons by key."""
    return {r.key: {"ours": r.ours, "peer": r.peer, "ratio": r.ratio, "wanted": r.most, "kept": r.kept} for r in rows}


def _word(kept: bool | None) -> str:
    return "" if kept is None else "[green]kept[/]" if kept else "[red]missed[/]"
