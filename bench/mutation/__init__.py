"""Whether the rule tests can fail: every mutant of every rule of a policy, and the tests that mind it.

The default policy as `cachewatch build` makes it, without its objectives, whose tests walk through days. `make test` does
the files whose tests are short.
"""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import Progress

from alerts.build import files
from bench import figures
from bench.figures import Figure
from bench.mutation import known
from bench.mutation.mutants import Mutant
from bench.mutation.trials import read, survivors
from policy.model import Policy


def measure(console: Console) -> dict[str, Any]:
    """Change each thing in turn, print what no test minded, and return the figures."""
    built = read(files(Policy.model_validate({"slos": []})))
    count = sum(1 for _ in built.mutants())
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("promtool on every mutant", total=count)
        living = survivors(built, lambda tried: progress.update(task, completed=tried))
    return _result(console, count, living)


def _result(console: Console, count: int, living: list[Mutant]) -> dict[str, Any]:
    unexplained, stale = known.unexplained(living), known.stale(living)
    for mutant in unexplained:
        console.print(f"no test minds {mutant.name}", markup=False, highlight=False, soft_wrap=True)
    for entry in stale:
        console.print(f"no longer needed: {entry.pattern}", markup=False, highlight=False, soft_wrap=True)
    judged = (
        Figure("mutants", "changes of one rule", count, "", digits=0),
        Figure(
            "explained", "that no test can mind, each with its reason", len(living) - len(unexplained), "", digits=0
        ),
        Figure("survivors", "that no test minds", len(unexplained), "", most=0, digits=0),
        Figure("stale", "reasons that no change needs", len(stale), "", most=0, digits=0),
    )
    console.print(figures.table("can the rule tests fail?", judged))
    return {"figures": figures.as_json(judged), "survivors": [mutant.name for mutant in unexplained]}
