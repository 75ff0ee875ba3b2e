"""Each mutant of what was built against the rule tests that were built with it: promtool must find the difference."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from alerts.build import read as load
from bench.mutation.mutants import Mutant, RuleFile, mutants, span_of
from sandbox.binaries import find

WORKERS = 2
# Mutants in one run of promtool, whose start costs as much as a small suite.
_TOGETHER = 24
# Tests of a suite that every mutant must pass before the others are run.
_FIRST = 3
_TIMEOUT = 900.0
_STEP = 1000


@dataclass(frozen=True, slots=True)
class Suite:
    """A test file of promtool: its stem, its content, and the stems of the rule files that it reads."""

    stem: str
    data: Mapping[str, Any]
    rules: frozenset[str]
    texts: tuple[str, ...]

    def of(self, mutant: Mutant, turn: slice) -> Mapping[str, Any]:
        """The same with a part of the tests that can tell."""
        return {**self.data, "tests": [test for test, _ in self.able(mutant)[turn]]}

    def able(self, mutant: Mutant) -> list[tuple[Mapping[str, Any], str]]:
        """The tests that speak of the alert, with their texts; for a record all, those that look at records themselves first."""
        tests = list(zip(self.data["tests"], self.texts, strict=True))
        if not mutant.alert:
            return sorted(tests, key=lambda each: "ALERTS" in each[1])
        name = re.compile(rf"\b{re.escape(mutant.rule)}\b")
        return [(test, text) for test, text in tests if name.search(text)]


@dataclass(frozen=True, slots=True)
class Built:
    """What `cachewatch build` made of a policy, as far as rules are concerned."""

    rules: Mapping[str, RuleFile]
    suites: tuple[Suite, ...]

    def mutants(self) -> Iterator[Mutant]:
        """Every mutant of every rule file."""
        for stem, file in self.rules.items():
            suites = self.suites_of(stem)
            step = span_of(suites[0].data["evaluation_interval"]) if suites else _STEP
            yield from mutants(stem, file, step)

    def suites_of(self, stem: str) -> tuple[Suite, ...]:
        """The suites that read a rule file."""
        return tuple(suite for suite in self.suites if stem in suite.rules)


def read(files: Mapping[str, str]) -> Built:
    """What was built, by relative path."""
    rules = {PurePosixPath(name).stem: load(text) for name, text in files.items() if name.startswith("rules/")}
    return Built(rules, tuple(_suite(name, text) for name, text in files.items() if name.startswith("rule-tests/")))


def _suite(name: str, text: str) -> Suite:
    data = load(text)
    stems = frozenset(PurePosixPath(file).stem for file in data["rule_files"])
    return Suite(PurePosixPath(name).stem, data, stems, tuple(map(json.dumps, data["tests"])))


def survivors(built: Built, told: Callable[[int], None] = lambda _: None) -> list[Mutant]:
    """The mutants that no test minded, in their order; `told` hears how many are done with.

    Most are found by the first tests: the rest is run for those that passed these. RuntimeError where a test minds a rule
    that is as it was: it would mind everything.
    """
    living, done = list(built.mutants()), 0
    _check_unchanged(built, living)
    for turn in (slice(_FIRST), slice(_FIRST, None)):
        before, living = living, []
        for batch, passed in _tried(built, before, turn):
            living += passed
            done += len(batch) - len(passed)
            told(done)
    told(done + len(living))
    return living


def _check_unchanged(built: Built, every: Iterable[Mutant]) -> None:
    """Each rule without a change, written as its mutants are, must pass all of its tests."""
    whole = {(each.stem, each.rule): replace(each, data=built.rules[each.stem]) for each in every}
    sound = [each for _, passed in _tried(built, list(whole.values()), slice(None)) for each in passed]
    if broken := sorted({each.rule for each in whole.values()} - {each.rule for each in sound}):
        raise RuntimeError(f"the tests of {', '.join(broken)} fail without a change: what they need was left out")


def _tried(built: Built, every: Sequence[Mutant], turn: slice) -> Iterator[tuple[Sequence[Mutant], list[Mutant]]]:
    """Each batch of mutants, and those of it that pass that part of the tests."""
    batches = list(_batches(every))
    with tempfile.TemporaryDirectory(prefix="cachewatch-mutation-") as folder, ThreadPoolExecutor(WORKERS) as pool:
        roots = [Path(folder) / str(number) for number in range(len(batches))]
        passed = pool.map(lambda root, each: _living(built, root, each, turn), roots, batches)
        yield from zip(batches, passed, strict=True)


def _batches(every: Iterable[Mutant]) -> Iterator[Sequence[Mutant]]:
    waiting = iter(every)
    while batch := tuple(islice(waiting, _TOGETHER)):
        yield batch


def _living(built: Built, root: Path, batch: Sequence[Mutant], turn: slice) -> list[Mutant]:
    """The mutants of a batch that pass."""
    tests = [_written(built, root / str(number), mutant, turn) for number, mutant in enumerate(batch)]
    passed = _passed([test for each in tests for test in each])
    return [mutant for mutant, each in zip(batch, tests, strict=True) if passed.issuperset(each)]


def _written(built: Built, room: Path, mutant: Mutant, turn: slice) -> tuple[str, ...]:
    """Write a mutant, what it stands beside and its tests, as JSON, which is YAML; the paths of the tests."""
    suites = built.suites_of(mutant.stem)
    spoken = "".join(text for suite in suites for _, text in suite.able(mutant))
    for stem in {mutant.stem}.union(*(suite.rules for suite in suites)):
        data = mutant.data if stem == mutant.stem else built.rules[stem]
        _write(room / "rules" / f"{stem}.yml", _without_others(data, mutant, spoken))
    for suite in suites:
        _write(room / "rule-tests" / f"{suite.stem}.yml", suite.of(mutant, turn))
    return tuple(str(room / "rule-tests" / f"{suite.stem}.yml") for suite in suites)


def _write(path: Path, data: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data), encoding="utf-8")


def _without_others(data: RuleFile, mutant: Mutant, spoken: str) -> RuleFile:
    """Where one alert is changed only those need be evaluated beside it that its tests speak of, or that it reads."""
    if not mutant.alert:
        return data
    own = [rule["expr"] for group in data["groups"] for rule in group["rules"] if rule.get("alert") == mutant.rule]
    wanted = "".join((spoken, *own))

    def kept(rules: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        return [rule for rule in rules if rule.get("alert", mutant.rule) in wanted]

    return {**data, "groups": [{**group, "rules": kept(group.get("rules") or ())} for group in data["groups"]]}


def _passed(tests: Sequence[str]) -> set[str]:
    """The test files that promtool has no complaint about."""
    if not tests:
        return set()
    argv = [str(find("promtool")), "test", "rules", *tests]
    environment = {**os.environ, "GOGC": "400", "GOMAXPROCS": "1"}  # two at a time, and short-lived
    ended = subprocess.run(
        argv,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_TIMEOUT,
        check=False,
        env=environment,
    )
    # One verdict for each file, in their order, on one stream or the other; which file it is of promtool 3 does not say.
    verdicts = re.findall(r"^  (SUCCESS|FAILED:)$", ended.stdout, re.MULTILINE)
    if ended.returncode not in (0, 1) or len(verdicts) != len(tests):
        raise RuntimeError(f"promtool ended with {ended.returncode}: {ended.stdout[-500:]}")
    return {test for test, verdict in zip(tests, verdicts, strict=True) if verdict == "SUCCESS"}
