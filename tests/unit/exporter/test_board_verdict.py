"""The sentence that a person reads first at night, and the order of all that follows."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from exporter.board import view
from exporter.board.heard import Heard
from exporter.board.meters import Meters
from exporter.board.nodes import WORDS, node_view, shard_view
from exporter.board.rows import Row, Yardstick
from exporter.board.verdict import Sight, _kept
from exporter.board.view import Answers, View
from exporter.families.facts import Collection
from exporter.state import State
from policy.metrics import HEALTH_RESULTS
from tests.unit.exporter.helpers import check, info_of, watching

WALL = 1_000_000.0


def nodes(*shards: str) -> dict[str, Any]:
    """A fleet of two nodes a shard: 10.0.0.1 is the first one's primary, 10.0.0.2 its replica, and so on."""
    return {
        "nodes": [
            {"url": f"redis://10.0.0.{2 * number + role}:6379", "shard": shard}
            for number, shard in enumerate(shards)
            for role in (1, 2)
        ]
    }


def at(number: int) -> str:
    return f"10.0.0.{number}:6379"


def fleet(*shards: str, now: float = 100.0, **parts: Any) -> State:
    """Everything is well: odd nodes are primaries, even ones replicas, each probed and collected."""
    state = watching(fleet=nodes(*shards), **parts)
    for number in range(1, 2 * len(shards) + 1):
        instance = at(number)
        role = "master" if number % 2 else "slave"
        check(state, instance, ["success"] * 5, now)
        state.collected(instance, info_of(0, 0, role=role, used_memory="10", maxmemory="100"), 0.001, now)
    return state


def document(state: State, now: float = 100.0, answers: Answers | None = None) -> dict[str, Any]:
    meters, stick = Meters(state.policy), Yardstick(state.policy, state.bounds.told)
    meters.look(state, now)
    found_nodes = [node_view(state, node, measure, stick, now) for node, measure in meters.measures(state, now)]
    grouped = itertools.groupby(found_nodes, key=lambda node: node.shard)
    away = state.policy.fleet.primary_elsewhere
    shards = view.by_badness(shard_view(name, list(group), stick, name in away) for name, group in grouped)
    sight = Sight(state, shards, view.fleet_rows(shards, stick), {"hit_rate": now - 30}, now)
    found = view.fleet(
        View(sight, stick, meters.sums, answers or Answers(), 0.0, WALL), [shard.json(WALL) for shard in shards]
    )
    json.dumps(found, allow_nan=False)
    return found


def said(state: State, now: float = 100.0) -> tuple[str, str]:
    found = document(state, now)["verdict"]
    return found["state"], found["text"]


def down(state: State, *numbers: int, result: str = "refused", now: float = 100.0) -> None:
    for number in numbers:
        check(state, at(number), [result] * 3, now)


def test_all_well_says_how_many_answer() -> None:
    state = fleet("a", "b")
    all_well = "All is well: all 4 nodes of 2 shards answer, "
    text = f"{all_well}p50 latency is off target, no limit is broken (hit rate unknown)."
    assert said(state) == ("ok", text), "a probe of 1 ms"
    for number in (1, 2, 3, 4):
        slow(state, number, 0.0001)
    assert said(state) == ("ok", f"{all_well}every other promise is kept (hit rate unknown).")


def test_how_the_promises_are_kept_is_said_in_a_sentence() -> None:
    good, missed, unknown = Row("ok", on_target=True), Row("ok", on_target=False), Row()
    assert _kept({"hit_rate": good, "memory": good}) == "every promise is kept"
    rows = {"hit_rate": missed, "latency_p95": missed, "memory": good}
    assert _kept(rows) == "hit rate and p95 latency are off target, no limit is broken"
    assert _kept({**rows, "memory": unknown}).endswith("no limit is broken (memory unknown)")


def test_a_shard_without_a_primary_is_named_with_the_node_and_what_it_does() -> None:
    state = fleet("a", "b")
    down(state, 3, now=88.0)
    check(state, at(1), ["success"], 100.0)
    found = document(state)["verdict"]
    assert found["text"] == "b has no primary: node 10.0.0.3:6379 refuses connections"
    assert (found["state"], found["since_unix_seconds"], found["shard"]) == ("critical", WALL + 88, "b")
    assert found["runbook_url"].endswith("/runbooks/CacheNodeDown")
    dead = document(state)["shards"][0]["nodes"][0]
    assert (dead["role"], dead["role_is_current"]) == ("primary", False), "what a dead node said is the past"


def test_a_replica_that_took_over_is_named_as_the_primary() -> None:
    state = fleet("a", "b")
    down(state, 3)
    state.collected(at(4), info_of(0, 0, role="master", used_memory="1", maxmemory="9"), 0.001, 100.0)
    found = document(state)["verdict"]
    assert found["text"] == "Former primary 10.0.0.3:6379 of b refuses connections"
    assert found["detail"] == "10.0.0.4:6379 is the primary now."


def test_a_replica_down_is_told_after_a_lost_primary() -> None:
    state = fleet("a", "b")
    down(state, 2, 3, result="timeout")
    found = document(state)
    assert found["verdict"]["text"] == "b has no primary: node 10.0.0.3:6379 does not answer"
    assert found["verdict"]["others"][0]["text"] == "Replica 10.0.0.2:6379 of a does not answer"
    assert [shard["name"] for shard in found["shards"]] == ["b", "a"]
    assert found["counts"]["nodes"] == {"total": 4, "up": 2, "down": 2, "unknown": 0}


def test_a_shard_that_is_gone_whole_says_so() -> None:
    state = fleet("a", "b")
    down(state, 1, 2)
    assert said(state)[1] == "a is gone, all 2 nodes are down: node 10.0.0.1:6379 refuses connections"


def test_a_disaster_is_one_sentence() -> None:
    state = fleet(*(f"s{number}" for number in range(20)))
    down(state, *range(1, 13, 2))
    text = said(state)[1]
    assert text == "6 of 20 shards have no primary: s0, s1, s2 and 3 more"
    down(state, *range(14, 24, 2))
    assert document(state)["verdict"]["others"][0]["text"].startswith(
        "5 nodes are down in shards that still have a primary: "
    )


def test_a_shard_of_replicas_only_has_no_primary() -> None:
    state = fleet("a")
    state.collected(at(1), info_of(0, 0, role="slave"), 0.001, 100.0)
    assert said(state) == ("critical", "a has no primary: every node says that it is a replica")


def test_replicas_of_a_primary_that_is_elsewhere_by_the_policy_lack_none() -> None:
    state = watching(fleet={**nodes("a"), "primary_elsewhere": ["a"]})
    for number in (1, 2):
        check(state, at(number), ["success"] * 5, 100.0)
        state.collected(at(number), info_of(0, 0, role="slave", master_link_status="up"), 0.001, 100.0)
    assert said(state)[0] == "ok"
    assert document(state)["shards"][0]["has_primary"] is None


def test_a_node_whose_role_nobody_knows_may_be_the_primary() -> None:
    state = fleet("a")
    state.collected(at(1), info_of(0, 0), 0.001, 100.0)
    assert said(state)[0] == "ok"
    assert document(state)["shards"][0]["has_primary"] is None


def test_nodes_of_no_shard_are_told_one_by_one() -> None:
    state = watching(fleet={"nodes": [f"redis://{at(1)}", f"redis://{at(2)}"]})
    check(state, at(1), ["success"])
    down(state, 2, result="auth", now=0.0)
    found = document(state, 0.0)
    assert found["verdict"]["text"] == "Node 10.0.0.2:6379 refuses the login"
    assert found["shards"][0]["name"] == ""


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ("loading", "is loading its data"),
        ("tls", "fails at TLS"),
        ("protocol", "does not speak Redis"),
        ("reset", "hangs up"),
        ("cluster_down", "says that its Cluster is down"),
    ],
)
def test_each_way_to_be_down_has_words(result: str, words: str) -> None:
    state = fleet("a", "b")
    down(state, 2, result=result)
    assert said(state)[1] == f"Replica 10.0.0.2:6379 of a {words}"


def test_no_way_to_be_down_is_without_words() -> None:
    assert {*HEALTH_RESULTS} - {"success"} <= WORDS.keys()


def test_a_role_that_is_old_is_marked_and_kept() -> None:
    state = fleet("a", "b")
    for number in (1, 2, 3, 4):
        check(state, at(number), ["success"], 200.0)
    down(state, 1, now=200.0)
    shard = next(s for s in document(state, 200.0)["shards"] if s["name"] == "a")
    assert shard["nodes"][0]["role"] == "primary"
    assert shard["nodes"][0]["role_is_current"] is False


def test_since_is_the_first_of_the_checks_that_failed() -> None:
    state = fleet("a")
    for now, result in ((101.0, "timeout"), (102.0, "timeout"), (103.0, "timeout"), (104.0, "timeout")):
        check(state, at(2), [result], now)
    node = document(state, 104.0)["shards"][0]["nodes"][0]
    assert (node["up"], node["since_unix_seconds"]) == (False, WALL + 101)
    for now in (110.0, 111.0):
        check(state, at(2), ["success"], now)
    node = next(n for n in document(state, 111.0)["shards"][0]["nodes"] if n["instance"] == at(2))
    assert (node["up"], node["since_unix_seconds"]) == (True, WALL + 110)


def test_latency_of_a_node_that_was_down_within_the_window_is_the_outages_story() -> None:
    state = fleet("a")
    down(state, 2, now=101.0)
    for now in (102.0, 103.0):
        check(state, at(2), ["success"], now)
    for _ in range(50):
        state.checked(at(2), "success", 5.0, 103.0)
    assert document(state, 104.0)["promises"]["latency_p95"]["instance"] == at(1)
    check(state, at(1), ["success"], 170.0)
    assert document(state, 170.0)["promises"]["latency_p95"]["instance"] == at(2)


def slow(state: State, number: int, tenth: float = 0.004) -> None:
    """One probe of ten takes 4 ms: p95 is beyond its warning, p50 and p99 keep every limit."""
    for at_once in (*(9 * [0.0001]), tenth) * 40:
        state.checked(at(number), "success", at_once, 100.0)


def test_a_slow_node_is_named_with_its_limit_and_the_number_stands_apart() -> None:
    state = fleet("a", "b")
    slow(state, 3)
    found = document(state)["verdict"]
    assert (found["state"], found["text"]) == (
        "warning",
        "p95 latency of 10.0.0.3:6379 is above 2 ms, its warning limit",
    )
    assert found["detail"].startswith("≈ ")
    slow(state, 4)
    assert "1 more node beyond the same limit" in document(state)["verdict"]["detail"]


def test_each_percentile_decides_as_its_alert_does() -> None:
    state = fleet("a", "b")
    for instance in state.nodes:
        for _ in range(20):
            state.checked(instance, "success", 0.05, 100.0)
        for _ in range(980):
            state.checked(instance, "success", 0.0001, 100.0)
    found = document(state)
    assert found["promises"]["latency_p99"]["state"] == "critical"
    assert (found["verdict"]["state"], found["shards"][0]["state"]) == ("critical", "critical")


def test_memory_and_hit_rate_are_held_against_the_policy() -> None:
    state = fleet("a", "b")
    state.collected(at(3), info_of(0, 0, role="master", used_memory="95", maxmemory="100"), 0.001, 100.0)
    assert said(state) == ("critical", "Memory of 10.0.0.3:6379 is above 90 %, its critical limit")
    assert document(state)["verdict"]["detail"] == "95 %"


def test_a_replica_that_lost_its_primary_warns() -> None:
    state = fleet("a")
    state.collected(at(2), info_of(0, 0, role="slave", master_link_status="down"), 0.001, 100.0)
    assert said(state) == ("warning", "Node 10.0.0.2:6379 has lost the link to its primary and serves old data")


def test_a_node_that_answers_ping_and_not_info_warns_with_the_reason() -> None:
    state = fleet("a")
    check(state, at(1), ["success"], 200.0)
    check(state, at(2), ["success"], 200.0)
    state.failed(at(2), "NOPERM no right to run info", 0.1)
    state.collected(at(1), info_of(0, 0, role="master"), 0.001, 200.0)
    assert said(state, 200.0) == (
        "warning",
        "Node 10.0.0.2:6379 answers PING but not INFO (NOPERM no right to run info)",
    )


def test_a_node_that_nobody_new_can_enter_warns_with_the_reason() -> None:
    state = fleet("a")
    state.nodes[at(2)].connect = Collection(0.01, "auth: WRONGPASS")
    assert said(state) == ("warning", "Node 10.0.0.2:6379 takes no new connection (auth: WRONGPASS)")


def test_before_the_first_probe_it_says_that_it_has_just_started() -> None:
    state = watching(fleet=nodes("a"))
    assert said(state) == ("unknown", "Cachewatch has just started: no node has been probed yet.")
    found = document(state)
    assert found["promises"]["availability"]["ratio"] is None
    assert found["objectives"][0]["budget_left_ratio"] is None, "nothing is invented"


def test_no_node_and_no_watch_are_said() -> None:
    state = fleet("a")
    state.retarget([])
    assert said(state)[1] == "No node is known: those who name nodes name none."
    state.unheard = frozenset({"sentinel"})
    assert said(state)[1] == "No node is known yet: not everybody who names nodes has answered."
    state = fleet("a", collect={"background": False})
    assert said(state)[1].startswith("This exporter asks a node only when /scrape wants it")


def test_primaries_that_take_no_writes_are_named_and_are_not_down() -> None:
    state = fleet("a", "b", probe={"write": True})
    check(state, at(1), ["readonly"] * 3, 100.0)
    assert said(state) == ("critical", "Node 10.0.0.1:6379 takes no writes")
    found = document(state)["verdict"]
    assert "CacheWritesRefused" in found["runbook_url"]
    check(state, at(3), ["readonly"] * 3, 100.0)
    assert said(state)[1] == "2 nodes take no writes: 10.0.0.1:6379, 10.0.0.3:6379"
    for number in (1, 3):
        check(state, at(number), ["success"] * 5, 100.0)
    assert said(state)[0] == "ok"


def test_a_refused_write_counts_for_an_objective_and_not_for_the_alert_on_availability() -> None:
    """As the rules have it."""
    state = fleet("a", slos=[{"name": "availability", "objective": 90, "burn": []}])
    check(state, at(1), ["readonly"] * 10, 100.0)  # 10 of 20 checks of the fleet
    found = document(state)
    assert found["promises"]["availability"]["ratio"] == 1
    assert found["objectives"][0]["budget_left_ratio"] == pytest.approx(1 - 0.5 / 0.1)


def test_a_source_that_fails_and_a_policy_that_is_refused_are_told() -> None:
    state = fleet("a")
    state.parts = {"sentinel": Collection(0.1, "no answer\nmore"), "policy": Collection(0.1, "line 3: nonsense")}
    found = document(state)["verdict"]
    assert found["text"] == "Sentinel cannot be read (no answer): the nodes known last stay watched"
    assert found["others"][0]["text"] == "The policy file is refused, the old one goes on: line 3: nonsense"
    state.unheard = frozenset({"sentinel"})
    assert "not all of its nodes are watched yet" in said(state)[1]


def test_an_open_breaker_is_counted_and_shown() -> None:
    state = fleet("a")
    for _ in range(5):
        state.nodes[at(2)].breaker.record(100.0, ok=False)
    found = document(state)
    assert found["breakers"] == {"closed": 1, "open": 1, "half_open": 0}
    assert {n["instance"]: n["breaker"] for n in found["shards"][0]["nodes"]}[at(2)] == "open"


def test_a_budget_without_prometheus_is_labelled_as_the_exporters_own() -> None:
    state = fleet("a", slos=[{"name": "availability", "objective": 90, "burn": []}])
    down(state, 2)  # 3 of 13 checks failed: 23 % where 10 % are allowed
    found = document(state)["objectives"][0]
    assert (found["source"], found["objective"]) == ("exporter", "90%")
    assert found["budget_left_ratio"] == pytest.approx(1 - (3 / 13) / 0.1, abs=1e-4)
    assert found["since_unix_seconds"] == WALL


def test_a_budget_of_prometheus_is_shown_with_its_age_and_its_silence_is_told() -> None:
    state = fleet("a")
    found = document(state, answers=Answers(budgets=Heard(90.0, "", True), left={0: 0.4}))["objectives"][0]
    assert (found["source"], found["budget_left_ratio"], found["at_unix_seconds"]) == ("prometheus", 0.4, WALL + 90)
    silent = Answers(budgets=Heard(None, "cannot connect", True), left={})
    found = document(state, answers=silent)["objectives"][0]
    assert (found["source"], found["prometheus_error"]) == ("exporter", "cannot connect")


def test_alerts_say_whether_anybody_was_asked() -> None:
    state = fleet("a")
    assert document(state)["alerts"] == {"configured": False}
    found = document(state, answers=Answers(alerts=Heard(None, "cannot connect", True)))["alerts"]
    assert found == {
        "configured": True,
        "at_unix_seconds": None,
        "error": "cannot connect",
        "total": 0,
        "firing": 0,
        "list": [],
    }


def test_only_what_the_policy_names_is_linked_to() -> None:
    links = document(fleet("a"))["links"]
    assert (links["grafana"], links["prometheus"], links["alertmanager"]) == (None, None, None)
    stack = {"grafana": "https://g.example.com", "prometheus": "https://p.example.com", "alertmanager": "am:9093"}
    links = document(fleet("a", stack=stack))["links"]
    assert links["grafana"] == "https://g.example.com/d/cachewatch-fleet?var-fleet=cache"
    assert (links["prometheus"], links["alertmanager"]) == ("https://p.example.com", "http://am:9093")
    outside = {"links": {"prometheus": "https://p.example.com/x", "alertmanager": "https://am.example.com"}}
    links = document(fleet("a", stack=stack | outside))["links"]
    assert (links["prometheus"], links["alertmanager"]) == ("https://p.example.com/x", "https://am.example.com")
