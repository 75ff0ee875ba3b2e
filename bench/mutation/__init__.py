"""Whether the rule tests can fail: every mutant of every rule, and the tests that mind it.

The default policy as `cachewatch build` makes it, and what is other in the rules of a fleet behind Sentinel that is told by
PagerDuty, Slack and a webhook; both without objectives, whose tests walk through days. `make test` does the files whose tests
are short.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from rich.console import Console
from rich.progress import Progress, TaskID

from alerts.build import files
from bench import figures
from bench.figures import Figure
from bench.mutation import known
from bench.mutation.mutants import Mutant, RuleFile
from bench.mutation.trials import Built, read, survivors
from policy.model import Policy

_SENTINEL = {"addresses": ["10.0.0.9:26379"], "masters": ["shard-a", "shard-b"]}
_TOLD = {
    "pagerduty": {"routing_key_file": "/run/secrets/pagerduty"},
    "slack": {"channel": "#cache-alerts", "token_file": "/run/secrets/slack"},
    "webhooks": [{"url": "http://127.0.0.1:9/", "told": "tickets"}],
    "heartbeat": {"url": "http://127.0.0.1:9/"},
}
POLICIES: tuple[dict[str, Any], ...] = ({"slos": []}, {"slos": [], "fleet": {"sentinel": _SENTINEL}, "notify": _TOLD})


def built() -> Iterator[Built]:
    """What is built of each policy: rule files, and the tests that read them, that no policy before it had."""
    seen: set[str] = set()
    for data in POLICIES:
        found = read(files(Policy.model_validate(data)))
        new = {stem: file for stem, file in found.rules.items() if _asked(file) not in seen}
        seen.update(map(_asked, new.values()))
        yield Built(new, found.suites)


def _asked(file: RuleFile) -> str:
    """A rule file without its texts, which no test looks at."""
    rules = [rule for group in file["groups"] for rule in group.get("rules") or ()]
    return repr([{key: value for key, value in rule.items() if key != "annotations"} for rule in rules])


def measure(console: Console) -> dict[str, Any]:
    """Change each thing in turn, print what no test minded, and return the figures."""
    todo, living = tuple(built()), list[Mutant]()
    counts = [sum(1 for _ in each.mutants()) for each in todo]
    with Progress(console=console, transient=True) as progress:
        for each, count in zip(todo, counts, strict=True):
            task = progress.add_task("promtool on every mutant", total=count)
            living += survivors(each, partial(_shown, progress, task))
    return _result(console, sum(counts), living)


def _shown(progress: Progress, task: TaskID, tried: int) -> None:
    progress.update(task, completed=tried)


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
