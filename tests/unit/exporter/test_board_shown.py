"""What stands in a row of the board: its number, why there is none, which percentile, and the colour of a budget."""

from __future__ import annotations

import pytest

from dashboards.colours import BUDGET
from exporter.board import rows
from exporter.board.heard import Heard
from exporter.board.view import Answers
from tests.unit.exporter.helpers import check, info_of, watching
from tests.unit.exporter.test_board_verdict import WALL, at, document, down, fleet, nodes, said


def test_a_silent_prober_is_no_news_of_the_nodes() -> None:
    state = fleet("a")
    down(state, 1)
    state_, text = said(state, 104.0)
    assert (state_, text) == ("unknown", "Cachewatch's own prober is silent: nobody knows whether the nodes answer.")
    found = document(state, 104.0)
    assert found["counts"]["nodes"]["unknown"] == 2
    assert found["verdict"]["since_unix_seconds"] == WALL + 100
    for of in (found, *found["shards"]):
        for name in ("availability", "latency_p50", "latency_p95", "latency_p99"):
            row = of["promises"][name]
            assert row == {"state": "unknown", rows.unit(name): None, "why": "the prober is silent"}, name
    assert found["promises"]["memory"]["ratio"] == 0.1, "that is the nodes' own word"
    check(state, at(2), ["success"], 105.0)
    assert document(state, 105.0)["promises"]["availability"]["ratio"] == pytest.approx(11 / 14, abs=1e-6)


def test_why_no_latency_is_known_is_true() -> None:
    state = watching(fleet=nodes("a"))

    def why(now: float = 100.0) -> str:
        told: str = document(state, now)["promises"]["latency_p95"]["why"]
        return told

    assert why() == "nothing was measured yet"
    down(state, 1, 2)
    assert why() == "no node has been up for long enough"
    for number in (1, 2):
        check(state, at(number), ["success"] * 5, 101.0)
    assert why(102.0) == "no node has been up for long enough"


def test_a_node_shows_each_percentile_that_is_beyond_its_limit_beside_the_usual_one() -> None:
    state = fleet("a")
    for _ in range(20):
        state.checked(at(1), "success", 0.05, 100.0)
    for _ in range(980):
        state.checked(at(1), "success", 0.0001, 100.0)
    shown = {node["instance"]: node for node in document(state)["shards"][0]["nodes"]}
    latencies = {n: {k: v["state"] for k, v in node.items() if k.startswith("latency")} for n, node in shown.items()}
    assert latencies[at(1)] == {"latency_p95": "ok", "latency_p99": "critical"}
    assert latencies[at(2)] == {"latency_p95": "ok"}
    assert "instance" not in shown[at(1)]["latency_p99"]


def test_a_number_beyond_a_limit_is_never_shown_as_the_limit() -> None:
    state = fleet("a")
    used = info_of(0, 0, role="master", used_memory="90004", maxmemory="100000")
    state.collected(at(1), used, 0.001, 100.0)
    found = document(state)
    assert found["verdict"]["text"] == f"Memory of {at(1)} is above 90 %, its critical limit"
    assert found["verdict"]["detail"] == found["promises"]["memory"]["text"] == "90.004 %"


@pytest.mark.parametrize("left", [1.0, 0.25, 0.2499999, 0.00001, 0.0, -0.00001, -3.0, None])
def test_a_budget_has_the_colour_that_the_dashboards_give_it(left: float | None) -> None:
    state = fleet("a", slos=[{"name": "latency", "within": "2ms", "objective": 95}])  # only Prometheus knows it
    answers = Answers(budgets=Heard(90.0, "", True), left={0: left})
    colours = [step.color for step in BUDGET if left is not None and (step.value is None or step.value <= left)]
    meant = {"green": "ok", "orange": "warning", "red": "critical"}[colours[-1]] if colours else "unknown"
    assert document(state, answers=answers)["objectives"][0]["state"] == meant
