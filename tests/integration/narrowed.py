"""Rule tests, each beside those rules alone that it looks at: most of what promtool evaluates for a test is other alerts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from alerts.build import read

Data = Mapping[str, Any]
"""A rule file or a test file of promtool, or a rule, as read."""
TEXTS = re.compile(r"^    annotations:\n(?:      .*\n|\n)+", re.MULTILINE)
"""The texts of a rule as they stand in a rule file."""


def rules_of(text: str) -> str:
    """The name of the rule file that a test file is about."""
    (found,) = re.findall(r"^- \.\./rules/(.+)$", text, re.MULTILINE)
    return str(found)


def parts(built: Mapping[str, str], path: str) -> Iterator[tuple[Data, Data]]:
    """A test file of what was built in parts, each behind the rules that it looks at, without their texts."""
    text = built[path]
    rules, tests = (read(part) for part in (TEXTS.sub("", built[f"rules/{rules_of(text)}"]), text))
    return narrowed(rules, tests)


def differing(built: Mapping[str, str], before: Mapping[str, str], path: str) -> list[tuple[Data, Data]]:
    """The parts of a test file whose rules are others than before: no test of the rest can mind."""
    known = {json.dumps(part) for part in parts(before, path)}
    return [part for part in parts(built, path) if json.dumps(part) not in known]


def written(some: Iterable[tuple[Data, Data]], folder: Path) -> Iterator[Path]:
    """Write parts as JSON, which is YAML, and give the paths of the tests."""
    for number, (rules, tests) in enumerate(some):
        part, of = folder / f"{number}.test.json", folder / f"{number}.json"
        of.write_text(json.dumps(rules))
        part.write_text(json.dumps({**tests, "rule_files": [of.name]}))
        yield part


def narrowed(rules: Data, tests: Data) -> Iterator[tuple[Data, Data]]:
    """Parts of a rule file, and the tests that need no more of it; every test is in one of them.

    The rules stay that a test names, or that are read by one that stays.
    """
    reads = _reads(rules)
    parts: dict[frozenset[str], list[Data]] = {}
    for test in tests["tests"]:
        parts.setdefault(_with_read(_named(json.dumps(test), reads), reads), []).append(test)
    for names, some in parts.items():
        yield _only(rules, names), {**tests, "tests": some}


def _reads(rules: Data) -> dict[str, frozenset[str]]:
    """The alerts and records that those of each name have in their expressions."""
    exprs: dict[str, str] = {}
    for group in rules["groups"]:
        for rule in group.get("rules") or ():
            exprs[_name(rule)] = f"{exprs.get(_name(rule), '')} {rule['expr']}"
    return {name: _named(text, exprs) for name, text in exprs.items()}


def _name(rule: Data) -> str:
    return str(rule.get("record") or rule["alert"])


def _named(text: str, rules: Mapping[str, object]) -> frozenset[str]:
    return frozenset(re.findall(r"[A-Za-z_:][\w:]*", text)).intersection(rules)


def _with_read(names: frozenset[str], reads: Mapping[str, frozenset[str]]) -> frozenset[str]:
    more = names.union(*(reads[name] for name in names))
    return more if more == names else _with_read(more, reads)


def _only(rules: Data, names: frozenset[str]) -> Data:
    groups = (
        {**group, "rules": [rule for rule in group.get("rules") or () if _name(rule) in names]}
        for group in rules["groups"]
    )
    return {**rules, "groups": list(groups)}
