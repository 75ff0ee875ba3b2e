"""What the prober tells soon, and what may wait: that all goes on as it did is no news."""

from __future__ import annotations

import pytest

from exporter.probe_node import Event, ProbeNode
from exporter.prober import _MANY, INF, REPORT_EVERY, Prober

PAUSE = 0.5


def _told(prober: Prober, node: ProbeNode, *results: str, op: str = "ping") -> float:
    """Seconds until what ended so is told, after the report before it."""
    prober.news = prober.urgent = False
    node.events = [Event(node.instance, result, 0.001, op) for result in results]
    prober._settle(node)
    return prober.report_due() - prober.reported


@pytest.fixture
def prober() -> Prober:
    return Prober(steady=3, pause=PAUSE, reported=7.0)


def test_the_check_that_makes_a_node_up_is_news_and_those_after_it_wait(prober: Prober) -> None:
    node = ProbeNode("a", None)
    waits = [_told(prober, node, "success") for _ in range(3)]
    assert waits == pytest.approx([REPORT_EVERY, PAUSE, PAUSE])
    assert len(prober.events) == 3, "and none of them is lost"


@pytest.mark.parametrize("bad", ["timeout", "refused", "reset", "auth", ""])
def test_what_goes_wrong_is_news_and_so_are_the_checks_that_end_it(prober: Prober, bad: str) -> None:
    node = ProbeNode("a", None, awaited=0)
    waits = [_told(prober, node, result) for result in ("success", bad, "success", "success", "success", "success")]
    assert waits == pytest.approx([PAUSE] + [REPORT_EVERY] * 4 + [PAUSE])


def test_news_of_one_node_are_not_forgotten_over_a_steady_one(prober: Prober) -> None:
    ill, well = ProbeNode("ill", None, awaited=0), ProbeNode("well", None, awaited=0)
    _told(prober, ill, "timeout")
    well.events = [Event("well", "success", 0.001)]
    prober._settle(well)
    assert prober.report_due() == pytest.approx(prober.reported + REPORT_EVERY)


def test_writes_that_succeed_wait_and_one_that_fails_is_news(prober: Prober) -> None:
    node = ProbeNode("a", None, awaited=0)
    assert _told(prober, node, "success", op="set") == pytest.approx(PAUSE)
    assert _told(prober, node, "misconf", op="set") == pytest.approx(REPORT_EVERY)


def test_a_primary_that_takes_no_writes_any_more_is_told_at_once(prober: Prober) -> None:
    assert _told(prober, ProbeNode("a", None, awaited=0), "readonly", op="set") == -INF


def test_many_events_do_not_wait_for_more(prober: Prober) -> None:
    node = ProbeNode("a", None, awaited=0)
    assert _told(prober, node, *["success"] * (_MANY - 1)) == pytest.approx(PAUSE)
    assert _told(prober, node, "success") == pytest.approx(REPORT_EVERY)


def test_a_pause_of_none_is_not_a_storm_of_reports() -> None:
    assert Prober(pause=0.0, reported=7.0).report_due() == pytest.approx(7.0 + REPORT_EVERY)
