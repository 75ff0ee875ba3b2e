"""Alert quality, end to end: real faults and harmless events on a real fleet, and who was told what, when.

Waits and windows are a fifteenth of the default's, thresholds are the default's; see `hurry`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.alert_quality import report
from bench.alert_quality.lab import Lab, Where
from bench.alert_quality.play import WATCH, play
from bench.alert_quality.scenario import Scenario
from bench.alert_quality.scenarios import SCENARIOS
from bench.alert_quality.score import Outcome, score
from bench.figures import as_json, table


def measure(console: Console, only: Iterable[str] = (), watch: float = WATCH) -> dict[str, Any]:
    """Play the scenarios named, or all, in their order; print a table and return its figures.

    A harmless event is watched for `watch` seconds.
    """
    chosen = [SCENARIOS[name] for name in only] or list(SCENARIOS.values())
    outcomes = list(_played(chosen, console, watch))
    found = report.figures(score(outcomes))
    console.print(report.table(outcomes))
    console.print(table("over all scenarios", found))
    if not only:
        console.print(f"not provoked here: {', '.join(report.unprovoked(outcomes)) or 'none'}", highlight=False)
    return {"figures": as_json(found), "scenarios": report.as_json(outcomes), "markdown": report.markdown(outcomes)}


def _played(chosen: Iterable[Scenario], console: Console, watch: float) -> Iterator[Outcome]:
    by_lab: dict[Where, list[Scenario]] = {}
    for scenario in chosen:
        by_lab.setdefault(scenario.where, []).append(scenario)
    for where, left in by_lab.items():
        while left:
            left[:] = yield from _in_one_lab(where, tuple(left), console, watch)


def _in_one_lab(
    where: Where, scenarios: Sequence[Scenario], console: Console, watch: float
) -> Generator[Outcome, None, Sequence[Scenario]]:
    """Play until the lab does not come to rest; give what is left for another one."""
    with tempfile.TemporaryDirectory(prefix="cachewatch-bench-") as folder, ExitStack() as stack:
        lab = Lab(Path(folder) / where, stack, console, where)
        for number, scenario in enumerate(scenarios, start=1):
            outcome = play(lab, scenario, watch)
            console.print(report.line(outcome), highlight=False, soft_wrap=True)
            yield outcome
            if not outcome.quiet:
                return scenarios[number:]
    return ()
