"""The rules say what the policy says."""

import re
from datetime import timedelta

import pytest

from alerts import recording, rules
from alerts.model import Alert, Record
from alerts.promql import quote
from policy.alerts import ALERTS, BURN_FAST, BY_NAME, UNSEEN
from policy.model import Policy
from policy.objectives import named
from policy.slos import BUILT_IN
from policy.units import parse_duration
from tests.unit.alerts.policies import DATA, policy


def alerts_of(policy_: Policy) -> list[Alert]:
    return [rule for group in rules.groups(policy_).values() for rule in group.rules if isinstance(rule, Alert)]


def one(policy_: Policy, name: str) -> Alert:
    (found,) = [alert for alert in alerts_of(policy_) if alert.name == name]
    return found


@pytest.mark.parametrize(
    ("name", "condition", "hold"),
    [
        ("CacheLowHitRate", "< 0.75", "10m"),
        ("CacheVeryLowHitRate", "< 0.7", "5m"),
        ("CacheHighLatency", 'le="0.002"} < 0.95', "5m"),
        ("CacheVeryHighLatency", 'le="0.005"} < 0.95', "2m"),
        ("CacheMemoryHigh", "> 0.85", "10m"),
    ],
)
def test_without_a_policy_file_the_alerts_have_the_numbers_of_the_seed(name: str, condition: str, hold: str) -> None:
    alert = one(Policy(), name)
    assert condition in alert.expr
    assert alert.hold == parse_duration(hold)


@pytest.mark.parametrize("name", DATA)
def test_every_alert_of_the_policy_is_there_with_severity_action_and_annotations(name: str) -> None:
    found, meant = alerts_of(policy(name)), policy(name)
    absent = {"CacheNotifierDown"} if meant.notify.slack is None else set()
    absent |= set() if meant.stack.alertmanager_peers else {"CacheAlertmanagerPeerDown"}
    absent |= set() if meant.stack.prometheus_peers else {"CachePrometheusPeerDown"}
    absent |= set() if meant.collect.background else {"CacheProberDown", "CacheWatchedTwice"}
    assert {alert.name for alert in found} == {spec.name for spec in ALERTS} - absent
    counted_elsewhere = [identity for identity, slo in named(meant) if slo.name not in BUILT_IN]
    for alert in found:
        spec = BY_NAME[alert.name]
        assert (alert.labels["severity"], alert.labels["action"]) == (spec.severity, spec.action)
        told = ["summary", "description", "runbook_url", "dashboard_url"]
        others = spec is BURN_FAST and any(f"slo={quote(slo)}" in alert.expr for slo in counted_elsewhere)
        assert list(alert.annotations) == [*told, *([UNSEEN] if spec.ends_unseen and not others else [])]
        assert all(alert.annotations.values())


@pytest.mark.parametrize("name", DATA)
def test_a_rule_reads_only_what_is_recorded_above_it_in_its_group(name: str) -> None:
    for group in rules.groups(policy(name)).values():
        recorded: set[str] = set()
        every = {rule.name for rule in group.rules if isinstance(rule, Record)}
        for rule in group.rules:
            read = {record for record in every if f"{record}{{" in rule.expr}
            read -= {rule.name} if "] offset 1ms" in rule.expr else set()  # its own past
            assert read <= recorded, f"{rule.name} reads {read - recorded} before it is recorded"
            recorded |= {rule.name} if isinstance(rule, Record) else set()


def test_two_fleets_in_one_prometheus_do_not_meet() -> None:
    """Each expression names the fleet, or a part of its stack; the Watchdog asks nobody, and carries the fleet."""
    for group in rules.groups(policy("static")).values():
        for rule in group.rules:
            named = 'fleet="prod-cache"' in rule.expr or 'instance="' in rule.expr
            of_fleet = isinstance(rule, Record) and rule.labels.get("fleet") == "prod-cache"
            assert named or of_fleet or rule.name == "CacheWatchdog"
            assert isinstance(rule, Record) or "by (" in rule.expr or "fleet" in rule.labels or "fleet=" in rule.expr


def test_a_dead_node_pages_without_waiting_in_a_group_that_is_evaluated_fast() -> None:
    group = rules.groups(Policy())["node_down"]
    verdict, vanished, unwatched = group.rules
    assert group.interval == timedelta(seconds=1)
    assert isinstance(verdict, Alert)
    assert verdict.hold is None
    assert [rule.hold for rule in (vanished, unwatched) if isinstance(rule, Alert)] == [timedelta(seconds=15)] * 2


def test_of_several_prometheus_the_page_says_that_one_may_be_cut_off_alone() -> None:
    alone = policy("static")
    stack = alone.stack.model_copy(update={"prometheus_peers": ("http://10.0.0.9:9090",)})
    (said, silent) = (
        next(alert for alert in alerts_of(each) if alert.labels.get("cause") == "unwatched").annotations["description"]
        for each in (alone.model_copy(update={"stack": stack}), alone)
    )
    assert " One Prometheus of 127.0.0.1:9090, 10.0.0.9:9090 may be cut off alone: " in said
    assert "may be cut off" not in silent


def test_every_expected_node_has_an_alert_of_its_own_for_when_it_vanishes() -> None:
    vanished = [alert for alert in alerts_of(policy("static")) if alert.labels.get("cause") == "vanished"]
    assert [alert.labels["instance"] for alert in vanished] == ["10.0.0.1:6379", "10.0.0.2:6379", "[::1]:7000"]
    assert [alert.labels.get("shard") for alert in vanished] == [None, "b", None]


@pytest.mark.parametrize(
    ("name", "shards"),
    [
        ("sentinel", ["shard-a", "shard-b"]),
        ("sentinel, every master", [None]),
        ("sentinel and static", ["shard-a", "shard-b"]),
    ],
)
def test_with_sentinel_each_named_shard_or_the_whole_fleet_is_missed(name: str, shards: list[str | None]) -> None:
    unnamed = [alert for alert in alerts_of(policy(name)) if alert.labels.get("cause") == "unnamed"]
    assert [alert.labels.get("shard") for alert in unnamed] == shards


@pytest.mark.parametrize("name", DATA)
def test_no_two_alerts_can_have_the_same_labels(name: str) -> None:
    """Alertmanager would take them for one, and the end of one would end the other."""
    distinct = ("cause", "part", "fleet", "shard", "instance")
    slo = re.compile(r',slo="([^"]+)"')
    every = [
        (alert.name, *map(alert.labels.get, distinct), *sorted(set(slo.findall(alert.expr))))
        for alert in alerts_of(policy(name))
    ]
    assert len(set(every)) == len(every)


def test_latency_is_judged_at_exact_bounds_of_the_probes_histogram() -> None:
    within = recording.latency(Policy())[1]
    assert 'le=~"0\\\\.0005|0\\\\.001|0\\\\.002|0\\\\.005|0\\\\.01"' in within.expr
    assert "histogram_quantile" not in "".join(rule.expr for rule in alerts_of(Policy()))


def test_links_lead_to_grafana_and_the_wiki_when_the_policy_names_them() -> None:
    down = alerts_of(policy("static"))[0]
    base = "https://grafana.example.com/x/d/cachewatch-fleet"
    assert down.annotations["dashboard_url"] == (
        f"{base}?var-fleet=prod-cache&var-instance={{{{ $labels.instance | urlquery }}}}"
    )
    assert one(policy("static"), "CacheLowHitRate").annotations["dashboard_url"] == f"{base}?var-fleet=prod-cache"
    assert one(policy("static"), "CacheCertificateExpiring").annotations["dashboard_url"] == (
        f"{base}?var-fleet=prod-cache&var-instance={{{{ with $labels.instance }}}}{{{{ . | urlquery }}}}"
        "{{ else }}$__all{{ end }}"
    ), "of the exporter's own certificate all nodes, for none would be an empty page"
    link = one(policy("sentinel"), "CacheMemoryHigh").annotations["runbook_url"]
    assert link == "https://wiki.example.com/r/CacheMemoryHigh"


def test_links_lead_to_prometheus_and_the_notifier_otherwise() -> None:
    alert = one(Policy(), "CacheMemoryHigh")
    assert alert.annotations["runbook_url"] == "http://127.0.0.1:9122/runbooks/CacheMemoryHigh"
    assert alert.annotations["dashboard_url"].startswith("http://127.0.0.1:9090/graph?g0.expr=instance%3Acache_memory")


def test_refused_writes_are_seen_however_slowly_the_node_facts_are_scraped() -> None:
    """Callers' errors come with the slow scrape: a window of one scrape never holds two samples."""
    for interval, window in (("15s", "1m"), ("1m", "4m")):
        expr = one(Policy.model_validate({"rules": {"interval": interval}}), "CacheWritesRefused").expr
        assert f'err=~"NOREPLICAS|MISCONF|OOM"}}[{window}])' in expr


@pytest.mark.parametrize(
    ("interval", "hold", "held"), [("15s", "5m", "5m"), ("15s", "0s", "75s"), ("75s", "5m", "375s")]
)
def test_a_burst_of_writes_to_a_replica_is_over_before_anybody_is_told(interval: str, hold: str, held: str) -> None:
    """It is seen for a window, which four slow scrapes may make longer than what the policy waits."""
    waits = {"alerts": {"writes_to_replica": {"for": hold}}, "rules": {"interval": interval}}
    assert one(Policy.model_validate(waits), "CacheWritesToReplica").hold == parse_duration(held)


@pytest.mark.parametrize(
    ("fleet", "first"),
    [
        ({"nodes": ["redis://10.0.0.1"]}, "redis-cli -u redis://{{ $labels.instance }} PING"),
        ({"nodes": ["redis://10.0.0.1"], "tls": {}}, "PING it, as the runbook has it"),
        ({"nodes": ["redis://10.0.0.1", "rediss://10.0.0.2"]}, "PING it, as the runbook has it"),
        ({"nodes": ["redis://[::1]:7000"]}, "PING it, as the runbook has it"),
        ({"nodes": ["unix:///run/redis.sock"]}, "PING it, as the runbook has it"),
    ],
)
def test_the_first_command_of_a_dead_node_is_one_that_works(fleet: dict[str, object], first: str) -> None:
    found = [alert for alert in alerts_of(Policy.model_validate({"fleet": fleet})) if alert.name == "CacheNodeDown"]
    assert f"First: {first}, then the process" in found[0].annotations["description"]
