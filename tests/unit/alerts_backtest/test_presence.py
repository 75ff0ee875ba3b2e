"""When a series was in the history, by the looks for it, and in which words that is said."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.backtest.history import Window
from alerts.backtest.plan import Rule, rules
from alerts.backtest.presence import (
    Presence,
    Span,
    earliest,
    in_part,
    lacking,
    looks,
    present,
    unfounded,
    wanted,
    young,
)
from alerts.model import Alert, Group, Record
from alerts.rules import groups
from policy.model import Policy

STEPS = Record("a:step", 'x - last_over_time(a:step{b="c"}[15m] offset 1ms)')
BUCKET = 'x_bucket{fleet="f",le="0.002"}'
WHOLE = Window(0, 100_000)


def planned(expr: str) -> Rule:
    alert = Alert("A", expr, {}, {})
    (rule,) = rules({"g": Group("g", timedelta(seconds=15), (STEPS, Record("a:y", "y"), alert))})
    return rule


def test_an_alert_on_a_record_that_only_the_history_could_give_is_not_judged_without_it() -> None:
    rule = planned('a:step{b="c"} > 1')
    never, always = Presence(0.0), Presence(1.0)
    assert "it needs a:step" in unfounded(rule, {('a:step{b="c"}', 0): never, ("x", 0): always})
    assert unfounded(rule, {('a:step{b="c"}', 0): Presence(0.2), ("x", 0): always}) == ""
    assert lacking(rule, {('a:step{b="c"}', 0): never, ("x", 0): never}) == ("the history has no x: judged without it",)


def test_an_alert_on_raw_series_is_judged_by_what_there_is() -> None:
    assert unfounded(planned("a:y > 1"), {("y", 0): Presence(0.0)}) == ""
    assert [one.text for one in wanted(planned("a:y > 1"))] == ["y"]


def test_of_a_list_of_buckets_each_rule_wants_those_that_it_counts_and_an_objective_its_own() -> None:
    policy = Policy.model_validate({"slos": [{"name": "latency", "objective": 99, "within": "3ms"}]})
    found = {
        (rule.name, rule.labels["severity"]): {one.bound for one in wanted(rule)} - {""}
        for rule in rules(groups(policy))
        if "Latency" in rule.name or "Budget" in rule.name
    }
    assert found["CacheHighLatency", "warning"] == {"0.002"}
    assert found["CacheVeryHighLatency", "critical"] == {"0.005"}
    assert found["CacheHighLatencyP99", "warning"] == {"0.001", "0.002", "0.005"}
    assert found["CacheErrorBudgetBurnFast", "critical"] == {"0.003"}


def test_a_bucket_stands_with_its_count_a_fact_of_the_fleet_with_its_nodes_and_all_else_alone() -> None:
    rule = planned(f'{BUCKET} > y_bucket{{le!="5"}} + z{{a="b",fleet="f"}} + cache_node_up{{fleet="f"}}')
    assert {one.text: one.beside for one in wanted(rule)} == {
        BUCKET: 'x_count{fleet="f"}',
        'y_bucket{le!="5"}': "",
        'z{a="b",fleet="f"}': 'cache_node_up{fleet="f"}',
        'cache_node_up{fleet="f"}': "",
    }


def test_a_bucket_is_there_when_it_is_on_every_node_and_another_series_when_it_is_on_one() -> None:
    nodes, there = {0: 2.0, 1: 2.0, 2: 2.0, 3: 1.0}, {1: 1.0, 2: 2.0, 3: 1.0}
    assert looks(nodes, there, on_all=True) == [(0, False), (1, False), (2, True), (3, True)]
    assert looks(nodes, there, on_all=False) == [(0, False), (1, True), (2, True), (3, True)]


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ("1111", Presence(1.0, Span(0, 3, False, False))),
        ("0011", Presence(0.5, Span(2, 3, True, False))),
        ("1110", Presence(0.75, Span(0, 2, False, True))),
        ("0110", Presence(0.5, Span(1, 2, True, True))),
        ("1011", Presence(0.75, Span(2, 3, True, False), gaps=True)),
        ("0000", Presence(0.0)),
    ],
)
def test_the_longest_span_without_a_gap_is_kept(seen: str, expected: Presence) -> None:
    assert present([(at, there == "1") for at, there in enumerate(seen)]) == expected


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (
            Presence(0.4, Span(60_000, 100_000, True, False)),
            "only 40% of the time that it has the nodes, from 1970-01-01T00:01:00Z on: without it no alert fires by it or is",
        ),
        (Presence(0.4, Span(60_000, 100_000, True, False)), "held back by it; ask with --from 1970-01-01T00:01:00Z"),
        (Presence(0.999, Span(0, 90_000, False, True)), "only 99% of the time that it has the nodes, until "),
        (Presence(0.999, Span(0, 90_000, False, True)), "; ask with --to 1970-01-01T00:01:30Z"),
        (Presence(0.001, Span(1000, 2000, True, True)), "only 1% of the time that it has the nodes, from "),
        (
            Presence(0.2, Span(1000, 2000, True, True)),
            "; ask with --from 1970-01-01T00:00:01Z --to 1970-01-01T00:00:02Z",
        ),
        (Presence(0.2, Span(1000, 2000, True, True), True), "nodes, longest from 1970-01-01T00:00:01Z to "),
        (Presence(0.0), "at no time on all nodes"),
    ],
)
def test_a_bucket_that_was_there_for_a_part_only_is_said_with_what_to_do(seen: Presence, said: str) -> None:
    (found,) = in_part(planned(f"{BUCKET} > 1"), {(BUCKET, 0): seen}, WHOLE)
    assert found.startswith("the history has the bucket of 0.002 s ")
    assert said in found


def test_a_bucket_is_whole_when_it_was_always_there_and_another_series_when_it_missed_little() -> None:
    rule = planned(f"{BUCKET} > y")
    always, late = Presence(1.0, Span(0, 100_000, False, False)), Span(5000, 100_000, True, False)
    assert in_part(rule, {(BUCKET, 0): always, ("y", 0): Presence(0.95, late)}, WHOLE) == ()
    (found,) = in_part(rule, {(BUCKET, 0): always, ("y", 0): Presence(0.85, late)}, WHOLE)
    assert found.startswith(
        "the history has y only 85% of the time that Prometheus ran, from 1970-01-01T00:00:05Z on: the rest"
    )


def test_what_reads_far_back_is_whole_only_when_it_finds_that_there_as_well() -> None:
    rule = planned("sum_over_time(a:y[1h]) > 1")
    (found,) = in_part(rule, {("y", 3600_000): Presence(0.5, Span(-60_000, 100_000, True, False))}, WHOLE)
    assert found.endswith("; its windows of 1h are whole at no time")
    week = Window(0, 7 * 86400_000)
    (found,) = in_part(rule, {("y", 3600_000): Presence(0.5, Span(0, week.end, True, False))}, week)
    assert found.endswith("; ask with --from 1970-01-01T01:00:00Z: from then on its windows of 1h are whole")


def test_prometheus_own_holes_are_asked_for_as_far_back_as_what_stands_alone_is_read() -> None:
    alone, of_fleet = planned("sum_over_time(a:y[1h]) > 1"), planned('sum_over_time(z{fleet="f"}[1h]) > 1')
    assert earliest([alone, of_fleet], WHOLE) == -3600_000
    assert earliest([replace(of_fleet, hold=5000)], WHOLE) == -5000


def test_a_histogram_that_was_never_there_is_said_as_such() -> None:
    found = {(BUCKET, 0): Presence(0.0), ('x_count{fleet="f"}', 0): Presence(0.0)}
    assert lacking(planned(f"{BUCKET} > 1"), found) == (f"the history has no {BUCKET}: judged without it",)
    assert in_part(planned(f"{BUCKET} > 1"), found, WHOLE) == ()


def test_a_fleet_that_is_young_is_said_once_and_not_of_its_alerts() -> None:
    rule = planned('cache_node_up{fleet="f"} > 1')
    found = {('cache_node_up{fleet="f"}', 0): Presence(0.5, Span(50_000, 100_000, True, False))}
    assert in_part(rule, found, WHOLE) == ()
    (said,) = young([rule, replace(rule, name="B")], found, WHOLE)
    assert said == (
        'the history has cache_node_up{fleet="f"} only 50% of the time that Prometheus ran, from 1970-01-01T00:00:50Z on: '
        "without it nothing is known of the nodes; ask with --from 1970-01-01T00:00:50Z"
    )
