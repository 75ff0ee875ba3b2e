"""Health checks -> verdict and breaker, and what may not grow."""

from exporter.families.facts import Detail
from exporter.verdict import Verdict
from tests.unit.exporter.helpers import check, info_of, watching

NODE = "127.0.0.1:6379"


def test_a_node_that_comes_back_is_collected_at_once_not_thirty_seconds_later() -> None:
    state = watching()
    node = state.nodes[NODE]
    check(state, NODE, ["success", "timeout", "timeout", "timeout"])
    for _ in range(3):
        node.breaker.record(0.0, False)
    check(state, NODE, ["success"], now=2.0)
    assert not node.breaker.allows(2.0)
    check(state, NODE, ["success"], now=2.5)
    assert node.verdict.up
    assert node.breaker.allows(2.5)


def test_a_node_that_was_never_up_is_collected_at_once_when_it_is() -> None:
    state = watching()
    node = state.nodes[NODE]
    check(state, NODE, ["refused"])
    for _ in range(3):
        node.breaker.record(0.0, False)
    check(state, NODE, ["success"], now=1.0)
    assert node.breaker.allows(1.0)


def test_a_late_reply_is_a_duration_and_no_health_check() -> None:
    state = watching()
    state.checked(NODE, "", 1.4, 0.0)
    node = state.nodes[NODE]
    assert sum(node.checks.values()) == 0
    assert node.verdict.up is None
    assert node.pings.cumulative()[-1] == 1


def test_a_result_that_is_not_declared_makes_no_series() -> None:
    state = watching()
    state.checked(NODE, "<script>", None, 0.0)
    assert "<script>" not in state.nodes[NODE].checks


def test_a_day_of_collections_and_reports_takes_no_more_memory_than_the_windows() -> None:
    state = watching()
    for second in range(0, 86400, 10):
        state.collected(NODE, info_of(second, second), 0.001, float(second))
        state.prober_reported(0.001, float(second))
    assert len(state.nodes[NODE].reads._marks) <= 31
    assert len(state._lags) <= 2


def test_a_primary_that_refuses_writes_answers_and_is_told_by_a_verdict_of_its_own() -> None:
    state = watching()
    (node,) = state.nodes.values()
    check(state, node.target.instance, ["success", "readonly", "readonly"])
    assert (node.verdict.up, node.writable.up, node.last_error) == (True, True, "readonly")
    check(state, node.target.instance, ["readonly"])
    assert (node.verdict.up, node.writable.up) == (True, False)
    check(state, node.target.instance, ["timeout"] * 3)
    assert (node.verdict.up, node.writable.up) == (False, False)
    check(state, node.target.instance, ["success"] * state.policy.health.recoveries)
    assert (node.verdict.up, node.writable.up, node.last_error) == (True, True, "")


def test_a_primary_that_refused_writes_and_became_a_replica_is_judged_by_them_no_more() -> None:
    state = watching()
    (node,) = state.nodes.values()
    state.collected(node.target.instance, info_of(role="master"), 0.001, 0.0)
    check(state, node.target.instance, ["success", *["readonly"] * 3])
    refusing = node.writable
    assert refusing.up is False
    state.collected(node.target.instance, info_of(role="slave"), 0.001, 1.0)
    assert node.writable == Verdict()
    assert node.verdict.up


def test_the_details_of_a_process_that_is_gone_are_not_shown_beside_the_counters_of_the_next() -> None:
    state = watching()
    node = state.nodes[NODE]
    state.collected(NODE, info_of(run_id="one"), 0.001, 0.0)
    state.detailed(NODE, Detail(0.0, config={"maxclients": "123"}))
    state.collected(NODE, info_of(run_id="one"), 0.001, 1.0)
    assert state.fresh_detail(node, 1.0) is not None
    state.collected(NODE, info_of(run_id="two"), 0.001, 2.0)
    assert state.fresh_detail(node, 2.0) is None
    assert node.detail is None, "who collected sees by it that they are to be asked anew"
