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
