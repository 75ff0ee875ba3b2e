"""The rule tests can fail: each number, window, wait, comparison and label of the rules is changed, and some test minds."""

from __future__ import annotations

from alerts.build import files
from bench.mutation import known
from bench.mutation.trials import read, survivors
from policy.model import Policy
from tests.unit.alerts.policies import policy


def test_no_change_of_a_rule_of_the_default_policy_passes_its_tests() -> None:
    """Objectives apart: their tests walk through days, so that all their mutants would take an hour; see test_alerts_slo."""
    living = survivors(read(files(Policy.model_validate({"slos": []}))))
    assert [mutant.name for mutant in known.unexplained(living)] == []
    assert [entry.pattern for entry in known.stale(living)] == []


def test_a_suite_that_has_lost_a_case_is_found_out() -> None:
    built = files(policy("default"))
    tests = built["rule-tests/memory.yml"]
    begin = tests.index("- name: 'CacheMemoryHigh: silent at the threshold itself'")
    end = tests.index("- name:", begin + 1)
    weak = {"rules/memory.yml": built["rules/memory.yml"], "rule-tests/memory.yml": tests[:begin] + tests[end:]}
    (missed,) = known.unexplained(survivors(read(weak)))
    assert missed.change.endswith("[> -> >=] 0.85...")
