"""What happened, as a table for people, Markdown for the documentation, and JSON for programs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table

from bench.alert_quality.score import About, Outcome, Score
from bench.figures import Figure
from policy.alerts import BY_NAME

_HEADINGS = ("what happened", "who was told, after how many seconds", "expected", "")


def table(outcomes: Sequence[Outcome]) -> Table:
    """One line a scenario."""
    found = Table("", *_HEADINGS, title="alert quality, end to end")
    for outcome in outcomes:
        style = "" if outcome.good else "red"
        found.add_row(outcome.name, *_cells(outcome), _verdict(outcome), style=style)
    return found


def markdown(outcomes: Sequence[Outcome]) -> str:
    """The same for docs/alert_quality.md."""
    lines = [f"| scenario | {' | '.join(_HEADINGS)} |", "|---|---|---|---|---|"]
    lines += [f"| `{each.name}` | {' | '.join(_cells(each))} | {_verdict(each)} |" for each in outcomes]
    return "\n".join(lines)


def line(outcome: Outcome) -> str:
    """One scenario as soon as it is over."""
    return f"{outcome.name}: {_cells(outcome)[1]} -> {_verdict(outcome)}"


def _cells(outcome: Outcome) -> tuple[str, str, str]:
    came = "; ".join(_came(outcome)) or "nobody"
    return outcome.what, came, _names(outcome.wanted) or "nothing"


def _came(outcome: Outcome) -> Iterator[str]:
    grouped: dict[str, list[About]] = {}
    for about in sorted(outcome.came, key=outcome.seconds):
        grouped.setdefault(about[0], []).append(about)
    for alert, abouts in grouped.items():
        to = frozenset().union(*map(outcome.told_to, abouts))
        first, late = (" + ".join(sorted(some)) for some in (to - outcome.deaf, to & outcome.deaf))
        times = ", ".join(f"{outcome.seconds(about):.1f}" for about in abouts)
        yield f"{alert} {times} s ({', '.join(filter(None, (first, late and f'when healed {late}')))})"


def _names(abouts: frozenset[About]) -> str:
    names = sorted(alert for alert, _ in abouts)
    return ", ".join(f"{name} x{names.count(name)}" if names.count(name) > 1 else name for name in dict.fromkeys(names))


def _verdict(outcome: Outcome) -> str:
    faults = {
        "missed": _names(outcome.missed),
        "false": _names(outcome.false),
        "twice": _names(frozenset(about for _, about in outcome.twice)),
        "not resolved": ", ".join(each.alert for each in outcome.unresolved) or ("" if outcome.quiet else "not calm"),
    }
    return "; ".join(f"{name}: {what}" for name, what in faults.items() if what) or "as it should"


def figures(score: Score) -> tuple[Figure, ...]:
    """The figures, with what is wanted of them."""
    return (
        Figure("precision", "told that should be, of all told", score.precision, "", least=1.0, digits=3),
        Figure("recall", "told, of all that should be", score.recall, "", least=1.0, digits=3),
        Figure("twice", "told twice, or over before healing", score.twice, "", most=0, digits=0),
        Figure("unresolved", "never resolved after healing", score.unresolved, "", most=0, digits=0),
    )


def unprovoked(outcomes: Sequence[Outcome]) -> list[str]:
    """Alerts of the catalogue that no scenario of the run was to bring about."""
    return sorted(BY_NAME.keys() - {alert for outcome in outcomes for alert, _ in outcome.wanted})


def as_json(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """One object a scenario."""
    return [
        {
            "name": each.name,
            "kind": each.kind,
            "what": each.what,
            "good": each.good,
            "expected": sorted(map(list, each.wanted)),
            "missed": sorted(map(list, each.missed)),
            "false": sorted(map(list, each.false)),
            "twice": sorted([to, *about] for to, about in each.twice),
            "unresolved": sorted({page.alert for page in each.unresolved}),
            "calm_after_healing": each.quiet,
            "healed_after": round(each.healed - each.began, 2),
            "told": [
                {
                    "after": round(one.at - each.began, 2),
                    "to": one.to,
                    "alert": one.alert,
                    "subject": one.subject,
                    "firing": one.firing,
                }
                for one in each.heard
            ],
        }
        for each in outcomes
    ]
