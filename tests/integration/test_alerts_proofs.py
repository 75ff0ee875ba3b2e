"""promtool runs what is generated as the proof of the rules, for each kind of policy."""

import re
from functools import cache
from pathlib import Path

import pytest

from alerts.build import files
from policy.loader import load
from policy.model import Policy
from tests.golden.build import CASES, names
from tests.integration.narrowed import TEXTS, rules_of, written
from tests.integration.test_alerts_tools import accepted
from tests.unit.alerts.policies import DATA, policy, write

# Plain names. Where a rule finds a name by a pattern the text is another one.
NAMED = re.compile(r'\b((?:fleet|shard|instance)=)"([\w.:\[\]/-]+)"')
# Policies as people write them: what the golden tests and the compose file are built from.
WRITTEN = {f"golden {name}": CASES / name / "cachewatch.yaml" for name in names()}
WRITTEN["docker"] = Path(__file__).parents[2] / "docker" / "cachewatch.yaml"
# Proved whole and with its texts; the first, so that no other proves a part of it before.
_WHOLE = "docker"
# The rules of the two that are left out differ in names only from those of "sentinel and static".
PROVED = [_WHOLE, *sorted(DATA.keys() - {"static", "sentinel"}), *(name for name in WRITTEN if name != _WHOLE)]


@cache
def proved(name: str) -> Policy:
    """One of the policies whose rules are proved."""
    return load(WRITTEN[name]).policy if name in WRITTEN else policy(name)


@cache
def suites(name: str) -> dict[str, str]:
    """Tests, and rules without their texts, which no test looks at, by the path of the tests; but for names all that counts."""
    built = files(proved(name))
    tests = {path: text for path, text in built.items() if path.startswith("rule-tests/")}
    return {path: renamed(f"{text}\n{TEXTS.sub('', built[f'rules/{rules_of(text)}'])}") for path, text in tests.items()}


def renamed(text: str) -> str:
    """With every name of a fleet, shard and instance in place of which it is, by the first sight of it.

    Rules select by them as a whole: two suites that differ so alone are one proof. What names may look like is a corner of its
    own: hostile ones keep their look.
    """
    numbers: dict[str, str] = {}
    return NAMED.sub(lambda found: f'{found[1]}"{numbers.setdefault(found[0], str(len(numbers)))}"', text)


@pytest.mark.parametrize("name", PROVED)
def test_the_rules_keep_what_their_tests_promise(name: str, tmp_path: Path) -> None:
    """Of policies with the same rules and the same tests of them, the first one proves it.

    The first policy is proved as people do it. Of the others each test is held beside the rules that it looks at, without their
    texts, which ask Prometheus for more at each evaluation than the rules do.
    """
    known = {suite for earlier in PROVED[: PROVED.index(name)] for suite in suites(earlier).values()}
    new = [path for path, suite in suites(name).items() if suite not in known]
    built = files(proved(name))
    if name == _WHOLE:
        write(built, tmp_path)
        tests = [tmp_path / path for path in new]
    else:
        tests = [part for path in new for part in written(built, path, tmp_path)]
    if tests:
        accepted("promtool", "test", "rules", *tests)
