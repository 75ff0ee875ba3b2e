"""The rule tests can fail: each number, window, wait, comparison and label of the rules is changed, and some test minds."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from alerts.build import files
from bench.mutation import known
from bench.mutation.trials import read, survivors
from tests.unit.alerts.policies import policy

# The rule files whose tests are short, but for that of the hit rate, whose mutants are tried below. `python -m bench mutation`
# does them all but those of objectives, in half an hour. Those are broken one by one in test_alerts_slo.
SHORT = ("node_down", "discovery", "policy", "prober")


def test_no_change_of_a_rule_passes_its_tests() -> None:
    built = files(policy("default"))
    short = {path: text for path, text in built.items() if PurePosixPath(path).stem in SHORT}
    assert [mutant.name for mutant in known.unexplained(survivors(read(short)))] == []


def test_a_suite_that_has_lost_a_case_is_found_out() -> None:
    """By the change that this case alone minds. No other passes: of the whole suite none would."""
    built = files(policy("default"))
    tests = built["rule-tests/hit_rate.yml"]
    begin = tests.index(
        "- name: 'CacheLowHitRate: fires at its duration, just over, and resolves when all is good again'"
    )
    end = tests.index("- name:", begin + 1)
    weak = {"rules/hit_rate.yml": built["rules/hit_rate.yml"], "rule-tests/hit_rate.yml": tests[:begin] + tests[end:]}
    (missed,) = known.unexplained(survivors(read(weak)))
    assert "[5m]) < [0.75 -> 0.76]" in missed.name


def test_tests_that_mind_a_rule_without_a_change_are_found_out() -> None:
    """They would mind every change, and say nothing."""
    built = files(policy("default"))
    rules = built["rules/hit_rate.yml"]
    other = {
        "rules/hit_rate.yml": rules.replace("for: 10m", "for: 11m"),
        "rule-tests/hit_rate.yml": built["rule-tests/hit_rate.yml"],
    }
    assert other["rules/hit_rate.yml"] != rules
    with pytest.raises(RuntimeError, match=r"the tests of CacheLowHitRate, .* fail without a change"):
        survivors(read(other))
