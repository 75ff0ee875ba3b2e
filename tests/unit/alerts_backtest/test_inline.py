"""Recorded series are put back exactly, or not at all."""

import pytest

from alerts.backtest.inline import Recorded, book, inline, read_by
from alerts.backtest.selectors import NotUnderstood, selectors
from alerts.rules import groups
from tests.unit.alerts.policies import DATA, policy


def text(expr: str) -> str:
    found = inline(expr, BOOK)
    assert not found.kept
    return found.text


BOOK = book(
    [
        Recorded("a:x:rate", "sum by (fleet, le) (rate(x[1m]))", {}, "g", "15s"),
        Recorded("a:y:ratio", 'a:x:rate{le="1"} / 2', {}, "g", "15s"),
        Recorded("slo:e", "one", {"slo": "one"}, "g", "30s"),
        Recorded("slo:e", "two", {"slo": "$2"}, "g", "30s"),
        Recorded("a:loop", "a:loop + 1", {}, "g", "15s"),
        Recorded("a:step", "x - last_over_time(a:step[15m] offset 1ms)", {}, "g", "15s"),
        Recorded("a:told", 'x unless on () ALERTS{alertname="B"}', {}, "g", "15s"),
        Recorded("a:over", "max_over_time(a:x:rate[5m])", {}, "g", "15s"),
    ]
)


def names(expr: str) -> list[str]:
    return [selector.name for selector in selectors(expr)]


@pytest.mark.parametrize(
    ("expr", "found"),
    [
        ("up", ["up"]),
        ("sum by (fleet, up) (x) / ignoring (le) group_left (le) y", ["x", "y"]),
        ("sum(x) by (y) > bool 5", ["x"]),
        ("count without (le) (x) and on () z == NaN", ["x", "z"]),
        ("avg_over_time(rate(x[5m])[1h:1m] offset 1w) unless y", ["x", "y"]),
        ('x{a="}", b=~"\\"{,"} or `y`', ["x"]),
        ("time() - timestamp(x) > 1e3 + 0x1F", ["x"]),
        ("histogram_quantile(0.9, x) # and y", ["x"]),
    ],
)
def test_series_are_told_from_all_other_words(expr: str, found: list[str]) -> None:
    assert names(expr) == found


def test_a_selector_knows_its_parts() -> None:
    (found,) = selectors('absent_over_time( x:y{a="1",b!~"2|\\\\."}[5m] offset -1h )')
    assert (found.name, found.range, found.shift, found.inside) == ("x:y", "5m", "offset -1h", "absent_over_time")
    assert [(m.label, m.op, m.value) for m in found.matchers] == [("a", "=", "1"), ("b", "!~", "2|\\.")]


@pytest.mark.parametrize("name", DATA)
def test_all_generated_rules_are_put_on_raw_series(name: str) -> None:
    found = groups(policy(name))
    recorded = book(
        Recorded(rule["record"], rule["expr"], rule.get("labels", {}), group.name, "15s")
        for group in found.values()
        for rule in group.data()["rules"]
        if "record" in rule
    )
    for group in found.values():
        for rule in group.data()["rules"]:
            put = inline(rule["expr"], recorded)
            assert not {name for name in names(put.text) if name in recorded} - put.kept.keys()
            assert all(name.startswith("slo") for name in put.kept.keys() & recorded.keys()), "what reads its own past"


def test_what_records_nothing_stays_as_it_is() -> None:
    expr = 'max by (fleet) (last_over_time(x{fleet="a:x:rate"}[44s])) == 0'
    assert text(expr) == expr


def test_matchers_become_set_operations_on_the_result() -> None:
    assert text('a:x:rate{le="0.002"} < 1') == (
        '(((sum by (fleet, le) (rate(x[1m]))) and on (le) label_replace(vector(1), "le", "0.002", "", ""))) < 1'
    )
    assert "unless on (le) label_replace(vector(1)" in text('a:x:rate{le!="0.002"}')
    assert '"__kept__", "1", "le", "a|b") and on (__kept__)' in text('a:x:rate{le=~"a|b"}')
    assert '"__kept__", "1", "le", "a|b") unless on (__kept__)' in text('a:x:rate{le!~"a|b"}')


def test_records_of_records_are_followed() -> None:
    assert names(text("a:y:ratio > 1")) == ["x"]
    assert {s.name for s in read_by("a:y:ratio > 1", BOOK)} == {"a:y:ratio", "a:x:rate", "x"}


def test_of_several_rules_with_one_name_the_fitting_ones_are_taken() -> None:
    assert names(text('slo:e{slo="one"}')) == ["one"]
    assert names(text("slo:e")) == ["one", "two"]
    assert {s.name for s in read_by('slo:e{slo="one"}', BOOK)} == {"slo:e", "one"}
    assert {s.name for s in read_by("slo:e", BOOK)} == {"slo:e", "one", "two"}
    assert '"slo", "$$2"' in text("slo:e"), "a dollar is text in a label, and a group in label_replace"


def test_a_range_becomes_a_subquery_at_the_groups_interval() -> None:
    assert text("last_over_time(a:x:rate[5m] offset 1h)") == (
        "last_over_time(((sum by (fleet, le) (rate(x[1m]))))[5m:15s] offset 1h)"
    )
    assert text("max_over_time(a:x:rate[5m:1m])").endswith("[5m:1m])")


@pytest.mark.parametrize(
    ("expr", "kept", "said"),
    [
        ('absent(a:x:rate{le="1"})', "a:x:rate", "absent(a:x:rate) takes its labels"),
        ('x unless on () ALERTS{alertname="B"}', "ALERTS", "the state of alerts"),
        ("a:x:rate offset 5m", "a:x:rate", "read with 'offset 5m'"),
        ("max_over_time(a:x:rate[5m] @ 17)", "a:x:rate", "read with '@ 17'"),
        ('a:x:rate{__name__="a:x:rate"}', "a:x:rate", "by __name__"),
        ('a:x:rate{le="1",le="2"}', "a:x:rate", "twice"),
        ('slo:e{slo="three"}', "slo:e", "no recording rule gives"),
        ("a:loop", "a:loop", "reads itself"),
        ("sum_over_time(a:step[1h]) > 1", "a:step", "reads itself"),
    ],
)
def test_what_cannot_be_put_on_raw_series_exactly_stays_and_says_why(expr: str, kept: str, said: str) -> None:
    found = inline(expr, BOOK)
    assert found.text == expr
    assert list(found.kept) == [kept]
    assert said in found.kept[kept]


def test_around_a_series_that_stays_everything_else_is_put_on_raw_series() -> None:
    found = inline("a:told + a:x:rate", BOOK)
    assert found.text == '((x unless on () ALERTS{alertname="B"})) + ((sum by (fleet, le) (rate(x[1m]))))'
    assert list(found.kept) == ["ALERTS"]


def test_it_is_known_whether_a_record_is_read_over_a_range() -> None:
    assert inline("max_over_time(a:x:rate[5m])", BOOK).ranges
    assert inline("a:over", BOOK).ranges
    assert not inline("max_over_time(x[5m]) + a:x:rate", BOOK).ranges


@pytest.mark.parametrize(
    ("expr", "said"),
    [
        ('{__name__=~"a:.*"}', "without a metric name"),
        ("x $ y", "is not PromQL"),
        ("x{a=b}", "are not label="),
        ("x{a='it\\'s'}", "double quotes"),
        ('x{a="\\x41"}', "escapes"),
        ("x offset foo", "offset or @"),
        ("sum by (x", "no ) closes"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(expr: str, said: str) -> None:
    with pytest.raises(NotUnderstood) as told:
        inline(expr, BOOK)
    assert said in str(told.value)
