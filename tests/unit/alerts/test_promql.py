from datetime import timedelta

import pytest

from alerts import promql


@pytest.mark.parametrize(
    ("text", "quoted"),
    [("plain", '"plain"'), ('a"b', '"a\\"b"'), ("a\\b", '"a\\\\b"'), ("a\nb\tc", '"a\\nb\\tc"'), ("é☂", '"é☂"')],
)
def test_a_label_value_is_quoted_as_promql_reads_it(text: str, quoted: str) -> None:
    assert promql.quote(text) == quoted


def test_a_selector_leaves_out_a_label_that_has_no_value() -> None:
    assert promql.selector("up", job="a", shard="", instance="b") == 'up{job="a",instance="b"}'
    assert promql.selector("up", shard="") == "up"


def test_a_point_in_a_matched_value_matches_only_a_point() -> None:
    assert promql.one_of(["0.5", "1.0"]) == '"0\\\\.5|1\\\\.0"'


def test_each_opening_brace_of_policy_text_is_printed_by_an_action_of_its_own() -> None:
    assert promql.template_text("a{{ b }}") == 'a{{"{"}}{{"{"}} b }}'


@pytest.mark.parametrize(("given", "shown"), [(600_000_000, "10m"), (1, "1ms"), (1500, "2ms"), (0, "0s")])
def test_a_duration_is_rounded_up_to_what_prometheus_knows(given: int, shown: str) -> None:
    assert promql.duration(timedelta(microseconds=given)) == shown


@pytest.mark.parametrize(
    ("text", "code"), [("prod", "`prod`"), ("a`b", "`` a`b ``"), ("``", "``` `` ```"), ("a\nb", '`"a\\nb"`')]
)
def test_a_name_stays_inside_its_code_span(text: str, code: str) -> None:
    assert promql.markdown_code(text) == code
