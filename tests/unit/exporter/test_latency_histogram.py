"""LATENCY HISTOGRAM: of whom it is asked, how it is read and what it looks like on the page."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from exporter.exposition import render
from exporter.failures import NodeError
from exporter.families import asking, questions, readings
from exporter.families import histograms as histogram_lines
from exporter.families.asking import Answer
from exporter.families.facts import Collection, Detail
from exporter.families.page import Kept
from policy.operations import Collect, Families
from tests.unit.exporter.helpers import Series, captured, series, value
from tests.unit.exporter.test_families import FIELDS, OWN, stats

HISTOGRAM = "redis_commands_latencies_usec"


def histograms(collect: Collect, commandstats: str, reply: object) -> Series:
    """The page of a node's details with these commands and this answer to LATENCY HISTOGRAM."""
    return series(render([Kept().histograms(OWN, detail_of(commandstats, reply), collect)]))


def detail_of(commandstats: str, reply: object) -> Detail:
    """Details with these commands and this answer to LATENCY HISTOGRAM."""
    answers = {"latency_histogram": Answer(readings.latency_histogram(reply), Collection(0.0))}
    return asking.detail(answers, commandstats, 0.0)


def said(command: str, calls: int, *buckets: int) -> list[object]:
    """A command in the answer to LATENCY HISTOGRAM."""
    return [command.encode(), [b"calls", calls, b"histogram_usec", list(buckets)]]


@pytest.mark.parametrize("version", ["redis-7.2.6", "redis-7.4.1"])
def test_every_histogram_of_every_version_is_read_and_grows_to_its_count(version: str) -> None:
    found = readings.latency_histogram(captured(version, "primary.latency_histogram"))
    commands = readings.command_rows(readings.commandstats(captured(version, "primary.info_all")))
    assert {one.command for one in found} <= {row[0] for row in commands}
    assert len(list(found)) > 10
    for one in found:
        assert all(less < more for numbers in (one.bounds, one.counts) for less, more in pairwise(numbers))
        assert one.counts[-1] == one.calls


def test_a_histogram_has_the_servers_buckets_and_the_time_of_exactly_that_command() -> None:
    """redis_exporter adds the time of every command whose name begins with it: GETEX to GET."""
    commands = stats("get", calls=5, usec=70) + stats("getex", calls=9, usec=9000)
    found = histograms(Collect(), commands, said("get", 5, 8, 3, 33, 5))
    buckets = {dict(labels)["le"]: count for (name, labels), count in found.items() if name == f"{HISTOGRAM}_bucket"}
    assert buckets == {"8": 3, "33": 5, "+Inf": 5}
    assert value(found, f"{HISTOGRAM}_sum", cmd="get") == 70
    assert value(found, f"{HISTOGRAM}_count", cmd="get") == 5


def test_a_histogram_is_written_once_for_a_detail_and_a_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Detail] = []

    def packed(detail: Detail, shown: Callable[[str], bool]) -> bytes:
        made.append(detail)
        return written(detail, shown)

    written = histogram_lines.packed
    monkeypatch.setattr(histogram_lines, "packed", packed)
    first, second = (detail_of(stats("get"), said("get", calls, 8, calls)) for calls in (5, 6))
    kept, collect = Kept(), Collect()
    pages = [kept.histograms(OWN, *of) for of in ((first, collect), (first, collect), (second, collect))]
    assert pages[0] == pages[1] != pages[2]
    assert made == [first, second]
    other = Collect.model_validate({"limits": {"commands": 1}})
    kept.histograms(OWN, second, other)
    kept.forget_detail()
    kept.histograms(OWN, second, other)
    assert made == [first, second, second, second], "another policy, and a detail that was let go, are written anew"


def test_a_command_may_have_any_name_in_its_histogram() -> None:
    found = histograms(Collect(), stats('a%d"%'), said('a%d"%', 5, 8, 3, 33, 5))
    assert value(found, f"{HISTOGRAM}_count", cmd='a%d"%') == 5


def test_histograms_over_the_limit_are_added_bucket_by_bucket() -> None:
    collect = Collect.model_validate({"limits": {"commands": 1}})
    reply = [*said("a", 1, 1, 1), *said("b", 7, 4, 2, 16, 7), *said("c", 10, 8, 9, 66, 10), *said("d", 0)]
    found = histograms(collect, stats("a", "b", "c", "d"), reply)
    buckets = {
        dict(labels)["le"]: count
        for (name, labels), count in found.items()
        if name == f"{HISTOGRAM}_bucket" and ("cmd", "other") in labels
    }
    assert buckets == {"4": 2, "8": 11, "16": 16, "66": 17, "+Inf": 17}
    assert value(found, f"{HISTOGRAM}_sum", cmd="other") == 3


def test_a_command_that_was_first_called_after_its_time_was_read_waits_for_the_next_time() -> None:
    found = histograms(Collect(), stats("get"), [*said("get", 1, 1, 1), *said("config|get", 1, 8, 1)])
    assert {dict(labels)["cmd"] for _, labels in found} == {"get"}


def test_a_server_that_tracks_no_latency_has_no_histograms_and_no_failed_part() -> None:
    assert not readings.latency_histogram([])


@pytest.mark.parametrize(
    "reply",
    [
        [b"get"],
        [b"get", 1],
        [b"get", [b"calls", 1]],
        [b"get", [b"calls", 1, b"histogram_usec", [1]]],
        [b"get", [b"calls", b"1", b"histogram_usec", [1, 1]]],
        [b"get", [[b"calls"], 1, b"histogram_usec", [1, b"x"]]],
        [b"get", [b"calls", 1, b"histogram_usec"]],
    ],
)
def test_a_histogram_in_another_form_fails_its_part(reply: object) -> None:
    with pytest.raises(NodeError) as refused:
        readings.latency_histogram(reply)
    assert refused.value.result == "protocol"


@pytest.mark.parametrize(
    ("version", "asked"),
    [("7.0.15", True), ("7.2.4", True), ("10.0.0", True), ("6.2.14", False), ("5.0.14", False), ("", False)],
)
def test_the_histogram_is_asked_of_servers_that_know_it(version: str, asked: bool) -> None:
    parts = [question.part for question in questions.detail({"redis_version": version}, Families())]
    assert ("latency_histogram" in parts) == asked


def test_the_histogram_is_not_asked_of_a_sentinel_nor_where_it_is_not_shown() -> None:
    sentinel = {"redis_version": "7.0.15", "redis_mode": "sentinel"}
    denied = Families(deny=(HISTOGRAM,))
    for fields, families in ((sentinel, Families()), (FIELDS, denied)):
        assert "latency_histogram" not in [question.part for question in questions.detail(fields, families)]


def test_the_histogram_alone_still_asks_for_the_time_of_the_commands() -> None:
    only = Families(allow=(HISTOGRAM,))
    assert [question.part for question in questions.cheap(FIELDS, only)] == ["info", "commands"]
    assert [question.part for question in questions.detail(FIELDS, only)] == ["latency_histogram"]
