"""Alerts that `collect.families` blinds are named."""

from alerts.hidden import hidden
from policy.model import Policy


def test_an_alert_whose_family_is_hidden_is_named_and_nothing_else_is() -> None:
    assert dict(hidden(Policy())) == {}
    quiet = {"deny": ["redis_latency_*", "redis_commands_*"]}
    assert dict(hidden(Policy.model_validate({"collect": {"families": quiet}}))) == {}
    blind = {"deny": ["redis_errors_total", "redis_master_*"]}
    found = dict(hidden(Policy.model_validate({"collect": {"families": blind}})))
    assert found["redis_errors_total"] == ("CacheWritesRefused", "CacheWritesToReplica", "CacheAccessDenied")
    assert "CacheReplicaLinkDown" in found["redis_master_link_up"]
