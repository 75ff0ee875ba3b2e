"""Rule tests, each beside those rules alone that it looks at: most of what promtool evaluates for a test is other alerts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from yaml import CSafeLoader as Loader

Data = Mapping[str, Any]
"""A rule file or a test file of promtool, as read."""
TEXTS = re.compile(r"^    annotations:\n(?:      .*\n|\n)+", re.MULTILINE)
"""The texts of a rule as they stand in a rule file."""


def rules_of(text: str) -> str:
    """The name of the rule file that a test file is about."""
    (found,) = re.findall(r"^- \.\./rules/(.+)$", text, re.MULTILINE)
    return str(found)


def written(built: Mapping[str, str], path: str, folder: Path) -> Iterator[Path]:
    """A test file of what was built in parts, each beside what it looks at, without texts; as JSON, which is YAML."""
    text, stem = built[path], Path(path).stem
    rules, tests = (yaml.load(part, Loader) for part in (TEXTS.sub("", built[f"rules/{rules_of(text)}"]), text))
    for number, (some, own) in enumerate(narrowed(rules, tests)):
        part, of = folder / f"{stem}.{number}.test.json", folder / f"{stem}.{number}.json"
        of.write_text(json.dumps(some))
        part.write_text(json.dumps({**own, "rule_files": [of.name]}))
        yield part


def narrowed(rules: Data, tests: Data) -> Iterator[tuple[Data, Data]]:
    """Parts of a rule file and the tests that need no more of it; every test is in one of them.

    Records all stay, and alerts that a test names, or that are read by a record or by an alert that stays.
    """
    reads = _reads(rules)
    parts: dict[frozenset[str], list[Data]] = {}
    for test in tests["tests"]:
        parts.setdefault(_with_read(_named(json.dumps(test), reads) | reads[""], reads), []).append(test)
    for names, some in parts.items():
        yield _only(rules, names), {**tests, "tests": some}


def _reads(rules: Data) -> dict[str, frozenset[str]]:
    """The alerts that each alert names in its expressions, and under "" those that records name."""
    exprs: dict[str, str] = {"": ""}
    for group in rules["groups"]:
        for rule in group.get("rules") or ():
            name = rule.get("alert", "")
            exprs[name] = f"{exprs.get(name, '')} {rule['expr']}"
    return {name: _named(text, exprs) for name, text in exprs.items()}


def _named(text: str, alerts: Mapping[str, object]) -> frozenset[str]:
    return frozenset(re.findall(r"\bCache\w+", text)).intersection(alerts)


def _with_read(names: frozenset[str], reads: Mapping[str, frozenset[str]]) -> frozenset[str]:
    more = names.union(*(reads[name] for name in names))
    return more if more == names else _with_read(more, reads)


def _only(rules: Data, names: frozenset[str]) -> Data:
    def kept(rule: Mapping[str, Any]) -> bool:
        return "record" in rule or rule["alert"] in names

    groups = ({**group, "rules": list(filter(kept, group.get("rules") or ()))} for group in rules["groups"])
    return {**rules, "groups": list(groups)}
