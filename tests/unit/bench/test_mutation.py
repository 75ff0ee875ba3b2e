"""What is changed in a rule, and what is left alone because it means nothing."""

from __future__ import annotations

from typing import Any

import pytest

from bench.mutation import known
from bench.mutation.mutants import Mutant, mutants
from bench.mutation.tokens import tokens

STEP = 15_000


def changes(expression: str, **more: Any) -> list[str]:
    """Every expression that a change makes of one, of an alert's the other fields too."""
    rule = {"record": "r", "expr": expression} if not more else {"alert": "A", "expr": expression, **more}
    found = mutants("stem", {"groups": [{"name": "g", "rules": [rule]}]}, STEP)
    changed = [each.data["groups"][0]["rules"][0] for each in found]
    return [" ".join(f"{key}={value}" for key, value in each.items() if value != rule.get(key)) for each in changed]


def expressions(expression: str) -> list[str]:
    return [text.removeprefix("expr=") for text in changes(expression)]


@pytest.mark.parametrize(
    "expression",
    [
        'rate(a_total{x="5 > 4",y=~"1|2"}[5m])',
        "max_over_time(a:b:rate5m[1h:1m] offset 5m) > 1e3 # 7 < 8",
        "a{b='it\\'s 5'} == 0x1F or `raw \\` == 2",
        "sum by (le) (a2_bucket) / on (le) group_left () (b3 > 0.5)",
    ],
)
def test_tokens_are_the_whole_expression(expression: str) -> None:
    assert "".join(token.text for token in tokens(expression)) == expression


def test_what_is_no_promql_is_named_with_its_place() -> None:
    with pytest.raises(ValueError, match="no PromQL at 4: '\\$b'"):
        list(tokens("a > $b"))


def test_a_number_is_changed_by_one_unit_of_its_last_digit() -> None:
    assert expressions("a > 0.85")[2:] == ["a > 0.84", "a > 0.86"]
    assert expressions("a > 0")[2:] == ["a > -1", "a > 1"]
    assert expressions("a / 300") == ["a / 299", "a / 301"]


def test_digits_in_names_strings_and_durations_are_no_numbers() -> None:
    assert expressions("rate5m:a2") == []
    assert expressions('label_replace(a, "x1", "2", "y3", "4")') == []
    assert expressions("a offset 5m") == ["a offset 4m45s", "a offset 5m15s"]


def test_a_window_is_changed_by_one_evaluation_and_never_to_nothing() -> None:
    assert expressions("rate(a[1m])") == ["rate(a[45s])", "rate(a[1m15s])"]
    assert expressions("rate(a[15s])") == ["rate(a[30s])"]
    assert expressions("max_over_time(a[1h:1m])") == [
        "max_over_time(a[59m45s:1m])",
        "max_over_time(a[1h15s:1m])",
        "max_over_time(a[1h:45s])",
        "max_over_time(a[1h:1m15s])",
    ]


def test_comparisons_and_sets_are_turned_and_label_matchers_given_another_value() -> None:
    assert expressions("a < b") == ["a <= b", "a > b"]
    assert expressions("a == b") == ["a != b"]
    assert expressions("a unless on (x) b") == ["a and on (x) b"]
    assert expressions('a{x="y"}') == ['a{x="y-changed"}']


def test_each_alternative_of_a_regular_matcher_is_changed_in_turn() -> None:
    assert expressions(r'a{x=~"0\\.5|1\|2"}') == [r'a{x=~"0\\.5-changed|1\|2"}', r'a{x=~"0\\.5|1\|2-changed"}']


def test_waits_and_labels_of_an_alert_are_changed() -> None:
    found = changes("a", **{"for": "1m", "labels": {"severity": "warning"}})
    assert found == [
        "for=45s",
        "for=1m15s",
        "labels={'severity': 'warning-changed'}",
    ]


def test_an_alert_that_does_not_wait_is_made_to() -> None:
    assert changes("a", labels={}) == ["for=15s"]


def test_a_reason_covers_what_it_names_and_is_stale_without_it() -> None:
    lives = Mutant("memory", "instance:cache_memory_used:ratio", 'x{fleet="c"}) > [0 -> 1])...', False, {})
    other = Mutant("memory", "CacheMemoryHigh", "for: 10m -> 10m15s", True, {})
    assert known.unexplained([lives, other]) == [other]
    assert len(known.stale([lives])) == len(known.KNOWN) - 1
