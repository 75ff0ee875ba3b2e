"""A figure is kept or missed by its own bound, and the ratio is ours over the peer's."""

from __future__ import annotations

import io
from collections import Counter

import pytest
from rich.console import Console

from bench import time_to_page
from bench.bad_nodes import told_apart
from bench.exporters import collections, series
from bench.figures import Figure, Versus, as_json, table, versus_json, versus_table
from bench.server_cost import Spent
from bench.soak import quarters


@pytest.mark.parametrize(("value", "most", "kept"), [(50, 50, True), (50.1, 50, False), (1e9, None, None)])
def test_a_figure_is_kept_up_to_its_bound_and_nothing_is_wanted_of_one_without(
    value: float, most: float | None, kept: bool | None
) -> None:
    figure = Figure("key", "name", value, "ms", most)
    assert figure.kept is kept
    assert as_json([figure]) == {"key": {"value": value, "unit": "ms", "wanted": most, "kept": kept}}


def test_a_ratio_is_ours_over_the_peers_and_a_peer_of_nothing_is_never_beaten() -> None:
    assert Versus("key", "name", 1.0, 4.0, 1 / 3).kept
    assert not Versus("key", "name", 2.0, 4.0, 1 / 3).kept
    assert not Versus("key", "name", 0.1, 0.0, 1 / 3).kept
    assert versus_json([Versus("key", "name", 1.0, 4.0, 0.5)]) == {
        "key": {"ours": 1.0, "peer": 4.0, "ratio": 0.25, "wanted": 0.5, "kept": True}
    }


def test_the_tables_say_what_is_wanted_and_what_was_kept() -> None:
    paper = Console(file=io.StringIO(), width=200)
    paper.print(table("title", [Figure("a", "quick", 1.26, "ms", 2), Figure("b", "slow", 3, "ms", 2)]))
    paper.print(
        versus_table("title", "CPU", [Versus("c", "a scrape", 1.0, 8.0, 0.1), Versus("d", "dearer", 3.0, 2.0, 0.5)])
    )
    assert isinstance(paper.file, io.StringIO)
    lines = paper.file.getvalue().splitlines()

    def row(name: str) -> list[str]:
        return [cell.strip() for cell in next(line for line in lines if name in line).strip("│").split("│")]

    assert row("quick") == ["quick", "1.3 ms", "<= 2 ms", "kept"]
    assert row("slow") == ["slow", "3.0 ms", "<= 2 ms", "missed"]
    assert row("a scrape") == ["a scrape", "1.000", "8.000", "1/8.0", "1/10", "missed"]
    assert row("dearer") == ["dearer", "3.000", "2.000", "1.5", "1/2", "missed"]


def test_what_a_server_spends_idle_is_taken_off_and_the_rest_is_never_less_than_nothing() -> None:
    assert Spent(cpu=3.0, took=10.0, times=1000).each(idle=0.1) == pytest.approx(2.0)
    assert Spent(cpu=0.5, took=10.0, times=1000).each(idle=0.1) == 0.0


def test_a_node_is_told_apart_when_all_of_its_checks_ended_in_the_one_class() -> None:
    checks = Counter(
        {("a", "timeout"): 9, ("a", "success"): 0, ("b", "timeout"): 8, ("b", "reset"): 1, ("c", "refused"): 9}
    )
    assert told_apart(checks, ["a"], "timeout") == 1
    assert told_apart(checks, ["b", "c", "nobody"], "timeout") == 0


def test_collections_and_series_are_read_off_the_page() -> None:
    page = (
        "# TYPE redis_up gauge\n"
        'redis_up{instance="a"} 1\nredis_up{instance="b"} 0\ncache_node_up{instance="a"} 1\n'
        'redis_exporter_scrapes_total{instance="a"} 12\nredis_exporter_scrapes_total{instance="b"} 3e1\n'
    )
    assert collections(page) == 42
    assert series(page) == 4


def test_a_figure_may_have_to_be_so_much_at_least() -> None:
    share = Figure("share", "a share", 0.99, "", least=1.0)
    assert share.kept is False
    assert share.wanted == ">= 1"
    assert Figure("share", "a share", 1.0, "", least=1.0).kept
    assert as_json([share])["share"]["wanted"] == 1.0


@pytest.mark.parametrize(("longest", "kept"), [(4.9, [True, True]), (5.2, [False, True]), (5.6, [False, False])])
def test_the_time_to_page_is_held_against_what_is_wanted_and_against_the_bound(
    longest: float, kept: list[bool]
) -> None:
    assert [figure.kept for figure in time_to_page.wanted("killed", longest, 5.5)] == kept


def test_of_what_is_held_the_last_quarter_is_put_beside_the_second_and_a_start_is_left_out() -> None:
    assert quarters([90.0, 9.0, 1.0, 2.0, 3.0, 50.0, 60.0, 70.0, 4.0, 6.0, 5.0, 5.0]) == (3.0, 5.0)
