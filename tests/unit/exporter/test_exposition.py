"""The page's text: what Prometheus' own parser reads back is what was put in."""

import pytest

from exporter.exposition import Sample, Undeclared, families, label_text, lines_of, render
from exporter.forms import ALONE, END, NUMBER, OWN, Block, Form, Own, block, braces, slot
from policy import metrics as m
from policy.metrics import Metric
from tests.unit.exporter.helpers import series


@pytest.mark.parametrize("text", ['say "hi"', "back\\slash", "two\nlines", "\\n", "caf\u00e9 \U0001f4a9", "}{,="])
def test_any_label_value_comes_back_as_it_was(text: str) -> None:
    page = render([lines_of([Sample(m.NODE_ROLE, (("instance", "a:1"), ("role", text)), "1")])])
    assert series(page) == {("cache_node_role", frozenset({("instance", "a:1"), ("role", text)})): 1.0}


def test_an_empty_label_is_left_out() -> None:
    assert label_text((("fleet", "f"), ("shard", ""))) == '{fleet="f"}'
    assert label_text((("shard", ""),)) == ""


def test_a_metric_that_the_catalogue_does_not_declare_is_refused() -> None:
    with pytest.raises(Undeclared, match=r"cache_secret_total .*policy/metrics\.py"):
        lines_of([Sample(Metric("cache_secret_total", "counter", "", "?"), (), "1")])


def test_a_family_that_the_catalogue_does_not_declare_is_refused() -> None:
    with pytest.raises(Undeclared, match=r"cache_secret_total .*policy/metrics\.py"):
        render([Block(("cache_secret_total",), [b"cache_secret_total 1\n"])])


def test_a_metric_that_only_has_a_declared_ones_name_is_refused() -> None:
    with pytest.raises(Undeclared):
        lines_of([Sample(Metric(m.NODE_UP.name, "counter", "", "another meaning"), (), "1")])


def test_samples_of_a_family_stand_together_under_one_help_and_type_in_whatever_order_they_come() -> None:
    one, two = (("instance", "a:1"),), (("instance", "b:2"),)
    mixed = [Sample(m.HITS, one, "1"), Sample(m.MISSES, one, "2"), Sample(m.HITS, two, "3"), Sample(m.MISSES, two, "4")]
    lines = render([lines_of(mixed)]).decode().splitlines()
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


def test_a_node_that_has_not_every_family_keeps_the_others_together() -> None:
    blocks = [
        block([(name, slot(name).replace(NUMBER, "1")) for name in names], Own.of('instance="a:1"'))
        for names in (("redis_up", "cache_hits_total"), ("cache_hits_total",), ("redis_up", "cache_hits_total"))
    ]
    page = render(blocks).decode()
    assert page.count("# TYPE") == 2
    assert [line.split("{")[0] for line in page.splitlines() if line[0] != "#"] == ["redis_up"] * 2 + [
        "cache_hits_total"
    ] * 3


@pytest.mark.parametrize("late", [True, False])
def test_labels_that_come_late_are_those_of_each_node(late: bool) -> None:
    owns = [f'instance="a:{at}"' for at in range(40)]
    form = Form.of([("redis_up", slot("redis_up", op="x")), ("cache_node_role", slot("cache_node_role"))])
    late_ones = [Block(form.families, form.texts(("1", "2")), Own.of(own)) for own in owns]
    page = render(late_ones if late else [form.filled(Own.of(own), ("1", "2")) for own in owns]).decode()
    lines = [line for line in page.splitlines() if line[0] != "#"]
    assert lines[:40] == [f'redis_up{{{own},op="x"}} 1' for own in owns]
    assert lines[40:] == [f"cache_node_role{{{own}}} 2" for own in owns]
    assert render([Block(form.families, form.texts(("1", "2")), Own())]).endswith(b"\ncache_node_role 2\n")


@pytest.mark.parametrize("own", [Own.of('instance="a"'), Own(), None])
def test_the_page_of_one_node_is_what_the_page_of_all_would_be_with_that_node_alone(own: Own | None) -> None:
    lines = [
        (m.REDIS_UP.name, f"{m.REDIS_UP.name}{braces()} 1\n"),
        (m.NODE_UP.name, m.NODE_UP.name + braces('a="b"') + " 1\n"),
    ]
    blocks = [block([line], own) for line in lines]
    assert render(blocks) == b"".join(text for texts in families(blocks) for text in texts)


def test_a_family_that_goes_on_in_another_part_of_the_page_begins_once() -> None:
    begun: set[str] = set()
    one, two = ([block([("redis_up", f"redis_up{braces()} 1\n")], Own.of(f'instance="{at}"'))] for at in "ab")
    page = b"".join(text for part in (one, two) for some in families(part, begun) for text in some)
    assert page == render([*one, *two])


@pytest.mark.parametrize("own", ["", 'instance="50%",shard="a\\"b"'])
def test_a_form_is_filled_whatever_stands_in_its_labels(own: str) -> None:
    form = Form.of([("redis_up", slot("redis_up")), ("cache_node_role", slot("cache_node_role", role="100% %s"))])
    up, role = (text.decode() for text in form.filled(Own.of(own), ("1", "2.5")).texts)
    assert up == (f"redis_up{{{own}}} 1\n" if own else "redis_up 1\n")
    assert role == f'cache_node_role{{{own}{"," if own else ""}role="100% %s"}} 2.5\n'


def test_a_form_takes_as_many_numbers_as_it_has_places() -> None:
    with pytest.raises(ValueError, match="size 2"):
        Form.of([("redis_up", slot("redis_up"))]).filled(Own(), ("1", "2"))


def test_what_forms_are_cut_by_cannot_come_in_a_label() -> None:
    page = render([lines_of([Sample(m.NODE_ROLE, (("role", f"a{OWN}b{END}c{NUMBER}d{ALONE}"),), "1")])])
    assert series(page) == {("cache_node_role", frozenset({("role", "a\ufffdb\ufffdc\ufffdd\ufffd")})): 1.0}


def test_no_samples_are_an_empty_page() -> None:
    assert render([]) == b""
