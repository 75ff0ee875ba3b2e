"""CachePolicyDiffers asks for what the rules take from the exporter's sections of the policy, and says what to do."""

from copy import deepcopy
from typing import Any

import pytest

from alerts import policy_differs
from alerts.rules import groups
from policy.agreement import fingerprint
from policy.alerts import POLICY_DIFFERS
from policy.model import Policy
from tests.unit.alerts.policies import policy

BASE: dict[str, Any] = {
    "fleet": {"nodes": ["redis://10.0.0.1:6379", {"url": "redis://10.0.0.2:6379", "shard": "b"}]},
    "rules": {"rate_window": "4m"},
}
# Every key of the exporter's sections, with another value than its default; those of `fleet.sentinel` and such as a whole.
CHANGES: dict[str, Any] = {
    "fleet.name": "another",
    "fleet.nodes": ["redis://10.0.0.1:6379"],
    "fleet.sentinel": {"addresses": ["10.0.0.9:26379"], "masters": ["a"]},
    "fleet.cluster": {"addresses": ["10.0.0.1:6379"]},
    "fleet.files": ["/etc/targets/*.json"],
    "fleet.dns": [{"name": "cache.internal"}],
    "fleet.auth": {"password_env": "CACHE_PASSWORD"},
    "fleet.tls": {},
    "fleet.overrides": [{"match": "10.0.0.1:*", "tls": {}}],
    "fleet.memory_limit": "1GiB",
    "fleet.primary_elsewhere": ["b"],
    "collect.interval": "20s",
    "collect.timeout": "2s",
    "collect.detail_interval": "90s",
    "collect.connect_interval": "10m",
    "collect.unmapped_info": True,
    "collect.limits": {"errors": 5},
    "collect.families": {"deny": ["redis_evicted_keys_total"]},
    "collect.allowed_targets": ["10.0.0.0/8"],
    "collect.background": False,
    "probe.interval": "5s",
    "probe.timeout": "2s",
    "probe.write": True,
    "probe.key": "another",
    "health.failures": 5,
    "health.recoveries": 5,
    "health.max_nodes_down": "50%",
    "health.max_shards_down": "50%",
    "health.max_age": "9s",
    "health.window": "7m",
    "health.min_requests": 7,
    "health.show_details": "always",
    "health.allow_from": ["10.0.0.0/8"],
    "health.token_env": "HEALTH_TOKEN",
    "health.token_file": "/run/secrets/health",
}
# What moves a rule and needs no agreement, and why.
ALONE = {
    "fleet.name": "a label of all that the exporter tells: under another name nobody watches this one, and that pages",
    "fleet.cluster": "words: who promotes a replica",
    "fleet.auth": "words: how the node is asked by hand",
    "fleet.tls": "the same",
    "fleet.overrides": "the same",
    "fleet.primary_elsewhere": "the rules judge by it, and the exporter tells no less for it",
    "health.window": "the rules count over their own window",
    "health.min_requests": "the rules have their own least",
}


def changed(key: str) -> Policy:
    data = deepcopy(BASE)
    section, name = key.split(".")
    data.setdefault(section, {})[name] = CHANGES[key]
    return Policy.model_validate(data)


def rules(of: Policy) -> list[Any]:
    """All rules but for what the fingerprint itself makes of them."""
    found = [rule for group in groups(of).values() for rule in group.data()["rules"]]
    return [rule for rule in found if rule.get("alert") != POLICY_DIFFERS.name]


def test_every_key_that_the_exporter_reads_is_looked_at() -> None:
    sections = {name: type(getattr(Policy(), name)) for name in ("fleet", "collect", "probe", "health")}
    keys = {f"{section}.{name}" for section, model in sections.items() for name in model.model_fields}
    assert set(CHANGES) == keys


@pytest.mark.parametrize("key", CHANGES)
def test_a_key_that_moves_a_rule_moves_the_fingerprint_or_stands_here_with_the_reason(key: str) -> None:
    before, after = Policy.model_validate(BASE), changed(key)
    moves = rules(before) != rules(after)
    assert not (key in ALONE and not moves), "its reason is no longer needed"
    if moves and key not in ALONE:
        assert fingerprint(after) != fingerprint(before)


def test_the_text_names_the_exporter_both_fingerprints_and_the_cure() -> None:
    of = policy("static")
    (alert,) = policy_differs.alerts(of)
    text = alert.annotations["description"]
    for told in (
        "{{ $labels.instance }}",
        fingerprint(of),
        "{{ .Labels.hash }}",
        "SIGHUP",
        "/-/reload",
        "cachewatch build",
    ):
        assert told in text
