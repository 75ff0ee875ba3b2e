"""State -> samples: what is shown, what is withheld, under which labels."""

from dataclasses import replace
from typing import Any

import pytest

from exporter import info, samples
from exporter.exposition import render
from exporter.families import readings
from exporter.families.facts import Detail, Extra
from exporter.quorum import Sentinels
from exporter.state import Collection, State
from exporter.targets import Target
from policy.agreement import fingerprint
from policy.buckets import latency_bounds
from policy.metrics import CATALOGUE, HEALTH_RESULTS, NODE_LABELS, le
from policy.operations import Collect, Families
from tests.unit.exporter.helpers import (
    VERSIONS,
    Series,
    captured,
    check,
    facts_text,
    info_of,
    labels_of,
    policy,
    series,
    value,
    watching,
)

A = Target.at("10.0.0.1", 6379, "shard-a")
B = Target.at("10.0.0.2", 6379, "")
V6 = Target.at("::1", 6379, "shard-a")


def page(state: State, now: float = 0.0) -> Series:
    """Both pages in one, as /metrics shows them."""
    return series(render(samples.sli(state, now)).decode() + facts_text(state, now))


def full(version: str = "redis-7.2.6") -> State:
    """Two nodes, asked and probed."""
    state = watching(A, B)
    state.collected(A.instance, info.parse(captured(version, "primary.info")), 0.002, 0.0)
    state.collected(B.instance, info.parse(captured(version, "replica.info")), 0.002, 0.0)
    for instance in (A.instance, B.instance):
        check(state, instance, ["success"])
    state.parts["sentinel"] = Collection(0.01)
    return state


@pytest.mark.parametrize("version", VERSIONS)
def test_every_series_has_only_labels_that_the_catalogue_declares(version: str) -> None:
    for name, own in page(full(version)):
        family = next(n for n in (name, name.rsplit("_", 1)[0]) if n in CATALOGUE)
        allowed = {*NODE_LABELS, *CATALOGUE[family].labels, *(["le"] if name.endswith("_bucket") else [])}
        assert {label for label, _ in own} <= allowed, name


def test_every_node_series_names_fleet_and_instance_and_the_shard_when_there_is_one() -> None:
    found = page(full())
    of_a = [dict(own) for _, own in found if ("instance", A.instance) in own]
    of_b = [dict(own) for _, own in found if ("instance", B.instance) in own]
    assert len(of_a) > 60
    assert all((own["fleet"], own["shard"]) == ("cache", "shard-a") for own in of_a)
    assert all(own["fleet"] == "cache" and "shard" not in own for own in of_b)


def test_an_ipv6_node_is_labelled_in_brackets() -> None:
    state = watching(V6)
    check(state, V6.instance, ["success"])
    assert value(page(state), "cache_node_up", instance="[::1]:6379") == 1


def test_the_light_page_has_cache_series_only_and_the_facts_have_none() -> None:
    state = full()
    assert {n.split("_")[0] for n, _ in series(render(samples.sli(state, 0.0)))} == {"cache"}
    assert {n.split("_")[0] for n, _ in series(facts_text(state, 0.0))} == {"redis"}


def test_hits_misses_and_memory_are_those_of_info() -> None:
    fields = info.parse(captured("redis-7.2.6", "primary.info"))
    found = page(full())
    for name, field in (
        ("cache_hits_total", "keyspace_hits"),
        ("cache_misses_total", "keyspace_misses"),
        ("cache_memory_used_bytes", "used_memory"),
    ):
        assert value(found, name, instance=A.instance) == float(fields[field])


def test_hits_of_a_node_that_does_not_tell_them_are_not_shown_as_none() -> None:
    state = watching(A)
    state.collected(A.instance, {"redis_version": "7.0.15", "keyspace_hits": "5", "used_memory": "1"}, 0.002, 0.0)
    assert value(page(state), "cache_memory_used_bytes") == 1
    assert value(page(state), "cache_hits_total") is value(page(state), "cache_misses_total") is None


def test_the_role_is_a_series_of_its_own_and_no_label_of_a_counter() -> None:
    found = page(full())
    assert value(found, "cache_node_role", instance=A.instance, role="primary") == 1
    assert value(found, "cache_node_role", instance=B.instance, role="replica") == 1
    assert all("role" not in own for own in labels_of(found, "cache_hits_total"))


def test_a_node_nobody_has_checked_has_no_verdict_rather_than_a_false_one() -> None:
    state = watching(A)
    state.prober_reported(0.0, 0.0)
    assert value(page(state), "cache_node_up") is None
    assert value(page(state), "redis_up") is None


def test_facts_are_withdrawn_after_three_intervals_and_redis_up_says_so_at_once() -> None:
    state = full()
    state.failed(A.instance, "no answer in time", 1.0)
    before, after = page(state, 30.0), page(state, 30.1)
    assert value(before, "redis_up", instance=A.instance) == 0
    assert value(before, "cache_hits_total", instance=A.instance) is not None
    assert value(after, "cache_hits_total", instance=A.instance) is None
    assert value(after, "redis_memory_used_bytes", instance=A.instance) is None
    assert value(after, "redis_up", instance=A.instance) == 0


def test_a_collection_that_no_longer_runs_does_not_read_as_a_node_that_is_up() -> None:
    state = full()
    assert value(page(state, 30.0), "redis_up", instance=A.instance) == 1
    assert value(page(state, 30.1), "redis_up", instance=A.instance) == 0
    assert value(page(state, 30.1), "cache_collect_success", instance=A.instance, part="info") == 0


def test_a_dead_probers_last_word_is_withdrawn_after_three_seconds() -> None:
    state = full()
    probed = ("cache_node_up", "cache_health_checks_total", "cache_probe_duration_seconds_count")
    assert all(labels_of(page(state, 3.0), name) for name in probed)
    assert not any(labels_of(page(state, 3.1), name) for name in (*probed, "cache_probe_schedule_lag_seconds"))
    check(state, A.instance, ["success"], now=4.0)
    assert value(page(state, 4.0), "cache_health_checks_total", instance=A.instance, result="success") == 2


def test_every_result_class_is_there_from_the_start_at_zero() -> None:
    shown = {own["result"] for own in labels_of(page(full()), "cache_health_checks_total")}
    assert shown == set(HEALTH_RESULTS)


def test_the_histogram_has_every_bound_of_the_policy_and_counts_up() -> None:
    state = full()
    state.checked(A.instance, "success", 0.002, 0.0)  # exactly a threshold of the seed
    state.checked(A.instance, "", 1.5, 0.0)
    found, name = page(state), "cache_probe_duration_seconds"
    bounds = [*(le(b) for b in latency_bounds(state.policy)), "+Inf"]
    counts = [value(found, f"{name}_bucket", instance=A.instance, op="ping", le=bound) for bound in bounds]
    assert counts == sorted(c for c in counts if c is not None)
    assert counts[-1] == value(found, f"{name}_count", instance=A.instance) == 3
    assert value(found, f"{name}_bucket", instance=A.instance, le="0.002") == 2
    assert value(found, f"{name}_sum", instance=A.instance) == pytest.approx(1.503)


def test_one_breaker_state_is_on() -> None:
    state = watching(A)
    for _ in range(3):
        state.nodes[A.instance].breaker.record(0.0, False)
    shown = {own["state"]: value(page(state), "cache_breaker_state", **own) for own in _states(page(state))}
    assert shown == {"closed": 0, "open": 1, "half_open": 0}


def _states(found: Series) -> list[dict[str, str]]:
    return [dict(own) for own in labels_of(found, "cache_breaker_state")]


@pytest.mark.parametrize(
    ("fields", "parts", "source", "limit"),
    [
        ({"maxmemory": "1000", "total_system_memory": "9000"}, {"memory_limit": "5kB"}, "maxmemory", 1000),
        ({"maxmemory": "0", "total_system_memory": "9000"}, {"memory_limit": "5kB"}, "policy", 5000),
        ({"maxmemory": "0", "total_system_memory": "9000"}, {}, "system", 9000),
    ],
)
def test_the_limits_source_stands_on_it(fields: dict[str, str], parts: dict[str, Any], source: str, limit: int) -> None:
    state = watching(fleet=parts)
    state.collected("127.0.0.1:6379", {**info_of(), **fields}, 0.0, 0.0)
    assert value(page(state), "cache_memory_limit_bytes", source=source) == limit
    assert len(labels_of(page(state), "cache_memory_limit_bytes")) == 1


@pytest.mark.parametrize(("keys", "shown"), [("allkeys-lfu", 1), ("noeviction", 0), (None, None)])
def test_it_is_said_of_a_node_whether_it_evicts_where_it_says_so(keys: str | None, shown: int | None) -> None:
    state = watching()
    fields = {**info_of(), "maxmemory": "1000", **({"maxmemory_policy": keys} if keys else {})}
    state.collected("127.0.0.1:6379", fields, 0.0, 0.0)
    assert value(page(state), "cache_memory_evicts") == shown


def test_a_node_that_left_is_on_no_page_and_what_comes_late_does_not_bring_it_back() -> None:
    state = full()
    state.retarget([A])
    state.collected(B.instance, info_of(5, 5), 0.1, 0.0)
    state.failed(B.instance, "no answer in time", 0.1)
    check(state, B.instance, ["success"])
    assert not any(("instance", B.instance) in own for _, own in page(state))


def test_a_node_that_stays_keeps_its_counts_when_others_come_and_go() -> None:
    state = full()
    state.retarget([A, V6])
    assert value(page(state), "cache_health_checks_total", instance=A.instance, result="success") == 1


def test_of_each_shard_the_sentinels_that_are_known_and_usable_are_shown_and_where_nobody_says_it_none() -> None:
    state = full()
    state.sentinels = {"shard-a": Sentinels(usable=2, known=3)}
    found = page(state)
    for name, count in (("cache_sentinels_usable", 2), ("cache_sentinels_known", 3)):
        assert {(own["fleet"], own["shard"]) for own in labels_of(found, name)} == {("cache", "shard-a")}
        assert value(found, name) == count
    assert "cache_sentinels" not in str(page(full()))


def test_a_silent_sentinel_is_a_failed_part_of_the_fleet() -> None:
    state = full()
    state.parts["sentinel"] = Collection(1.0, "no Sentinel answers: refused")
    assert value(page(state), "cache_collect_success", part="sentinel") == 0
    assert value(page(state), "cache_collect_duration_seconds", part="sentinel") == 1.0


def test_the_worst_lag_of_the_last_fifteen_seconds_is_shown() -> None:
    state = watching(A)
    state.prober_reported(0.25, 0.0)
    state.prober_reported(0.01, 10.0)
    assert value(page(state, 10.0), "cache_probe_schedule_lag_seconds") == 0.25
    state.prober_reported(0.01, 15.1)
    assert value(page(state, 15.1), "cache_probe_schedule_lag_seconds") == 0.01


class _Odd(dict[str, str]):
    """Facts that nobody foresaw."""

    def get(self, name: str, default: Any = None) -> Any:
        raise RuntimeError(f"{name} is odd")


def test_facts_that_nobody_foresaw_cost_their_own_node_a_part_and_are_said(caplog: pytest.LogCaptureFixture) -> None:
    state, sound = full(), page(full())
    good = state.nodes[A.instance].facts
    assert good is not None
    state.nodes[A.instance].facts = replace(good, fields=_Odd())
    for _ in range(2):
        found = page(state)
    assert {key for key in sound if ("instance", B.instance) in key[1]} == {
        key for key in found if ("instance", B.instance) in key[1]
    }
    assert value(found, "redis_up", instance=A.instance) == 1
    assert value(found, "redis_connected_clients", instance=A.instance) is None
    assert value(found, "cache_collect_success", part="page", instance=A.instance) == 0
    told = [record.getMessage() for record in caplog.records]
    assert told == [f"{A.instance}: {part} cannot be written on the page" for part in ("numbers", "rest")], "once each"
    state.nodes[A.instance].facts = good
    page(state)
    assert page(state).keys() == sound.keys()


@pytest.mark.parametrize("version", VERSIONS)
def test_no_family_comes_in_two_parts_of_the_page(version: str) -> None:
    state = full(version)
    state.policy = state.policy.model_copy(update={"collect": Collect(unmapped_info=True)})
    raw = captured(version, "primary.info_all")
    extra = Extra(commandstats=readings.commandstats(raw), unmapped=info.unmapped(raw), cluster={"cluster_state": "ok"})
    detail = Detail(
        0.0, latencystats=readings.latencystats(raw), commandstats=extra.commandstats, config={"maxclients": "9"}
    )
    state.collected(A.instance, info.parse(raw), 0.1, 0.0, extra)
    state.detailed(A.instance, detail)
    parts = [samples.sli(state, 0.0), *samples.sections(state, 0.0)]
    names = [name for part in parts for name in {name for block in part for name in block.families}]
    assert len(names) > 120
    assert sorted(names) == sorted(set(names))


def test_a_family_that_the_policy_hides_is_not_there_and_all_others_are() -> None:
    state = full()
    before = {name for name, _ in page(state)}
    families = Families(deny=("redis_memory_*",), allow=("redis_*",))
    state.policy = state.policy.model_copy(update={"collect": Collect(families=families)})
    assert before - {name for name, _ in page(state)} == {name for name in before if name.startswith("redis_memory_")}


def test_the_fingerprint_of_the_policy_is_told_before_anything_else_is_known_and_follows_a_reload() -> None:
    state = watching(A)

    def told() -> list[str]:
        return [own["hash"] for own in labels_of(page(state), "cache_policy_info")]

    assert told() == [fingerprint(state.policy)]
    before, other = state.policy, policy(probe={"interval": "1s"})
    state.adopt(other, 0.0)
    assert told() == [fingerprint(other)] != [fingerprint(before)]
