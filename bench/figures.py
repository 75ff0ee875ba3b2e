"""What was measured beside what is wanted: a table for people and JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One measured number; it should be `most` at most, or `least` at least. `digits` stand behind the point."""

    key: str
    name: str
    value: float
    unit: str
    most: float | None = None
    digits: int = 1
    least: float | None = None

    @property
    def kept(self) -> bool | None:
        """Whether the number is as wanted, None where nothing is."""
        if self.most is None and self.least is None:
            return None
        return (self.most is None or self.value <= self.most) and (self.least is None or self.value >= self.least)

    @property
    def wanted(self) -> str:
        """What is wanted, in words; empty where nothing is."""
        bounds = ((">=", self.least), ("<=", self.most))
        return ", ".join(f"{sign} {bound:g} {self.unit}".rstrip() for sign, bound in bounds if bound is not None)


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
        found.add_row(
            figure.name, f"{figure.value:.{figure.digits}f} {figure.unit}".rstrip(), figure.wanted, _word(figure.kept)
        )
    return found


def as_json(figures: Iterable[Figure]) -> dict[str, Any]:
    """The figures by key."""
    return {
        f.key: {"value": f.value, "unit": f.unit, "wanted": f.least if f.most is None else f.most, "kept": f.kept}
        for f in figures
    }


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
