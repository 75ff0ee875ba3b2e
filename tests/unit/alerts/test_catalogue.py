"""The list of all alerts."""

import pytest

from alerts.catalogue import entries, told
from alerts.rules import groups
from policy.alerts import ALERTS
from policy.model import Policy
from tests.unit.alerts.policies import DATA, policy


@pytest.mark.parametrize("name", DATA)
def test_every_alert_stands_in_it_with_all_its_rules(name: str) -> None:
    of = policy(name)
    found = entries(of, groups(of))
    rules = [rule for group in groups(of).values() for rule in group.data()["rules"] if "alert" in rule]
    assert sum(entry.rules for entry in found) == len(rules)
    # Who has no Slack has no notifier that could be gone, and who does not probe no prober.
    missed = {"CacheNotifierDown"} if of.notify.slack is None else set()
    missed |= set() if of.stack.alertmanager_peers else {"CacheAlertmanagerPeerDown"}
    missed |= set() if of.stack.prometheus_peers else {"CachePrometheusPeerDown"}
    missed |= set() if of.collect.background else {"CacheProberDown", "CacheWatchedTwice"}
    assert {spec.name: (spec.severity, spec.action) for spec in ALERTS if spec.name not in missed} == {
        entry.name: (entry.severity, entry.action) for entry in found
    }


def test_who_is_told_follows_from_the_route_and_the_policy() -> None:
    static = policy("static")
    assert told(static, "critical", "") == ("PagerDuty", "Slack")
    assert told(static, "warning", "") == ("Slack",)
    assert told(static, "warning", "page") == ("PagerDuty", "Slack"), "the stack's own"
    assert told(policy("sentinel"), "warning", "") == ()
    hooks = [{"url": f"http://{kind}.example/", "told": kind} for kind in ("all", "pages", "tickets")]
    others = Policy.model_validate({"notify": {"webhooks": hooks, "heartbeat": {"url": "http://beat.example/"}}})
    assert told(others, "critical", "") == ("http://all.example/", "http://pages.example/")
    assert told(others, "warning", "") == ("http://all.example/", "http://tickets.example/")
    assert (told(others, "none", ""), told(static, "none", "")) == (("heartbeat",), ())


def test_an_entry_says_when_it_fires_and_how_often_that_is_looked_at() -> None:
    of = policy("default")
    (entry,) = [entry for entry in entries(of, groups(of)) if entry.name == "CacheReplicaLinkDown"]
    assert entry.data() == {
        "alert": "CacheReplicaLinkDown",
        "severity": "warning",
        "action": "check_nodes",
        "expr": 'max by (fleet, shard, instance) (last_over_time(redis_master_link_up{fleet="cache"}[1m30s])) == 0',
        "for": "3m",
        "group": "cachewatch-server",
        "interval": "15s",
        "told": [],
        "rules": 1,
    }


def test_rules_of_one_name_that_ask_something_else_are_entries_of_their_own() -> None:
    of = policy("objectives")
    found = entries(of, groups(of))
    failures = [entry for entry in found if entry.name == "CacheRuleFailures"]
    assert [(entry.data()["part"], entry.rules) for entry in failures] == [
        ("evaluation", 1),
        ("missed", 1),
        ("reload", 1),
        ("routes", 1),
    ]
    assert len({entry.expr for entry in failures}) == 4
    fast = [entry.data() for entry in found if entry.name == "CacheErrorBudgetBurnFast"]
    assert [entry["slo"] for entry in fast] == ["latency", "hit_rate", "shop"]


@pytest.mark.parametrize("name", DATA)
def test_what_one_entry_stands_for_differs_in_its_subject_only(name: str) -> None:
    of = policy(name)
    found = entries(of, groups(of))
    # A node, or a Prometheus of several.
    subjects = {(("cause", cause),) for cause in ("vanished", "unnamed", "gone", "mute")}
    assert {entry.own for entry in found if entry.rules > 1} <= subjects
    keys = [(entry.name, *entry.own) for entry in found]
    assert len(set(keys)) == len(keys)
    assert all({label for label, _ in entry.own} <= {"cause", "part", "slo"} for entry in found)
