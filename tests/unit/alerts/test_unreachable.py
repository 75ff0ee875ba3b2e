"""Thresholds that nothing can cross are named."""

from alerts.rules import groups
from alerts.server import facts
from alerts.unreachable import unprobed, unreachable
from policy import metrics
from policy.model import Policy


def test_the_defaults_can_all_be_crossed() -> None:
    assert dict(unreachable(Policy())) == {}


def test_a_share_below_nothing_and_a_latency_that_no_probe_waits_for_are_named() -> None:
    thresholds = {
        "hit_rate": {"critical": {"below": "0%"}},
        "availability": {"critical": {"below": "1%"}},
        "latency_p99": {"warning": {"above": "1500ms"}, "critical": {"above": "1501ms"}},
    }
    found = dict(unreachable(Policy.model_validate({"thresholds": thresholds, "probe": {"timeout": "500ms"}})))
    assert found.keys() == {"thresholds.hit_rate.critical.below", "thresholds.latency_p99.critical.above"}
    assert "longer than 1500ms" in found["thresholds.latency_p99.critical.above"]


def _promised(objective: float, **more: object) -> dict[str, str]:
    slos = [{"name": name, "objective": objective, **extra} for name, extra in _PROBES.items()]
    return dict(unreachable(Policy.model_validate({"slos": slos, **more})))


_PROBES: dict[str, dict[str, object]] = {"availability": {}, "latency": {"within": "5ms"}}


def test_an_objective_that_waits_for_more_probes_than_the_listed_nodes_are_sent_is_named() -> None:
    """7200 probes an hour at 500 ms: 99.999 % asks for 6945 of them, 99.9991 % for 7717."""
    assert _promised(99.999) == {}
    assert _promised(99.9991).keys() == {"slos.0", "slos.1"}
    assert "over 1h waits for 7717 probes, and the listed nodes get 7200" in _promised(99.9991)["slos.0"]
    two = {"nodes": ["redis://10.0.0.1", "redis://10.0.0.2"]}
    assert _promised(99.9991, fleet=two) == {}
    assert _promised(99.999, probe={"interval": "5s"}).keys() == {"slos.0", "slos.1"}


def test_how_many_nodes_a_source_names_and_how_many_reads_there_are_nobody_knows() -> None:
    found = {"sentinel": {"addresses": ["10.0.0.1"]}}
    assert _promised(99.9991, fleet=found) == {}
    reads = Policy.model_validate({"slos": [{"name": "hit_rate", "objective": 97, "min_events": 10**12}]})
    assert dict(unreachable(reads)) == {}


def test_where_nobody_is_probed_every_alert_that_asks_who_is_up_is_named() -> None:
    assert unprobed(Policy()) == ()
    policy = Policy.model_validate({"collect": {"background": False}, "slos": []})
    asks = (
        metrics.NODE_UP.name,
        facts.UP,
        facts.PRIMARY,
        facts.REPLICA,
        metrics.HEALTH_CHECKS.name,
        "cache_probes",
        "cache_health_checks",
    )
    told = [rule for group in groups(policy).values() for rule in group.data()["rules"] if "alert" in rule]
    found = {rule["alert"] for rule in told if any(name in rule["expr"].split(" unless ")[0] for name in asks)}
    assert set(unprobed(policy)) == (found | {"CacheCollectionFailing"}) - {"CacheNodeDown"}
