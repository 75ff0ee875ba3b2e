"""Facts -> lines: units by exponent, limits that hold, and replies that are no replies."""

import hiredis
import pytest

from exporter.exposition import render
from exporter.failures import NodeError
from exporter.families import readings, write
from exporter.families.facts import Detail, Extra
from exporter.families.page import Kept
from policy.operations import Collect
from tests.unit.exporter.helpers import VERSIONS, Series, captured, series, value

OWN = 'instance="a:1"'
FIELDS = {"redis_version": "7.0.15"}


def rows(*names: str, calls: int = 1) -> tuple[readings.CommandRow, ...]:
    """Commands, each called so often and slow by a microsecond."""
    return tuple((name, str(calls), "1", "0", "0") for name in names)


def shown(kept: Kept, collect: Collect, commands: tuple[readings.CommandRow, ...], **fields: str) -> Series:
    """The page of a node with these commands and fields."""
    return series(render([kept.cheap(OWN, {**FIELDS, **fields}, Extra(commands=commands), None, collect)]))


def test_a_unit_is_changed_by_an_exponent_and_reads_back_exactly() -> None:
    found = shown(Kept(), Collect(), (("get", "21", "8564", "0", "0"),))
    assert value(found, "redis_commands_duration_seconds_total", cmd="get") == 0.008564


def test_the_first_names_keep_their_series_and_later_ones_share_other() -> None:
    kept, collect = Kept(), Collect.model_validate({"limits": {"commands": 2}})
    shown(kept, collect, rows("get", "set"))
    found = shown(kept, collect, rows("aaa", "zzz", "set", "get", calls=5))
    calls = {dict(labels)["cmd"]: count for (name, labels), count in found.items() if name == "redis_commands_total"}
    assert calls == {"get": 5, "set": 5, "other": 10}
    assert len(kept.admission.over["commands"]) == 2


def test_a_flood_of_names_takes_no_memory_without_bound() -> None:
    kept, collect = Kept(), Collect.model_validate({"limits": {"errors": 1}})
    for turn in range(100):
        shown(kept, collect, (), **{f"errorstat_E{turn}": "count=1"})
    assert len(kept.admission.over["errors"]) == 10


def test_databases_that_hold_keys_are_shown_before_empty_ones() -> None:
    collect = Collect.model_validate({"limits": {"databases": 1}})
    found = shown(Kept(), collect, (), db9="keys=3,expires=1,avg_ttl=1500")
    assert value(found, "redis_db_keys", db="db9") == 3
    assert value(found, "redis_db_avg_ttl_seconds", db="db9") == 1.5
    assert value(found, "redis_db_keys", db="db0") is None


def test_a_label_that_a_server_made_up_cannot_break_the_page() -> None:
    found = shown(Kept(), Collect(), rows('ev"il\\'), **{'errorstat_A"B': "count=2"})
    assert value(found, "redis_commands_total", cmd='ev"il\\') == 1
    assert value(found, "redis_errors_total", err='A"B') == 2


@pytest.mark.parametrize(
    ("percent", "share"), [("50", "0.5"), ("99", "0.99"), ("99.9", "0.999"), ("100", "1"), ("0", "0")]
)
def test_a_percentile_becomes_a_quantile(percent: str, share: str) -> None:
    assert write.quantile(percent) == share


@pytest.mark.parametrize("version", VERSIONS)
def test_every_command_of_every_version_is_read(version: str) -> None:
    raw = captured(version, "primary.info_all")
    assert len(readings.commandstats(raw)) == raw.count(b"\r\ncmdstat_")
    assert len(readings.latencystats(raw)) == raw.count(b"\r\nlatency_percentiles_usec_")


def test_texts_are_made_anew_only_when_facts_or_labels_change() -> None:
    kept, extra, detail = Kept(), Extra(commands=rows("get")), Detail(0.0)
    first = kept.cheap(OWN, FIELDS, extra, detail, Collect())
    assert kept.cheap(OWN, FIELDS, extra, detail, Collect()) is first
    assert kept.cheap('instance="b:2"', FIELDS, extra, detail, Collect()) is not first
    assert kept.cheap(OWN, FIELDS, Extra(), detail, Collect()) is not first


@pytest.mark.parametrize("reply", [b"text", 7, None])
def test_a_reply_of_another_kind_is_refused_by_the_part(reply: object) -> None:
    for read in (readings.latency_latest, lambda r: readings.config([r]), lambda r: readings.slowlog(r, r)):
        with pytest.raises(NodeError):
            read(reply)


def test_an_error_reply_is_named_as_what_it_is() -> None:
    with pytest.raises(NodeError, match="NOPERM") as refused:
        readings.latency_latest(hiredis.ReplyError("NOPERM this user has no permissions"))
    assert refused.value.result == "auth"


def test_a_sentinel_without_quorum_says_so_and_is_no_failed_part() -> None:
    master = [b"name", b"a", b"ip", b"10.0.0.1", b"port", b"6379"]
    replica, down = [b"name", b"x", b"flags", b"slave"], [b"name", b"y", b"flags", b"s_down,slave"]
    quorum = hiredis.ReplyError("NOQUORUM 1 usable Sentinels")
    (read,) = readings.masters(["a"], [[master], quorum, [down], [replica, down]])
    assert (read.address, read.ok_sentinels, read.ok_replicas, read.quorum[1]) == ("10.0.0.1:6379", 1, 1, False)
