"""The generated tests mind when a threshold, a duration or a rule is another one."""

import re
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from alerts.build import files
from policy.model import Policy
from tests.integration.narrowed import Data, differing, written
from tests.integration.test_alerts_tools import run
from tests.unit.alerts.policies import DATA, built

# Tests of each part that are tried first.
_FIRST = 3
# A key of the policy, and values beside the one in force: a little lower or shorter, a little higher or longer.
CHANGES: dict[str, tuple[str | int, ...]] = {
    "thresholds.hit_rate.warning.below": ("74%", "76%"),
    "thresholds.hit_rate.warning.for": ("18s", "22s"),
    "thresholds.hit_rate.critical.below": ("69%", "71%"),
    "thresholds.hit_rate.critical.for": ("8s", "12s"),
    "thresholds.latency_p95.warning.above": ("1ms", "4ms"),
    "thresholds.latency_p95.warning.for": ("18s", "22s"),
    "thresholds.latency_p95.critical.above": ("4ms", "10ms"),
    "thresholds.latency_p95.critical.for": ("8s", "12s"),
    "thresholds.memory.warning.above": ("84%", "86%"),
    "thresholds.memory.warning.for": ("8s", "12s"),
    "alerts.node_down.keep_firing_for": ("50s", "70s"),
    "rules.exporter_grace": ("10s", "20s"),
    "rules.keep_firing_for": ("34s", "46s"),
    "rules.discovery_grace": ("4m58s", "5m2s"),
    "rules.rollout_grace": ("14m56s", "15m4s"),
    "health.min_requests": (50, 150),
}


def changed(data: dict[str, Any], key: str, value: str | int) -> Policy:
    data = deepcopy(data)
    at = data
    *path, last = key.split(".")
    for part in path:
        at = at.setdefault(part, {})
    at[last] = value
    return Policy.model_validate(data)


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in CHANGES.items() for value in values])
def test_a_rule_with_another_threshold_or_duration_fails_its_test(key: str, value: str | int, tmp_path: Path) -> None:
    """The tests of one policy against the rules of another that differs in one number."""
    other = changed(DATA["demo"], key, value)
    rules = {path: text for path, text in files(other).items() if path.startswith("rules/")}
    before = built("demo")
    tests = [path.replace("rules/", "rule-tests/") for path, text in rules.items() if text != before[path]]
    # One is enough, and short ones are tried first.
    short_first = sorted(tests, key=lambda test: len(before[test]))
    found = any(_minds({**before, **rules}, before, test, tmp_path) for test in short_first)
    assert found, f"no test of {tests} minds"


def _minds(after: Mapping[str, str], before: Mapping[str, str], tests: str, folder: Path) -> bool:
    """Whether a test does: the first ones are tried before the others, for most changes are found by them."""
    changed_parts = differing(after, before, tests)
    for turn in (slice(_FIRST), slice(_FIRST, None)):
        some: list[tuple[Data, Data]] = [
            (rules, {**of, "tests": of["tests"][turn]}) for rules, of in changed_parts if of["tests"][turn]
        ]
        if some and _fails(some, folder):
            return True
    return False


def _fails(some: Iterable[tuple[Data, Data]], folder: Path) -> bool:
    result = run("promtool", "test", "rules", *written(some, folder))
    assert ("FAILED" in result.stderr) == (result.returncode == 1), result.stdout
    return result.returncode == 1


ONLY_WITH_PROBER = ' and on () cache_probe_schedule_lag_seconds{fleet="cache",instance="127.0.0.1:9121"}'


def without(piece: str) -> Callable[[str], str]:
    return lambda text: text.replace(piece, "")


def without_its_memory(text: str) -> str:
    """CacheNodeDown without the part that reads its own ALERTS."""
    return re.sub(r" or max by \(fleet, shard, instance\) \(ALERTS.*", "", text, count=1)


# The policy, the rule file, and what is done to it.
BROKEN: dict[str, tuple[str, str, Callable[[str], str]]] = {
    "no guard against no traffic": ("demo", "hit_rate", without(" > 0")),
    "counters that may not begin anew": ("demo", "hit_rate", lambda text: text.replace("rate(", "delta(")),
    "the median instead of p95": ("demo", "latency", lambda text: text.replace("< 0.95", "< 0.5")),
    "slow while down": ("demo", "latency", lambda text: text.replace("unless on", "and on")),
    "slow because it was down": ("at once", "latency", lambda text: text.replace("[1m]) == 0", "[1s]) == 0")),
    "no page for the exporter": ("demo", "node_down", lambda text: text.replace("absent(up", "present(up")),
    "nodes missed one by one under a dead exporter": ("demo", "node_down", without(ONLY_WITH_PROBER)),
    "a page that ends at once": (
        "demo",
        "node_down",
        lambda text: text.replace(
            'min_over_time(cache_node_up{fleet="cache"}[1m]', 'min_over_time(cache_node_up{fleet="cache"}[3s]', 1
        ),
    ),
    "a page that dies with the exporter": ("demo", "node_down", without_its_memory),
    "a page that waits": (
        "demo",
        "node_down",
        lambda text: text.replace("    labels:", "    for: 5s\n    labels:", 1),
    ),
    "a page for each crash of a loop": ("demo", "node_down", lambda text: text.replace("min_over", "last_over", 1)),
    "a wait that begins anew with the exporter": ("demo", "discovery", lambda text: text.replace("[29s]", "[1s]")),
    "any part taken for a source": ("demo", "discovery", lambda text: re.sub(r'part=~"[^"]*"', 'part=~".+"', text)),
    "sources taken together": ("demo", "discovery", lambda text: text.replace("by (fleet, part)", "by (fleet)")),
    "another severity": ("demo", "memory", lambda text: text.replace("severity: warning", "severity: critical")),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_fails_its_test(name: str, tmp_path: Path) -> None:
    chosen, stem, damage = BROKEN[name]
    before = built(chosen)
    whole = before[f"rules/{stem}.yml"]
    assert damage(whole) != whole
    assert _minds({**before, f"rules/{stem}.yml": damage(whole)}, before, f"rule-tests/{stem}.yml", tmp_path)
