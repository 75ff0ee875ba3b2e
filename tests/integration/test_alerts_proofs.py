"""promtool runs what is generated as the proof of the rules, for each kind of policy."""

import json
import re
from functools import cache
from pathlib import Path

import pytest

from alerts.build import files
from policy.loader import load
from policy.model import Policy
from tests.golden.build import CASES, names
from tests.integration.narrowed import Data, parts, written
from tests.integration.test_alerts_tools import accepted
from tests.unit.alerts.policies import DATA, policy, write

# Plain names. Where a rule finds a name by a pattern the text is another one.
NAMED = re.compile(r'\b(fleet|shard|instance)(=\\"|": ")([\w.:\[\]/-]+)(?=\\?")')
# Policies as people write them: what the golden tests and the compose file are built from.
WRITTEN = {f"golden {name}": CASES / name / "cachewatch.yaml" for name in names()}
WRITTEN["docker"] = Path(__file__).parents[2] / "docker" / "cachewatch.yaml"
# Proved whole and with its texts; the first, so that no other proves a part of it before. Its rules are evaluated least often.
_WHOLE = "fine, seldom evaluated"
# The rules of the two that are left out differ in names only from those of "sentinel and static".
PROVED = [_WHOLE, *sorted(DATA.keys() - {"static", "sentinel", _WHOLE}), *WRITTEN]


@cache
def proved(name: str) -> Policy:
    """One of the policies whose rules are proved."""
    return load(WRITTEN[name]).policy if name in WRITTEN else policy(name)


@cache
def suites(name: str) -> dict[str, tuple[Data, Data]]:
    """Tests, each behind the rules that it looks at; but for the names that they have, all that counts is in the keys."""
    built = files(proved(name))
    found = [part for path in built if path.startswith("rule-tests/") for part in parts(built, path)]
    return {renamed(json.dumps([rules, {**tests, "rule_files": []}])): (rules, tests) for rules, tests in found}


def renamed(text: str) -> str:
    """With every name of a fleet, shard and instance in place of which it is, by the first sight of it; of JSON.

    Rules select by them as a whole: two suites that differ so alone are one proof. What names may look like is a corner of its
    own: hostile ones keep their look.
    """
    numbers: dict[tuple[str, str], str] = {}

    def number(found: re.Match[str]) -> str:
        return f"{found[1]}{found[2]}{numbers.setdefault((found[1], found[3]), str(len(numbers)))}"

    return NAMED.sub(number, text)


@pytest.mark.parametrize("name", PROVED)
def test_the_rules_keep_what_their_tests_promise(name: str, tmp_path: Path) -> None:
    """Of policies with the same rules and the same tests of them, the first one proves it.

    The first policy is proved as people do it. Of the others each test is held beside the rules that it looks at, without their
    texts, which ask Prometheus for more at each evaluation than the rules do.
    """
    if name == _WHOLE:
        tests = sorted((write(files(proved(name)), tmp_path) / "rule-tests").glob("*.yml"))
    else:
        known = set().union(*map(suites, PROVED[: PROVED.index(name)]))
        tests = list(written([part for suite, part in suites(name).items() if suite not in known], tmp_path))
    if tests:
        accepted("promtool", "test", "rules", *tests)
