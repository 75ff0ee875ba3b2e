"""The health indicator's judgement: nodes, shards, hit rate and the whole; UP, DOWN, OUT_OF_SERVICE or UNKNOWN."""

import weakref
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from exporter.families.facts import Extra
from exporter.health import shards
from exporter.health.judge import Judge, Judgement
from exporter.health.node import Component, Status
from exporter.state import State
from exporter.targets import Target
from tests.unit.exporter.helpers import check, info_of, watching

A, B, C = "10.0.0.1:6379", "10.0.0.2:6379", "10.0.0.3:6379"
FLEET = {"nodes": [f"redis://{A}", {"url": f"redis://{B}", "shard": "b"}]}
SHARD = {"nodes": [{"url": f"redis://{instance}", "shard": "s"} for instance in (A, B, C)]}


def fleet(a: str = ".", b: str = ".", **parts: Any) -> State:
    """Two nodes with these checks made, `.` good and `x` refused."""
    state = watching(**{"fleet": FLEET, **parts})
    for instance, checks in ((A, a), (B, b)):
        check(state, instance, ["success" if c == "." else "refused" for c in checks])
    return state


def shard_of(a: str, b: str, c: str, **parts: Any) -> State:
    """One shard: the checks of its primary and two replicas, whose roles INFO has told."""
    state = fleet(a, b, fleet=SHARD, **parts)
    check(state, C, ["success" if one == "." else "refused" for one in c])
    for instance, role in ((A, "master"), (B, "slave"), (C, "slave")):
        told(state, instance, role=role)
    return state


def told(state: State, instance: str, now: float = 0.0, extra: Extra | None = None, **fields: str) -> None:
    state.collected(instance, info_of() | fields, 0.001, now, extra)


def traffic(state: State, *counts: tuple[int, int], instance: str = A, **fields: str) -> float:
    """Collections ten seconds apart with these hits and misses, and checks of both nodes meanwhile; the time of the last."""
    for index, (hits, misses) in enumerate(counts):
        now = 10.0 * index
        state.collected(instance, info_of(hits, misses, **fields), 0.001, now)
        for node in state.nodes:
            check(state, node, ["success"] if state.nodes[node].verdict.up else [], now)
    return now


def judged(state: State, now: float = 0.0) -> Judgement:
    return Judge(state).look(now)


def said(state: State, now: float = 0.0) -> tuple[Any, ...]:
    found = judged(state, now)
    return found.status, found.hit_rate, found.error


def of(judgement: Judgement, instance: str) -> Component:
    return next(c for c in judgement.components if c.instance == instance)


def test_all_nodes_up_is_up() -> None:
    found = judged(fleet())
    assert (found.status, found.nodes, found.error, found.warning) == ("UP", "UP", "", "")
    assert (found.hit_rate, found.memory) == (None, None)
    assert [c.instance for c in found.components] == [A, B]


def test_a_node_that_is_a_shard_of_its_own_and_down_makes_the_whole_down_and_is_named_with_its_reason() -> None:
    found = judged(fleet(b="xxx"))
    assert (found.status, found.nodes) == ("DOWN", "DOWN")
    assert found.error == f"Shards down: b; Nodes down: {B} (refused)"
    assert of(found, B).error == "refused"


def test_before_any_verdict_it_is_unknown() -> None:
    assert said(fleet(a="", b=""))[0] == "UNKNOWN"
    assert said(fleet(b="xx"))[0] == "UNKNOWN"
    assert of(judged(fleet(b="")), B).error == "not_checked"
    assert of(judged(fleet(b="x")), B).error == "refused"


def test_a_fleet_without_any_node_is_unknown() -> None:
    state = fleet()
    state.retarget([])
    assert said(state) == ("UNKNOWN", None, "No nodes are known")


def test_an_exporter_that_probes_nobody_says_so() -> None:
    found = judged(fleet(collect={"background": False}))
    assert (found.status, of(found, A).error) == ("UNKNOWN", "not_probed")


@pytest.mark.parametrize("b", [".", "xxx"])
def test_a_verdict_older_than_its_limit_is_unknown_whatever_it_was(b: str) -> None:
    state = fleet(b=b)
    check(state, A, ["success"], 5.1)
    assert of(judged(state, 5.0), B).status == ("UP" if b == "." else "DOWN")
    found = judged(state, 5.1)
    assert (of(found, B).status, of(found, B).error, of(found, B).age) == ("UNKNOWN", "stale", 5.1)
    assert (of(found, A).status, found.status) == ("UP", "UNKNOWN")


def test_the_limit_of_age_is_the_policys_and_longer_for_slow_probes() -> None:
    assert watching(health={"max_age": "3s"}).policy.verdict_max_age() == 3.0
    assert watching().policy.verdict_max_age() == 5.0
    assert watching(probe={"interval": "10s"}).policy.verdict_max_age() == 21.5


def test_a_source_of_nodes_that_never_answered_makes_it_unknown() -> None:
    state = fleet()
    state.unheard = frozenset({"sentinel"})
    assert said(state) == ("UNKNOWN", None, "Never heard: sentinel")


def test_one_replica_down_is_no_outage_and_is_told() -> None:
    found = judged(shard_of(".", "xxx", "."))
    assert (found.status, found.nodes, found.warning) == ("UP", "UP", f"Nodes down: {B} (refused)")
    assert of(found, B).status == "DOWN"


def test_a_primary_down_is_a_shard_down_until_another_node_is_primary() -> None:
    state = shard_of("xxx", ".", ".")
    assert said(state)[0::2] == ("DOWN", f"Shards down: s; Nodes down: {A} (refused)")
    told(state, B, role="master")
    assert judged(state).status == "UP"


def test_a_dead_primarys_role_is_remembered_longer_than_its_facts() -> None:
    state = shard_of("xxx", ".", ".")
    for instance, ok in ((A, False), (B, True), (C, True)):
        check(state, instance, ["success" if ok else "refused"], 100.0)
    told(state, B, 100.0, role="slave")
    told(state, C, 100.0, role="slave")
    found = judged(state, 100.0)
    assert (found.status, of(found, A).role) == ("DOWN", "primary")


def test_a_live_nodes_old_role_is_not_believed() -> None:
    """It may have been promoted since."""
    state = shard_of("xxx", ".", ".")
    for instance, ok in ((A, False), (B, True), (C, True)):
        check(state, instance, ["success" if ok else "refused"], 100.0)
    assert judged(state, 100.0).status == "UNKNOWN"


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ([("UP", "primary"), ("DOWN", "replica")], "UP"),
        ([("DOWN", "primary"), ("UP", "replica")], "DOWN"),
        ([("DOWN", "primary"), ("UP", "primary")], "UP"),
        ([("UNKNOWN", "primary"), ("UP", "replica")], "UNKNOWN"),
        ([("DOWN", None), ("UP", "replica")], "DOWN"),
        ([("DOWN", "primary"), ("UP", None)], "UNKNOWN"),
        ([("UP", None), ("UP", None)], "UP"),
        ([("UP", "replica"), ("DOWN", "replica")], "UP"),
        ([("OUT_OF_SERVICE", "replica"), ("DOWN", "replica")], "UP"),
        ([("UNKNOWN", "replica"), ("DOWN", "replica")], "UNKNOWN"),
        ([("DOWN", "replica"), ("DOWN", "replica")], "DOWN"),
    ],
)
def test_a_shard_is_what_its_primary_is(members: list[tuple[Status, str | None]], status: str) -> None:
    found = [Component(f"n{i}", "s", one, role) for i, (one, role) in enumerate(members)]
    assert shards.status(found) == status


def test_a_replica_without_a_shard_stands_for_none() -> None:
    state = fleet(b="xxx", fleet={"nodes": [f"redis://{A}", f"redis://{B}"]})
    assert judged(state).status == "DOWN", "nobody knows what it was"
    told(state, B, role="slave")
    assert judged(state).status == "UP"


def test_a_clusters_primary_without_slots_is_no_shard_wherever_the_policy_names_a_cluster() -> None:
    """A newcomer has none yet, and says that its cluster is down before it knows it."""
    served = Target.at("10.0.0.1", 6379, "shard-a", 5)
    newcomer = Target.at("10.0.0.2", 6379, "shard-b")
    for parts, status in (({"cluster": {"addresses": ["10.0.0.1"]}}, "UP"), ({"nodes": [f"redis://{A}"]}, "DOWN")):
        state = watching(served, newcomer, fleet=parts)
        for target, cluster_state in ((served, "ok"), (newcomer, "fail")):
            check(state, target.instance, ["success"], 1.0)
            extra = Extra(cluster={"cluster_state": cluster_state})
            told(state, target.instance, extra=extra, role="master", cluster_enabled="1")
        assert judged(state).status == status


@pytest.mark.parametrize(
    ("down", "unknown", "most", "status"),
    [
        (0, 0, "0", "UP"),
        (1, 0, "0", "DOWN"),
        (0, 1, "0", "UNKNOWN"),
        (1, 0, "0.25", "UP"),
        (1, 1, "0.25", "UNKNOWN"),
        (2, 1, "0.25", "DOWN"),
        (4, 0, "1", "UP"),
    ],
)
def test_more_than_the_policys_share_down_is_down(down: int, unknown: int, most: str, status: str) -> None:
    counts: dict[Status, int] = {"DOWN": down, "UNKNOWN": unknown, "UP": 4 - down - unknown}
    statuses = [one for one, count in counts.items() for _ in range(count)]
    assert shards.decided(statuses, Decimal(most)) == status


def test_the_seeds_rule_that_every_node_must_be_up_is_a_policys_choice() -> None:
    assert judged(shard_of(".", "xxx", ".", health={"max_nodes_down": "0%"})).status == "DOWN"
    assert judged(shard_of(".", "xxx", ".", health={"max_nodes_down": "34%"})).status == "UP"


def test_a_share_of_the_shards_may_be_allowed_to_be_down() -> None:
    found = judged(fleet(b="xxx", health={"max_shards_down": "50%"}))
    assert (found.status, found.warning) == ("UP", f"Nodes down: {B} (refused)")


def test_a_replica_whose_link_is_down_is_out_of_service_and_no_outage() -> None:
    state = shard_of(".", ".", ".")
    told(state, B, role="slave", master_link_status="down")
    found = judged(state)
    assert (of(found, B).status, of(found, B).error) == ("OUT_OF_SERVICE", "link_down")
    assert (found.status, found.warning) == ("UP", f"Nodes out of service: {B} (link_down)")


def test_a_node_that_answers_ping_while_its_cluster_is_down_is_down() -> None:
    state = fleet()
    told(state, B, extra=Extra(cluster={"cluster_state": "fail"}), role="master")
    found = judged(state)
    assert (found.status, of(found, B).status, of(found, B).error) == ("DOWN", "DOWN", "cluster_down")


def test_old_facts_ail_nobody() -> None:
    state = fleet()
    told(state, B, role="slave", master_link_status="down")
    check(state, B, ["success"], 31.0)
    assert of(judged(state, 31.0), B).status == "UP"


def test_a_node_that_comes_back_is_recovering() -> None:
    assert of(judged(fleet(b="xxx.")), B).error == "recovering"


def test_without_traffic_the_hit_rate_is_unknown_and_decides_nothing() -> None:
    state = fleet()
    assert said(state, traffic(state, (0, 0), (0, 0))) == ("UP", None, "")
    state = fleet()
    assert said(state, traffic(state, (0, 5000), (0, 5099))) == ("UP", None, ""), "99 requests, all missed"


def test_facts_that_are_over_are_not_held_by_what_counted_them() -> None:
    state = fleet()
    told(state, A)
    judge = Judge(state)
    judge.look(0.0)
    over = weakref.ref(state.nodes[A].facts)
    told(state, A)
    assert over() is None, "each node's facts would be in memory twice"
    judge.look(0.0)


def test_a_low_hit_rate_is_down_in_the_words_of_the_seed() -> None:
    state = fleet()
    assert said(state, traffic(state, (0, 0), (69, 31))) == ("DOWN", Decimal("0.69"), "Hit rate too low")


def test_exactly_the_floor_is_not_below_it() -> None:
    state = fleet()
    found = judged(state, traffic(state, (0, 0), (70, 30)))
    assert (found.status, found.hit_rate, found.warning) == ("UP", Decimal("0.7"), "Hit rate low")


def test_a_hair_below_the_floor_is_below_it() -> None:
    state = fleet()
    assert said(state, traffic(state, (0, 0), (69_999_999, 30_000_001)))[0] == "DOWN"


def test_a_low_hit_rate_is_over_at_the_warning_not_before() -> None:
    state = fleet(health={"window": "20s"})
    judge = Judge(state)
    traffic(state, (0, 0))
    seen = []
    hits = misses = 0
    for number, rate in enumerate((69, 74, 74, 75, 75, 75, 75, 74), 1):
        hits, misses, now = hits + rate, misses + 100 - rate, 10.0 * number
        told(state, A, now, keyspace_hits=str(hits), keyspace_misses=str(misses))
        for node in (A, B):
            check(state, node, ["success"], now)
        seen.append(judge.look(now).status)
    # Two collections make a window: 69, 71.5, 74, 74.5, 75, 75, 75, 74.5
    assert seen == ["DOWN"] * 5 + ["UP"] * 3


def test_traffic_about_the_minimum_does_not_make_a_low_hit_rate_come_and_go() -> None:
    state = fleet(health={"window": "20s", "recoveries": 1})
    judge = Judge(state)
    traffic(state, (0, 0))
    seen, misses = [], 0
    for number, asked in enumerate((100, 0, 60, 10, 30, 0), 1):
        misses, now = misses + asked, 10.0 * number
        told(state, A, now, keyspace_misses=str(misses))
        for node in (A, B):
            check(state, node, ["success"], now)
        seen.append(judge.look(now).status)
    # Two collections make a window: 100, 100, 60, 70, 40, 30 requests
    assert seen == ["DOWN"] * 4 + ["UP"] * 2


def test_only_the_window_counts() -> None:
    state = fleet(health={"window": "20s"})
    assert said(state, traffic(state, (0, 0), (0, 10_000), (90, 10_010), (180, 10_020))) == ("UP", Decimal("0.9"), "")


def test_a_restarted_node_counts_from_zero_and_gives_no_negative_rate() -> None:
    state = fleet()
    assert said(state, traffic(state, (1000, 1000), (1090, 1010), (90, 10))) == ("UP", Decimal("0.9"), "")


def test_the_hit_rate_is_that_of_the_fleet_not_the_mean_of_the_nodes() -> None:
    state = fleet()
    traffic(state, (0, 0), (900, 0))
    assert said(state, traffic(state, (0, 0), (0, 100), instance=B)) == ("UP", Decimal("0.9"), "")


def test_the_counts_of_the_last_collection_are_taken_however_often_it_was_asked_before() -> None:
    state = fleet()
    judge = Judge(state)
    for hits in (0, 100, 300):
        now = hits / 10
        told(state, A, now, keyspace_hits=str(hits))
        check(state, A, ["success"], now)
        judge.look(now)
    told(state, A, 40.0, keyspace_hits="300", keyspace_misses="100")
    assert judge.look(40.0).hit_rate == Decimal("0.75")
    assert judge.look(41.0).hit_rate == Decimal("0.75")


def test_a_node_down_matters_more_than_the_hit_rate() -> None:
    state = fleet(b="xxx")
    now = traffic(state, (0, 0), (10, 90))
    assert said(state, now)[2] == "Hit rate too low"
    check(state, B, ["refused"], now)
    assert said(state, now)[2] == f"Shards down: b; Nodes down: {B} (refused)"


def test_the_whole_is_down_at_once_and_up_after_as_many_judgements_as_a_node_needs_checks() -> None:
    state = fleet(health={"recoveries": 3})
    judge = Judge(state)

    def look(checks: Mapping[str, str]) -> tuple[str, str]:
        for instance, result in checks.items():
            check(state, instance, [result] * 3)
        found = judge.look(0.0)
        return found.status, found.error

    assert look({})[0] == "UP"
    assert look({B: "refused"})[0] == "DOWN"
    assert look({B: "success"}) == ("DOWN", "No longer down, but only for 1 s of 3")
    assert look({B: "refused"})[0] == "DOWN"
    assert [look({B: "success"})[0] for _ in range(4)] == ["DOWN", "DOWN", "UP", "UP"]


def test_memory_is_that_of_the_fullest_node_and_above_the_warning_is_told() -> None:
    state = fleet()
    traffic(state, (0, 0), used_memory="50", maxmemory="100")
    traffic(state, (0, 0), instance=B, used_memory="90", maxmemory="100")
    found = judged(state)
    assert (found.memory, found.status, found.warning) == (0.9, "UP", "Memory high")


def test_of_many_nodes_that_are_down_ten_are_named() -> None:
    state = watching(*(Target.at("10.0.0.1", port, "s") for port in range(1, 31)))
    for instance in state.nodes:
        check(state, instance, ["timeout"] * 3)
    assert judged(state).error.count("(timeout)") == 10
    assert judged(state).error.endswith(" and 20 more")


def test_a_judgement_is_given_to_all_who_ask_and_made_anew_when_the_loop_was_held_up() -> None:
    judge = Judge(fleet())
    first = judge.latest(0.0)
    assert judge.latest(1.9) is first
    assert judge.latest(2.0) is not first
    assert judge.look(2.1) is judge.latest(2.1)
