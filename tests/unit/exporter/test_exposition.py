"""The page's text: what Prometheus' own parser reads back is what was put in."""

import pytest

from exporter.exposition import Sample, Undeclared, label_text, render
from policy import metrics as m
from policy.metrics import Metric
from tests.unit.exporter.helpers import series


@pytest.mark.parametrize("text", ['say "hi"', "back\\slash", "two\nlines", "\\n", "caf\u00e9 \U0001f4a9", "}{,="])
def test_any_label_value_comes_back_as_it_was(text: str) -> None:
    page = render([Sample(m.NODE_ROLE, (("instance", "a:1"), ("role", text)), "1")])
    assert series(page) == {("cache_node_role", frozenset({("instance", "a:1"), ("role", text)})): 1.0}


def test_an_empty_label_is_left_out() -> None:
    assert label_text((("fleet", "f"), ("shard", ""))) == '{fleet="f"}'
    assert label_text((("shard", ""),)) == ""


def test_a_metric_that_the_catalogue_does_not_declare_is_refused() -> None:
    with pytest.raises(Undeclared, match=r"cache_secret_total .*policy/metrics\.py"):
        render([Sample(Metric("cache_secret_total", "counter", "", "?"), (), "1")])


def test_a_metric_that_only_has_a_declared_ones_name_is_refused() -> None:
    with pytest.raises(Undeclared):
        render([Sample(Metric(m.NODE_UP.name, "counter", "", "another meaning"), (), "1")])


def test_samples_of_a_family_stand_together_under_one_help_and_type_in_whatever_order_they_come() -> None:
    one, two = (("instance", "a:1"),), (("instance", "b:2"),)
    mixed = [Sample(m.HITS, one, "1"), Sample(m.MISSES, one, "2"), Sample(m.HITS, two, "3"), Sample(m.MISSES, two, "4")]
    lines = render(mixed).splitlines()
    assert [line.split("{")[0] for line in lines] == [
        f"# HELP cache_hits_total {m.HITS.help}",
        "# TYPE cache_hits_total counter",
        "cache_hits_total",
        "cache_hits_total",
        f"# HELP cache_misses_total {m.MISSES.help}",
        "# TYPE cache_misses_total counter",
        "cache_misses_total",
        "cache_misses_total",
    ]


def test_no_samples_are_an_empty_page() -> None:
    assert render([]) == ""
