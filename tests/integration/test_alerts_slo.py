"""The rule tests of the objectives can fail: rules that differ in one thing break them."""

from pathlib import Path

import pytest

from alerts.build import files
from tests.integration.test_alerts_tools import run
from tests.unit.alerts.policies import policy, write

# Beside the rules of `slo_latency`: the test file that minds, what stands there, and what is put in its place.
BROKEN = {
    "a higher share over the long window": ("critical.1h", "1h{", "> 0.144 and", "> 0.145 and"),
    "a lower share over the long window": ("critical.1h", "1h{", "> 0.144 and", "> 0.143 and"),
    "a lower share over the short window": ("critical.1h", "5m{", "> 0.144 and slo", "> 0.143 and slo"),
    "the share itself": ("critical.1h", "1h{", "> 0.144 and", ">= 0.144 and"),
    "a shorter wait": ("critical.1h", "", "for: 5m30s", "for: 5m"),
    "a longer wait": ("critical.1h", "", "for: 5m30s", "for: 6m"),
    "a dead node told twice": ("critical.1h", "", "CacheNodeDown|", ""),
    "a shorter long window": ("critical.1h", "", "[59m59s999ms]", "[58m59s999ms]"),
    "a short window that remembers": ("critical.1h", "", "[4m59s999ms]", "[5m59s999ms]"),
    "a restart that is lost": ("", "", ">= 0 unless", ">= 1 unless"),
    "a bound beside the policy's": ("", "", 'le="0.003"', 'le="0.005"'),
    "planned work that counts": ("", "", "unless on () slo:maintenance", "and on () slo:maintenance"),
    "the average of ratios": ("", "", "sum_over_time(slo:bad_events:step", "avg_over_time(slo:bad_events:step"),
    "another name for Sloth": ("", "", "sloth_window: 5m", "sloth_window: 5min"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_of_an_objective_fails_its_test(name: str, tmp_path: Path) -> None:
    suite, after, old, new = BROKEN[name]
    built = files(policy("objectives"))
    whole = built["rules/slo_latency.yml"]
    begin = whole.index(after, whole.index("alert:")) if after else 0
    damaged = whole[:begin] + whole[begin:].replace(old, new)
    assert damaged != whole
    write({**built, "rules/slo_latency.yml": damaged}, tmp_path)
    result = run("promtool", "test", "rules", tmp_path / f"rule-tests/slo_latency{suite and '.'}{suite}.yml")
    assert result.returncode == 1, result.stdout
    assert "FAILED" in result.stderr
