"""The colours on the dashboard are the numbers of the policy."""

from __future__ import annotations

from policy.model import Policy
from tests.unit.dashboards.board import board, panel, policy_from, steps

OTHER = policy_from(
    """
thresholds:
  hit_rate: {target: 95%, warning: {below: 92.5%, for: 1m}, critical: {below: 90%, for: 30s}}
  latency_p50: {target: 250us, warning: {above: 700us}, critical: {above: 3ms}}
  latency_p95: {target: 3ms, warning: {above: 4ms, for: 1m}, critical: {above: 6ms, for: 1m}}
  latency_p99: {target: 7ms, warning: {above: 8ms}, critical: {above: 1s}}
  availability: {target: 99.95%, warning: {below: 99.5%}, critical: {below: 98%}}
  memory: {target: 50%, warning: {above: 60%, for: 5m}, critical: {above: 70%}}
slos: [{name: availability, objective: 99.95, window: 7d}]
"""
)


def test_by_default_the_steps_are_the_numbers_of_the_seed() -> None:
    data = board(Policy())
    low_is_bad = [(None, "red"), (0.7, "orange"), (0.75, "yellow"), (0.8, "green")]
    assert steps(panel(data, "Hit rate")) == steps(panel(data, "Hit rate by shard")) == low_is_bad
    assert steps(panel(data, "Latency p95")) == [(None, "green"), (0.001, "yellow"), (0.002, "orange"), (0.005, "red")]
    assert steps(panel(data, "Memory by node")) == [(None, "green"), (0.8, "yellow"), (0.85, "orange"), (0.9, "red")]
    assert steps(panel(data, "Availability 99.99% over 30d")) == [(None, "red"), (0.9999, "green")]


def test_another_policy_gives_other_steps_everywhere() -> None:
    data = board(OTHER)
    expected = {
        "Hit rate": [(None, "red"), (0.9, "orange"), (0.925, "yellow"), (0.95, "green")],
        "Latency p50": [(None, "green"), (0.00025, "yellow"), (0.0007, "orange"), (0.003, "red")],
        "Latency p95": [(None, "green"), (0.003, "yellow"), (0.004, "orange"), (0.006, "red")],
        "Latency p99": [(None, "green"), (0.007, "yellow"), (0.008, "orange"), (1.0, "red")],
        "Memory share": [(None, "green"), (0.5, "yellow"), (0.6, "orange"), (0.7, "red")],
        "Health checks that succeeded": [(None, "red"), (0.98, "orange"), (0.995, "yellow"), (0.9995, "green")],
        "Availability 99.95% over 7d": [(None, "red"), (0.9995, "green")],
    }
    assert {title: steps(panel(data, title)) for title in expected} == expected
    for short in ("p50", "p95", "p99"):
        assert steps(panel(data, f"Latency {short}, slowest node")) == expected[f"Latency {short}"]
    assert steps(panel(data, "Memory by node")) == expected["Memory share"]


def test_equal_bounds_leave_the_colour_that_decides() -> None:
    data = board(policy_from("thresholds: {memory: {target: 85%, warning: {above: 85%}}, hit_rate: {target: 75%}}"))
    assert steps(panel(data, "Memory share")) == [(None, "green"), (0.85, "orange"), (0.9, "red")]
    assert steps(panel(data, "Hit rate")) == [(None, "red"), (0.7, "orange"), (0.75, "green")]


def test_the_description_says_in_words_what_the_colours_say() -> None:
    data = board(OTHER)
    assert (
        "target 95%, warning below 92.5% for 1m, critical below 90% for 30s" in panel(data, "Hit rate")["description"]
    )
    assert (
        "target 0.25ms, warning above 0.7ms for 5m, critical above 3ms for 2m"
        in panel(data, "Latency p50")["description"]
    )


def test_a_threshold_line_is_drawn_where_there_is_a_threshold() -> None:
    data = board(Policy())
    styles = {
        t: panel(data, t)["fieldConfig"]["defaults"]["custom"]["thresholdsStyle"]["mode"]
        for t in ("Hit rate by shard", "Clients")
    }
    assert styles == {"Hit rate by shard": "dashed", "Clients": "off"}


def test_states_are_named_not_only_coloured() -> None:
    data = board(Policy())

    def named(title: str) -> dict[str, str]:
        (mapping,) = panel(data, title)["fieldConfig"]["defaults"]["mappings"]
        return {value: result["text"] for value, result in mapping["options"].items()}

    assert named("Up and down") == {"1": "UP", "0": "DOWN"}
    assert named("Breaker") == {"0": "closed", "1": "trying again", "2": "open"}
    assert named("Alerts") == {"3": "critical", "2": "warning", "1": "pending"}


def test_an_unwatched_fleet_is_red_and_says_so() -> None:
    for title in ("Nodes down", "Nodes up"):
        (mapping,) = panel(board(Policy()), title)["fieldConfig"]["defaults"]["mappings"]
        assert mapping["options"] == {
            "match": "null+nan",
            "result": {"text": "NOT WATCHED", "color": "red", "index": 0},
        }


def test_latencies_of_nodes_that_all_are_down_are_not_called_unwatched() -> None:
    """Their buckets are there and do not grow: that is NaN, and the exporter answers."""
    mappings = panel(board(Policy()), "Latency p95, slowest node")["fieldConfig"]["defaults"]["mappings"]
    assert [(one["options"]["match"], one["options"]["result"]["text"]) for one in mappings] == [
        ("null", "NOT WATCHED"),
        ("nan", "no answers"),
    ]
