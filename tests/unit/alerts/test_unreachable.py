"""Thresholds that nothing can cross are named."""

from alerts.unreachable import unreachable
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
