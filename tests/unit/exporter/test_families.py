"""Facts -> lines: units by exponent, limits that hold, and replies that are no replies."""

import gc
from typing import Any

import hiredis
import pytest

from exporter import info
from exporter.exposition import render
from exporter.failures import NodeError
from exporter.families import commands, fixed, latency, questions, readings, write
from exporter.families.facts import Detail, Extra
from exporter.families.page import Admission, Kept
from exporter.forms import Own
from exporter.layout import Fields
from policy.operations import Collect, Families
from tests.unit.exporter.helpers import VERSIONS, Series, captured, series, value

OWN = Own.of('instance="a:1"')
FIELDS = {"redis_version": "7.0.15"}


def stats(*names: str, calls: int = 1, usec: int = 1, late: bool = True) -> str:
    """INFO commandstats of commands, each called so often and slow by so many microseconds."""
    more = ",rejected_calls=2,failed_calls=3" if late else ""
    rows = (f"cmdstat_{name}:calls={calls},usec={usec},usec_per_call=1.00{more}\r\n" for name in names)
    return "# Commandstats\r\n" + "".join(rows)


def shown(kept: Kept, collect: Collect, commandstats: str = "", **fields: str) -> Series:
    """The page of a node with these commands and fields."""
    extra, known = Extra(commandstats=commandstats), {**FIELDS, **fields}
    blocks = [
        fixed.numbers(OWN, known),
        kept.commands(OWN, extra, collect),
        kept.rest(OWN, known, extra, None, collect),
    ]
    return series(render(blocks))


def test_a_unit_is_changed_by_an_exponent_and_reads_back_exactly() -> None:
    found = shown(Kept(), Collect(), stats("get", calls=21, usec=8564))
    assert value(found, "redis_commands_duration_seconds_total", cmd="get") == 0.008564


def test_the_first_names_keep_their_series_and_later_ones_share_other() -> None:
    kept, collect = Kept(), Collect.model_validate({"limits": {"commands": 2}})
    shown(kept, collect, stats("get", "set"))
    found = shown(kept, collect, stats("aaa", "zzz", "set", "get", calls=5))
    calls = {dict(labels)["cmd"]: count for (name, labels), count in found.items() if name == "redis_commands_total"}
    assert calls == {"get": 5, "set": 5, "other": 10}
    assert len(kept.admission.over["commands"]) == 2


def test_a_flood_of_names_takes_no_memory_without_bound() -> None:
    kept, collect = Kept(), Collect.model_validate({"limits": {"errors": 1}})
    for turn in range(100):
        shown(kept, collect, **{f"errorstat_E{turn}": "count=1"})
    assert len(kept.admission.over["errors"]) == 10


def test_errors_that_an_alert_reads_have_their_series_however_many_others_there_are() -> None:
    kept, collect = Kept(), Collect.model_validate({"limits": {"errors": 1}})
    shown(kept, collect, errorstat_first="count=1")
    read = {f"errorstat_{name}": f"count={count}" for name, count in {"OOM": 7, "NOAUTH": 8, "READONLY": 9}.items()}
    found = shown(kept, collect, errorstat_second="count=2", **read)
    errors = {dict(labels)["err"]: count for (name, labels), count in found.items() if name == "redis_errors_total"}
    assert errors == {"OOM": 7, "NOAUTH": 8, "READONLY": 9, "other": 2}
    assert kept.admission.over["errors"] == {"second"}


def test_what_a_server_itself_calls_other_is_added_to_the_others() -> None:
    kept, collect = Kept(), Collect.model_validate({"limits": {"errors": 1, "commands": 1}})
    shown(kept, collect, stats("get"), errorstat_first="count=1")
    errors = {"errorstat_first": "count=1", "errorstat_second": "count=2", "errorstat_other": "count=4"}
    found = shown(kept, collect, stats("get", "set", "other", calls=3), **errors)
    assert value(found, "redis_errors_total", err="other") == 6
    assert value(found, "redis_commands_total", cmd="other") == 6
    alone = shown(Kept(), Collect(), stats("get", "other", calls=3), errorstat_other="count=4")
    assert value(alone, "redis_errors_total", err="other") == 4
    assert value(alone, "redis_commands_total", cmd="other") == 3


def test_a_percentile_that_is_set_twice_is_one_series() -> None:
    raw = b"# Latencystats\r\nlatency_percentiles_usec_get:p50=1.003,p50=1.003,p99=5.023\r\n"
    detail = Detail(0.0, latencystats=readings.latencystats(raw), commandstats=stats("get"))
    found = series(render([Kept().detail(OWN, detail, Collect())]))
    name = "redis_latency_percentiles_usec"
    assert {q: value(found, name, cmd="get", quantile=q) for q in ("0.5", "0.99")} == {"0.5": 1.003, "0.99": 5.023}


def test_commands_beyond_the_limit_have_a_sum_and_a_count_of_their_latency_together() -> None:
    raw = "# Latencystats\r\n" + "".join(f"latency_percentiles_usec_{cmd}:p50=1.003\r\n" for cmd in ("a", "b", "c"))
    detail = Detail(
        0.0, latencystats=readings.latencystats(raw.encode()), commandstats=stats("a", "b", "c", calls=3, usec=5)
    )
    found = series(render([Kept().detail(OWN, detail, Collect.model_validate({"limits": {"commands": 1}}))]))
    name = "redis_latency_percentiles_usec"
    assert value(found, name, cmd="a", quantile="0.5") == 1.003
    assert value(found, name, cmd="b", quantile="0.5") is None
    assert value(found, name, cmd="other", quantile="0.5") is None
    assert [value(found, f"{name}_{suffix}", cmd="other") for suffix in ("sum", "count")] == [10, 6]


def test_two_fields_that_are_written_alike_are_one_series() -> None:
    rows = (("my-section", "foo.bar", "1"), ("my-section", "foo_bar", "2"), ("my-section", "foo", "3"))
    found = series(render([Kept().rest(OWN, FIELDS, Extra(unmapped=rows), None, Collect())]))
    assert value(found, "redis_info_my_section_foo_bar") == 1
    assert value(found, "redis_info_my_section_foo") == 3


def test_databases_that_hold_keys_are_shown_before_empty_ones() -> None:
    collect = Collect.model_validate({"limits": {"databases": 1}})
    found = shown(Kept(), collect, db9="keys=3,expires=1,avg_ttl=1500")
    assert value(found, "redis_db_keys", db="db9") == 3
    assert value(found, "redis_db_avg_ttl_seconds", db="db9") == 1.5
    assert value(found, "redis_db_keys", db="db0") is None


def test_a_server_that_tells_of_countless_databases_is_not_believed() -> None:
    detail = Detail(0.0, config={"databases": "9" * 12})
    found = series(render([Kept().rest(OWN, FIELDS, Extra(), detail, Collect())]))
    assert sum(name == "redis_db_keys" for name, _ in found) == Collect().limits.databases


def test_an_empty_database_takes_no_place_from_one_that_gets_keys_later() -> None:
    kept, collect = Kept(), Collect.model_validate({"limits": {"databases": 2}})
    detail = Detail(0.0, config={"databases": "16"})

    def keys(**fields: str) -> dict[str, float]:
        page = series(render([kept.rest(OWN, {**FIELDS, **fields}, Extra(), detail, collect)]))
        return {dict(labels)["db"]: count for (name, labels), count in page.items() if name == "redis_db_keys"}

    assert keys() == {"db0": 0, "db1": 0}
    assert keys(db9="keys=3,expires=0") == {"db9": 3, "db0": 0}
    assert keys(db7="keys=4,expires=0", db9="keys=3,expires=0") == {"db7": 4, "db9": 3}
    assert kept.admission.over["databases"] == set()
    assert keys(db7="keys=4,expires=0") == {"db7": 4, "db9": 0}, "one that was emptied keeps its series"
    assert keys(db1="keys=5,expires=2", db7="keys=4,expires=0") == {"db7": 4, "db9": 0, "other": 5}
    assert kept.admission.over["databases"] == {"db1"}


def test_percentiles_become_a_summary_with_the_calls_and_time_of_the_same_moment() -> None:
    raw = captured("redis-7.2.6", "primary.info_all")
    detail = Detail(0.0, latencystats=readings.latencystats(raw), commandstats=readings.commandstats(raw))
    found = series(render([Kept().detail(OWN, detail, Collect())]))
    (get,) = (row for row in readings.command_rows(detail.commandstats) if row[0] == "get")
    percents, rows = readings.latency_rows(detail.latencystats)
    assert percents == ("50", "99", "99.9")
    (percentiles,) = (row[1:] for row in rows if row[0] == "get")
    name = "redis_latency_percentiles_usec"
    shown = [value(found, f"{name}{suffix}", cmd="get") for suffix in ("_count", "_sum")]
    assert shown == [float(get[1]), float(get[2])]
    assert [value(found, name, cmd="get", quantile=q) for q in ("0.5", "0.99", "0.999")] == [
        float(usec) for usec in percentiles
    ]


def test_a_label_that_a_server_made_up_cannot_break_the_page() -> None:
    found = shown(Kept(), Collect(), stats('ev"il\\'), **{'errorstat_A"B': "count=2"})
    assert value(found, "redis_commands_total", cmd='ev"il\\') == 1
    assert value(found, "redis_errors_total", err='A"B') == 2


@pytest.mark.parametrize(
    ("percent", "share"), [("50", "0.5"), ("99", "0.99"), ("99.9", "0.999"), ("100", "1"), ("0", "0")]
)
def test_a_percentile_becomes_a_quantile(percent: str, share: str) -> None:
    assert latency.quantile(percent) == share


@pytest.mark.parametrize("version", VERSIONS)
def test_every_command_of_every_version_is_read(version: str) -> None:
    raw = captured(version, "primary.info_all")
    assert len(readings.command_rows(readings.commandstats(raw))) == raw.count(b"\r\ncmdstat_")
    assert len(readings.latency_rows(readings.latencystats(raw))[1]) == raw.count(b"\r\nlatency_percentiles_usec_")


def test_commands_of_a_server_before_6_2_have_no_refusals_and_failures() -> None:
    found = shown(Kept(), Collect(), stats("get", "set", late=False))
    assert value(found, "redis_commands_total", cmd="get") == 1
    assert not any(name.startswith(("redis_commands_rejected", "redis_commands_failed")) for name, _ in found)


def test_refusals_and_failures_are_told_apart_and_added_up_in_other() -> None:
    collect = Collect.model_validate({"limits": {"commands": 1}})
    found = shown(Kept(), collect, stats("a", "b", "c"))
    assert [value(found, "redis_commands_rejected_calls_total", cmd=cmd) for cmd in ("a", "other")] == [2, 4]
    assert [value(found, "redis_commands_failed_calls_total", cmd=cmd) for cmd in ("a", "other")] == [3, 6]


def test_a_number_that_no_server_counts_is_left_out_and_costs_nobody_the_page() -> None:
    long = "9" * 400
    lines = stats("get") + f"cmdstat_mad:calls={long},usec=1,usec_per_call=1.00\r\n"
    found = shown(
        Kept(), Collect(), lines, used_memory=long, errorstat_MAD=f"count={long}", db0=f"keys={long},expires=0"
    )
    assert {dict(own).get("cmd") for name, own in found if name == "redis_commands_total"} == {"get"}
    assert not {name for name, _ in found} & {"redis_memory_used_bytes", "redis_errors_total"}
    assert value(found, "redis_db_keys", db="db0") == 0


def test_lines_of_details_are_made_anew_only_when_they_change() -> None:
    kept, detail, collect = Kept(), Detail(0.0, config={"maxclients": "5"}), Collect()
    first = kept.detail(OWN, detail, collect)
    assert kept.detail(OWN, detail, collect).texts is first.texts
    assert render([kept.detail(Own.of('instance="b:2"'), detail, collect)]).endswith(b'{instance="b:2"} 5\n')
    assert kept.detail(OWN, Detail(1.0, config={"maxclients": "6"}), collect).texts != first.texts


def turns() -> list[str]:
    """What commandstats may become from one collection to the next."""
    three = stats("get", "set", "config|get")
    return [
        three,
        three.replace("get:calls=1,", "get:calls=7,"),
        three.replace("usec=1,", "usec=100,").replace("failed_calls=3", "failed_calls=4"),
        stats("get", "config|get", "set"),
        stats("get", "set", "mset"),
        stats("get", "set", "mset", "del"),
        stats("get", "set", "mset", "del", late=False),
        stats("get", "set", "mset", "del", calls=5, late=False),
        stats("get").replace("calls=1", f"calls={'9' * 400}"),
        stats("get"),
        "",
        stats(*(f"c{at}" for at in range(40)), calls=3),
        stats(*(f"c{at}" for at in range(40)), calls=4),
        stats(*(f"c{at}" for at in range(40)), calls=4).replace("cmdstat_c1:calls=4", "cmdstat_c1:calls=5"),
    ]


@pytest.mark.parametrize("limit", [2, 500])
def test_commands_that_changed_are_shown_as_if_all_were_written_anew(limit: int) -> None:
    collect = Collect.model_validate({"limits": {"commands": limit}})
    kept, seen = Kept(), Admission()
    for said in turns():
        page = render([kept.commands(OWN, Extra(commandstats=said), collect)])
        assert page == render([Kept(seen).commands(OWN, Extra(commandstats=said), collect)])


def test_the_form_of_their_commands_is_one_for_all_nodes_and_goes_with_the_last_of_them() -> None:
    """Each set of commands that a node of a year once had would be kept else."""
    ours, theirs, mine = stats("only-here"), stats("only-here"), stats("only-here", "and-there")
    first, second = Kept(), Kept()
    for kept, said in ((first, ours), (second, theirs)):
        kept.commands(OWN, Extra(commandstats=said), Collect())
    assert _forms("only-here") == 1
    first.commands(OWN, Extra(commandstats=mine), Collect())
    assert _forms("only-here") == 2
    del second, kept
    assert _forms("only-here") == 1
    del first
    assert _forms("only-here") == 0


def _forms(command: str) -> int:
    """How many forms are there that have this command's lines."""
    gc.collect()
    forms = (found for found in gc.get_objects() if isinstance(found, commands.Shared))
    return sum(f'cmd="{command}"' in "".join(found.form.between) for found in forms)


def test_only_the_lines_of_commands_that_changed_are_written() -> None:
    before = stats(*(f"c{at}" for at in range(40)))
    after = before.replace("cmdstat_c7:calls=1", "cmdstat_c7:calls=2")
    texts = [commands.texts(readings.command_rows(text))[0] for text in (before, after)]
    assert commands.rewritten(texts[0], before, after) == texts[1]
    assert commands.rewritten(texts[0], before, before.replace("calls=1", "calls=2")) is None


class Watched(Fields):
    """Fields that remember which of them were asked for."""

    __slots__ = ("asked",)

    def __init__(self, fields: Fields) -> None:
        super().__init__(fields.layout, fields.groups)
        self.asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return super().__getitem__(name)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("role", ["primary", "replica"])
def test_lines_that_stay_are_made_of_nothing_but_what_is_looked_at_for_changes(version: str, role: str) -> None:
    """A field that is read and not looked at would be shown with its value of yesterday."""
    fields = info.parse(captured(version, f"{role}.info_all"))
    assert isinstance(fields, Fields)
    watched = Watched(fields)
    Kept().rest(OWN, watched, Extra(wall=1e9), None, Collect())
    known = {*write.READ, *fixed.worded(fields.layout), *fields.listed, "uptime_in_seconds"}
    assert watched.asked <= known


def test_lines_that_stay_change_with_each_field_that_they_are_made_of() -> None:
    fields, kept = info.parse(captured("redis-7.2.6", "replica.info_all")), Kept()
    assert isinstance(fields, Fields)
    places = [fields.layout.places[name] for name in write.READ if name in fields.layout.places]
    for changed in places:
        groups = tuple("7" if at == changed else text for at, text in enumerate(fields.groups))
        other = Fields(fields.layout, groups)
        for now in (fields, other):
            expected = render([Kept().rest(OWN, now, Extra(), None, Collect())])
            assert render([kept.rest(OWN, now, Extra(), None, Collect())]) == expected
    assert len(places) > 10


@pytest.mark.parametrize("reply", [b"text", 7, None])
def test_a_reply_of_another_kind_is_refused_by_the_part(reply: object) -> None:
    reads = (readings.latency_latest, readings.latency_histogram, lambda r: readings.config([r]))
    for read in (*reads, lambda r: readings.slowlog(r, r)):
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


def test_settings_without_a_value_fail_their_part() -> None:
    with pytest.raises(NodeError):
        readings.config([[b"maxmemory"]])


def test_the_mode_of_a_server_has_another_name_in_valkey() -> None:
    asked = {}
    for mode in ("standalone", "cluster", "sentinel"):
        valkey, redis = ({"redis_version": "7.2.4", name: mode} for name in ("server_mode", "redis_mode"))
        every = (
            (questions.cheap(f, Families()), questions.learned(f), questions.detail(f, Families()))
            for f in (valkey, redis)
        )
        asked[mode], of_redis = every
        assert asked[mode] == of_redis
        page = series(render([Kept().rest(OWN, valkey, Extra(), None, Collect())]))
        assert value(page, "redis_instance_info", redis_mode=mode) == 1
    assert len({str(found) for found in asked.values()}) == 3


@pytest.mark.parametrize("said", ["unlimited", "16.0", "", "-1", None])
def test_a_number_of_databases_that_is_none_costs_nobody_the_page(said: str | None) -> None:
    detail = None if said is None else Detail(0.0, config={"databases": said})
    page = series(render([Kept().rest(OWN, FIELDS, Extra(), detail, Collect())]))
    assert sum(name == "redis_db_keys" for name, _ in page) == 16


@pytest.mark.parametrize("spike", [[b"command", b"now", 5], [b"command", 1700000000, None]])
def test_a_latency_spike_without_numbers_fails_its_part(spike: list[object]) -> None:
    with pytest.raises(NodeError):
        readings.latency_latest([[*spike, 7]])


def test_of_replicas_behind_one_address_the_worst_is_shown() -> None:
    row = "ip=172.17.0.1,port=6379,state=online,offset={},lag={}"
    fields = {**FIELDS, "slave0": row.format(90, 0), "slave1": row.format(100, 900), "slave2": row.format(95, 20)}
    page = render([Kept().rest(OWN, fields, Extra(), None, Collect())]).decode()
    lines = [line for line in page.splitlines() if line.startswith("redis_connected_slave_")]
    assert [line.rpartition(" ")[2] for line in lines] == ["90", "900"]


def test_a_servers_own_words_are_cut_before_they_become_labels() -> None:
    """What is kept of label texts is kept for as long as the exporter runs."""
    found = shown(Kept(), Collect(), stats("x" * 300, "get"), redis_version="9" * 5000, errorstat_OOM="count=1")
    (said,) = [dict(labels) for name, labels in found if name == "redis_instance_info"]
    assert said["redis_version"] == "9" * 256
    made = write._instance.cache_info().misses
    shown(Kept(), Collect(), redis_version="9" * 5001)
    assert write._instance.cache_info().misses == made, "what it is kept by is cut, too"
    assert {dict(labels)["cmd"] for name, labels in found if name == "redis_commands_total"} == {"get"}
