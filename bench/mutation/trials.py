"""Each mutant of what was built against the rule tests that were built with it: promtool must find the difference."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from queue import SimpleQueue
from typing import Any

import yaml

from bench.mutation.mutants import Mutant, RuleFile, mutants, span_of
from sandbox.binaries import find

WORKERS = 2
_TIMEOUT = 120.0
_TESTS = "rule-tests"


@dataclass(frozen=True, slots=True)
class Suite:
    """A test file of promtool: its stem, its content, and the stems of the rule files that it reads."""

    stem: str
    data: Mapping[str, Any]
    rules: frozenset[str]

    def of(self, mutant: Mutant) -> Mapping[str, Any]:
        """The same with the tests alone that can tell: those that speak of the alert, or all for a record."""
        if not mutant.alert:
            return self.data
        about = [test for test in self.data["tests"] if mutant.rule in yaml.safe_dump(test)]
        return {**self.data, "tests": about}


@dataclass(frozen=True, slots=True)
class Built:
    """What `cachewatch build` made of a policy, as far as rules are concerned."""

    root: Path
    rules: Mapping[str, RuleFile]
    suites: tuple[Suite, ...]

    def mutants(self) -> Iterator[Mutant]:
        """Every mutant of every rule file."""
        for stem, file in self.rules.items():
            suites = self.suites_of(stem)
            step = span_of(suites[0].data["evaluation_interval"]) if suites else 1000
            yield from mutants(stem, file, step)

    def suites_of(self, stem: str) -> tuple[Suite, ...]:
        """The suites that read a rule file."""
        return tuple(suite for suite in self.suites if stem in suite.rules)


def read(root: Path) -> Built:
    """What stands in a folder that was built."""
    rules = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(root.glob("rules/*.yml"))}
    return Built(root, rules, tuple(map(_suite, sorted(root.glob(f"{_TESTS}/*.yml")))))


def _suite(path: Path) -> Suite:
    data = yaml.safe_load(path.read_text())
    return Suite(path.stem, data, frozenset(PurePosixPath(file).stem for file in data["rule_files"]))


def survivors(built: Built, told: Callable[[int, Mutant, bool], None] = lambda *_: None) -> list[Mutant]:
    """The mutants that no test minded, in their order; `told` hears of each result, in their order too."""
    with tempfile.TemporaryDirectory(prefix="cachewatch-mutation-") as folder:
        rooms: SimpleQueue[Path] = SimpleQueue()
        for number in range(WORKERS):
            rooms.put(_room(built, Path(folder) / str(number)))
        with ThreadPoolExecutor(WORKERS) as pool:
            all_mutants = list(built.mutants())
            found = []
            for number, (mutant, lives) in enumerate(
                zip(all_mutants, pool.map(lambda each: _lives(built, each, rooms), all_mutants), strict=True), start=1
            ):
                told(number, mutant, lives)
                found += [mutant] * lives
    return found


def _room(built: Built, room: Path) -> Path:
    """A copy in which one worker changes files."""
    for part in ("rules", _TESTS):
        shutil.copytree(built.root / part, room / part)
    return room


def _lives(built: Built, mutant: Mutant, rooms: SimpleQueue[Path]) -> bool:
    """Whether the mutant passes every test that could tell it from the rule."""
    room = rooms.get()
    rules = room / "rules" / f"{mutant.stem}.yml"
    whole = rules.read_text()
    try:
        rules.write_text(yaml.safe_dump(mutant.data, sort_keys=False))
        return all(_passes(room, suite.of(mutant)) for suite in built.suites_of(mutant.stem))
    finally:
        rules.write_text(whole)
        rooms.put(room)


def _passes(room: Path, data: Mapping[str, Any]) -> bool:
    tests = room / _TESTS / "mutant.yml"
    tests.write_text(yaml.safe_dump(data, sort_keys=False))
    argv = [str(find("promtool")), "test", "rules", str(tests)]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    if ended.returncode not in (0, 1):
        raise RuntimeError(f"promtool ended with {ended.returncode}: {ended.stderr[-500:]}")
    return ended.returncode == 0
