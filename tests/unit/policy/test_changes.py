"""`--set`: values in place of the file's, checked by the same loader, with the same messages."""

from pathlib import Path

import pytest

from policy.changes import read
from policy.loader import PolicyError, load, parse

TEXT = "fleet: {name: shop, nodes: ['redis://a', {url: 'redis://b'}]}\nthresholds:\n  hit_rate:\n    warning: {below: 76%}\n"


def test_a_value_takes_the_place_of_the_files() -> None:
    changed = (read("thresholds.hit_rate.warning.below=72%"), read("fleet.nodes.1.shard=s"), read("rules.interval=30s"))
    policy = parse(TEXT, "p.yaml", Path(), changed).policy
    assert float(policy.thresholds.hit_rate.warning.below) == 0.72
    assert policy.fleet.nodes[1].shard == "s"
    assert policy.rules.interval.total_seconds() == 30
    assert policy.fleet.name == "shop"


def test_a_key_of_a_node_in_its_short_form_can_be_changed_and_one_inside_a_text_not() -> None:
    assert parse(TEXT, "p.yaml", Path(), (read("fleet.nodes.0.shard=s"),)).policy.fleet.nodes[0].shard == "s"
    with pytest.raises(PolicyError, match="has no keys; give the whole value"):
        parse("fleet: {files: ['a/*.yaml']}\n", "p.yaml", Path(), (read("fleet.files.0.x=1"),))


def test_the_defaults_can_be_changed_as_well() -> None:
    assert load(None, (read("slos=[{name: availability, objective: 99.9}]"),)).policy.slos[0].ratio * 1000 == 999


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("thresholds.hit_rate.warning.below", "is not KEY=VALUE"),
        ("=1", "is not KEY=VALUE"),
        ("a..b=1", "is not KEY=VALUE"),
        ("a=[", "has a value that is not YAML"),
    ],
)
def test_what_is_no_change_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("thresholds.hit_rate.warning.below=72", "72 is not a share; write a percentage, as in 75%"),
        ("thresholds.hit_rat.warning.below=72%", "unknown key; did you mean hit_rate?"),
        ("fleet.nodes.7.shard=x", "the list above has 2 entries, counted from 0"),
        ("fleet.nodes.x=1", "the list above has 2 entries, counted from 0"),
        ("slos.0.objective=99", "there is no list in the file that 0 could count in"),
    ],
)
def test_a_wrong_one_is_told_with_the_option_and_the_key(text: str, said: str) -> None:
    with pytest.raises(PolicyError) as told:
        parse(TEXT, "p.yaml", Path(), (read(text),))
    assert str(told.value).startswith("--set: ")
    assert said in str(told.value)


def test_problems_of_the_file_and_of_the_options_come_together() -> None:
    with pytest.raises(PolicyError) as told:
        parse(TEXT + "health: {failures: 0}\n", "p.yaml", Path(), (read("rules.interval=soon"),))
    lines = str(told.value).splitlines()
    assert [line.split(":")[0] for line in lines] == ["--set", "p.yaml"]


def test_what_a_change_breaks_elsewhere_is_told_where_it_stands() -> None:
    """The key that is wrong now is the file's, at its line."""
    with pytest.raises(PolicyError) as told:
        parse(TEXT, "p.yaml", Path(), (read("thresholds.hit_rate.critical.below=77%"),))
    assert str(told.value).startswith("p.yaml:4: thresholds.hit_rate.warning.below: ")
