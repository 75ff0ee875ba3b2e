"""Rules that a Prometheus has loaded, against those that are built."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.running import rules
from alerts.running.answers import Groups
from alerts.running.expressions import canonical, fleets
from policy.model import Policy
from tests.unit.alerts import policies
from tests.unit.alerts_running import loaded

CURE = "give it rules/*.yml of this build and reload (SIGHUP)"
POLICY = policies.policy("static")
COUNT = sum(len(group["rules"]) for group in loaded.groups(POLICY))


def told(groups: list[dict[str, Any]], policy: Policy = POLICY, forms: dict[str, str] | None = None) -> list[str]:
    return list(rules.problems(rules.compare(policy, Groups.model_validate({"groups": groups})), forms or {}))


def group(groups: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(one for one in groups if one["name"] == name)


def rule(groups: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(one for each in groups for one in each["rules"] if one["name"] == name)


@pytest.mark.parametrize("name", policies.DATA)
def test_what_is_built_is_loaded(name: str) -> None:
    policy = policies.policy(name)
    assert told(loaded.groups(policy), policy) == []


def test_without_any_rule_there_is_one_problem() -> None:
    assert told([]) == [f"has no rule of this policy ({COUNT} are built): {CURE}"]


def test_rules_that_are_missing_are_counted_and_the_first_named() -> None:
    groups = loaded.groups(POLICY)
    group(groups, "cachewatch-memory")["rules"] = []
    del rule(groups, "CacheNodeDown")["name"]
    groups[0]["rules"] = [one for one in groups[0]["rules"] if "name" in one]
    (problem,) = told(groups)
    assert problem.startswith(f"4 of {COUNT} rules are missing: ")
    assert problem.endswith(f" and 1 more; {CURE}") or "CacheNodeDown" in problem


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("query", 'up{fleet="prod-cache"} > 0.9', "expr (or in its writing alone: this server does not tell)"),
        ("duration", 61.0, "for"),
        ("keepFiringFor", 1.0, "keep_firing_for"),
        ("labels", {"severity": "critical", "action": "page", "team": "x"}, "labels"),
        ("annotations", {"summary": "other"}, "annotations"),
    ],
)
def test_a_rule_that_is_another_is_told_with_what_differs(key: str, value: object, what: str) -> None:
    groups = loaded.groups(POLICY)
    rule(groups, "CacheVeryLowHitRate")[key] = value
    assert told(groups) == [f"1 of {COUNT} rules is not as built, in {what}: CacheVeryLowHitRate; {CURE}"]


def test_what_the_server_itself_writes_alike_is_alike() -> None:
    groups = loaded.groups(POLICY)
    one = rule(groups, "CacheVeryLowHitRate")
    built, one["query"] = one["query"], one["query"] + " unless vector(0)"
    forms = {canonical(built): "a", canonical(one["query"]): "a"}
    assert told(groups, forms=forms) == []
    forms[canonical(built)] = "b"
    assert told(groups, forms=forms) == [f"1 of {COUNT} rules is not as built, in expr: CacheVeryLowHitRate; {CURE}"]


def test_the_server_is_asked_of_those_alone_that_are_written_otherwise() -> None:
    groups = loaded.groups(POLICY)
    assert rules.compare(POLICY, Groups.model_validate({"groups": groups})).unlike() == ()
    one = rule(groups, "CacheVeryLowHitRate")
    built, one["query"] = one["query"], one["query"] + " unless vector(0)"
    found = rules.compare(POLICY, Groups.model_validate({"groups": groups}))
    assert found.unlike() == (canonical(built), canonical(one["query"]))


def test_a_group_at_another_interval_is_told_once() -> None:
    groups = loaded.groups(POLICY)
    group(groups, "cachewatch-memory")["interval"] = 60.0
    assert told(groups) == [
        f"groups are evaluated at another interval: cachewatch-memory each 1m in place of 15s; {CURE}"
    ]


def test_what_an_old_file_brings_is_told_with_the_file() -> None:
    groups = loaded.groups(POLICY)
    old = {"type": "recording", "name": "slo:gone", "query": 'sum(x{fleet="prod-cache"})', "health": "ok"}
    groups.append({"name": "cachewatch-slo-gone", "file": "/old/gone.yml", "interval": 30.0, "rules": [old]})
    (problem,) = told(groups)
    assert problem.startswith(
        "has 1 more rule of this fleet than the build: slo:gone, in /old/gone.yml; take the old file out"
    )


def test_what_is_loaded_twice_is_told() -> None:
    groups = loaded.groups(POLICY)
    groups.append({**group(groups, "cachewatch-memory"), "file": "/old/memory.yml"})
    (problem,) = told(groups)
    assert problem.startswith("has ")
    assert "in /old/memory.yml; take the old file out" in problem


def test_of_two_files_the_one_that_is_as_built_is_the_good_one() -> None:
    groups = loaded.groups(POLICY)
    good = group(groups, "cachewatch-memory")
    rules = [{**one, "query": one["query"] + " unless vector(0)"} for one in good["rules"]]
    (problem,) = told([{**good, "file": "/old/memory.yml", "rules": rules}, *groups])
    assert problem.startswith(f"has {len(rules)} more rules of this fleet than the build: ")
    assert ", in /old/memory.yml; take the old file out" in problem


def test_other_fleets_and_other_peoples_rules_are_nobodys_business() -> None:
    other = Policy.model_validate({"fleet": {"name": "other", "nodes": ["redis://10.0.0.9"]}})
    theirs = {"type": "alerting", "name": "Mine", "query": 'cache_node_up{fleet="prod-cache"}', "health": "err"}
    own = {"name": "my-team", "interval": 7.0, "rules": [theirs]}
    groups = loaded.groups(other)
    group(groups, "cachewatch-memory")["interval"] = 60.0
    for one in groups:
        one["file"] = one["file"].replace("prometheus", "theirs")
    assert told([*groups, *loaded.groups(POLICY), own]) == []
    assert told([*groups, own]) == [f"has no rule of this policy ({COUNT} are built): {CURE}"]


def test_rules_that_cannot_be_evaluated_are_told_with_the_reason() -> None:
    groups = loaded.groups(POLICY)
    rule(groups, "CacheMemoryHigh").update(health="err", lastError="many-to-many\x1b[2J " + "x" * 1000)
    (problem,) = told(groups)
    assert problem.startswith(
        "1 of the rules cannot be evaluated: CacheMemoryHigh; the first: many-to-many\\x1b[2J xxx"
    )
    assert len(problem) < 400


@pytest.mark.parametrize(
    ("built", "printed"),
    [
        ('a{z="1",b=~"2"}[5m]', 'a{b=~"2",z="1"}[5m]'),
        ('x{fleet="f"} < 1209600', 'x{fleet="f"} < 1.2096e+06'),
        (
            'label_replace(x{b="1",a="2"}, "n", "10", "m", "0.50")',
            'label_replace(x{a="2",b="1"}, "n", "10", "m", "0.50")',
        ),
    ],
)
def test_what_prometheus_prints_of_an_expression_is_the_same(built: str, printed: str) -> None:
    assert canonical(built) == canonical(printed)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('x{a="10"} > 1', 'x{a="1e1"} > 1'),
        ('label_replace(x, "n", "10", "m", "")', 'label_replace(x, "n", "1e1", "m", "")'),
        ("x[5m] > 1", "x[6m] > 1"),
        ("x > 1000000", "x > 1000001"),
        ("x offset 5m", "x offset 6m"),
        ('{a="1",b="2"}', '{b="2",a="1"}'),
    ],
)
def test_what_means_something_else_or_cannot_be_read_is_not(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


def test_the_fleets_of_an_expression() -> None:
    assert fleets('a{fleet="x"} and b{fleet=~"y",fleet="z"}') == {"x", "z"}
    assert fleets("{{{") == set()
