"""Whose absence a page on an objective speaks of when it ends."""

import pytest

from alerts.unseen_ends import note_of_objective
from policy.alerts import UNSEEN
from policy.model import Policy
from policy.slos import Slo

WITHIN = {"latency": "3ms"}


def objective(name: str) -> Slo:
    more = {"good": "good_total", "total": "all_total"} if name == "checkout" else {}
    return Slo.model_validate({"name": name, "objective": 99, "within": WITHIN.get(name), **more})


@pytest.mark.parametrize(("slo", "prober"), [("availability", True), ("latency", True), ("hit_rate", False)])
def test_an_objective_that_the_prober_measures_ends_unseen_with_it(slo: str, prober: bool) -> None:
    note = note_of_objective(Policy(), objective(slo))[UNSEEN]
    assert "the exporter 127.0.0.1:9121 is gone" in note
    assert ("the prober of the exporter 127.0.0.1:9121 is silent" in note) is prober
    bucket = '_bucket{fleet=%q,op="ping",le="0.003"})` $labels.fleet | query }}the exporter 127.0.0.1:9121 has no bucket of 3ms'
    assert (bucket in note) is (slo == "latency")


def test_one_whose_events_others_count_says_nothing_of_the_exporter() -> None:
    assert note_of_objective(Policy(), objective("checkout")) == {}
