"""What an Alertmanager has loaded, against what is built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from alerts.running import alertmanager
from alerts.running.answers import Status, Unusable, read
from alerts.running.meaning import matcher
from policy.base import merge
from policy.model import Policy
from tests.unit.alerts import policies
from tests.unit.alerts_running import loaded

CURE = ": give it alertmanager.yml of this build and reload (SIGHUP); if that changes nothing, its log says why"
POLICY = policies.policy("told")
Json = dict[str, Any]


def told(policy: Policy, config: Json, *members: str, state: str = "ready") -> list[str]:
    status = read(Status, loaded.status(config, *members, state=state), "Alertmanager")
    return list(alertmanager.problems(policy, status))


def changed(change: Callable[[Json], object], policy: Policy = POLICY) -> list[str]:
    config = loaded.config(policy)
    change(config)
    return [problem.removesuffix(CURE) for problem in told(policy, config)]


@pytest.mark.parametrize("name", policies.DATA)
def test_what_is_built_is_loaded(name: str) -> None:
    policy = policies.policy(name)
    assert told(policy, loaded.config(policy), *policy.stack.alertmanagers) == []


def route(config: Json, receiver: str) -> Json:
    return next(one for one in config["route"]["routes"] if one["receiver"] == receiver)


def receiver(config: Json, name: str) -> Json:
    return next(one for one in config["receivers"] if one["name"] == name)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda c: route(c, "pages-slack").update(group_wait="30s"), "routes of pages: group_wait not as built"),
        (lambda c: route(c, "pages-slack").update(matchers=['severity="x"']), "routes of pages: matchers not as built"),
        (lambda c: route(c, "pages-slack").pop("mute_time_intervals"), "routes of pages: mute_time_intervals not as built"),
        (lambda c: route(c, "heartbeat").update(repeat_interval="1h"), "route of the heartbeat: repeat_interval not as built"),
        (lambda c: route(c, "nobody").update(mute_time_intervals=["x"]), "routes to nobody: mute_time_intervals not as built"),
        (lambda c: c["route"]["routes"].pop(), "routes of tickets: has 3, 4 are built"),
        (lambda c: c["route"]["routes"].reverse(), "its routes stand in another order"),
        (lambda c: c["route"]["routes"].insert(0, {"receiver": "theirs"}), "has routes that are not built, to theirs"),
        (lambda c: c["route"].update(receiver="theirs"), "the root of its routes differs in receiver"),
        (lambda c: c["route"].update(matchers=['a="b"']), "the root of its routes differs in matchers"),
        (lambda c: c.pop("route"), "the root of its routes differs in receiver, group_by"),
        (lambda c: c["receivers"].pop(0), "has no receiver pages-slack"),
        (lambda c: receiver(c, "pages-slack").update(slack_configs=[{}]), "receiver pages-slack differs in slack_configs"),
        (lambda c: receiver(c, "pages-slack").pop("webhook_configs"), "receiver pages-slack differs in webhook_configs"),
        (
            lambda c: receiver(c, "tickets-webhook-1")["webhook_configs"][0].update(url="http://127.0.0.1:1/"),
            "receiver tickets-webhook-1 differs in webhook_configs.url",
        ),
        (
            lambda c: receiver(c, "pages-slack")["webhook_configs"][0]["http_config"].update(authorization={"credentials": "x"}),
            "receiver pages-slack differs in webhook_configs.http_config.authorization.credentials",
        ),
        (
            lambda c: receiver(c, "heartbeat")["webhook_configs"][0]["http_config"].pop("authorization"),
            "receiver heartbeat differs in webhook_configs.http_config.authorization",
        ),
        (lambda c: c["inhibit_rules"].pop(0), "inhibition: lacks 1 of 16 rules, that of CacheVeryLowHitRate"),
        (
            lambda c: c["inhibit_rules"].append({"target_matchers": ['alertname=~"X|CacheNodeDown"']}),
            "inhibition: has 1 rule more, that of unnamed alerts",
        ),
        (lambda c: c["time_intervals"].pop(0), "has no time interval office-hours"),
        (lambda c: c["time_intervals"][1]["time_intervals"].pop(), "time interval holidays differs"),
        (
            lambda c: c["time_intervals"][0]["time_intervals"][0]["times"][0].update(end_time="23:00"),
            "time interval office-hours differs",
        ),
    ],
)  # fmt: skip
def test_what_differs_is_named(change: Callable[[Json], object], problem: str) -> None:
    (found,) = changed(change)
    assert problem in found


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c["receivers"].append({"name": "theirs"}),
        lambda c: c["inhibit_rules"].append({"source_matchers": ["a=b"], "target_matchers": ["alertname=Theirs"]}),
        lambda c: c["inhibit_rules"].append({"source_match": {"a": "b"}, "target_match": {"c": "d"}}),
        lambda c: c["inhibit_rules"].reverse(),
        lambda c: c["time_intervals"].append({"name": "theirs", "time_intervals": []}),
        lambda c: c["route"].update(group_by=list(reversed(c["route"]["group_by"]))),
        lambda c: route(c, "tickets-slack").update(group_interval="300s", repeat_interval="600s"),
        lambda c: route(c, "heartbeat").update(matchers=["fleet = cache", "alertname=CacheWatchdog"]),
        lambda c: route(c, "pages-slack").update(matchers=["severity=critical"]),
    ],
)
def test_what_is_other_peoples_or_only_written_otherwise_is_fine(change: Callable[[Json], object]) -> None:
    assert changed(change) == []


def test_all_that_differs_is_told_at_once_with_one_cure() -> None:
    config = loaded.config(POLICY)
    route(config, "pages-slack").update(group_wait="30s")
    config["receivers"].pop(0)
    (problem,) = told(POLICY, config)
    assert problem == f"routes of pages: group_wait not as built; has no receiver pages-slack{CURE}"


@pytest.mark.parametrize(
    "change",
    [
        {"notify": {"pagerduty": {"routing_key_file": "/run/other"}}},
        {"notify": {"pagerduty": {"url": "http://127.0.0.1:9/x"}}},
        {"notify": {"page": {"group_interval": "7s"}}},
        {"notify": {"maintenance": [{"weekdays": ["sunday"]}]}},
        {"notify": {"heartbeat": {"url": "https://hc.example.com/9", "interval": "7m"}}},
        {"notify": {"slack": None}},
        {"fleet": {"name": "other"}},
    ],
    ids=str,
)
def test_one_that_has_the_build_of_before_is_found(change: dict[str, Any]) -> None:
    before, after = policies.policy("static"), Policy.model_validate(merge(policies.DATA["static"], change))
    assert told(after, loaded.config(before)) != []
    assert told(before, loaded.config(after)) != []


@pytest.mark.parametrize(
    ("members", "state", "problem"),
    [
        (("a", "b"), "ready", "its cluster has 2 members, the policy names 3"),
        (("a",), "settling", "its cluster has 1 member, the policy names 3"),
        ((), "disabled", "is in no cluster, 3 members are named"),
        (("a", "b", "c", "d"), "ready", "its cluster has 4 members, the policy names 3"),
    ],
)
def test_with_peers_all_are_one_cluster(members: tuple[str, ...], state: str, problem: str) -> None:
    policy = policies.policy("patient")
    (found,) = told(policy, loaded.config(policy), *members, state=state)
    assert found.startswith(problem)


def test_of_one_that_is_alone_no_cluster_is_asked() -> None:
    assert told(POLICY, loaded.config(POLICY), state="disabled") == []


@pytest.mark.parametrize("text", ["", "- a", "{", "a: &a [1]\nb: *a\n", "[" * 100_000, "x: " + "y" * 5_000_000])
def test_a_configuration_that_is_none_is_refused(text: str) -> None:
    status = Status.model_validate({"cluster": {}, "config": {"original": text}})
    with pytest.raises(Unusable, match="shows a configuration"):
        list(alertmanager.problems(POLICY, status))


@pytest.mark.parametrize(
    "text", ["route: [1]", "route: {routes: [1, x]}\nreceivers: 3\ninhibit_rules: {a: b}", "receivers: [[]]"]
)
def test_one_of_odd_shapes_differs(text: str) -> None:
    status = Status.model_validate({"cluster": {}, "config": {"original": text}})
    assert list(alertmanager.problems(POLICY, status)) != []


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('a="b"', ("a", "=", "b")),
        ("a=b", ("a", "=", "b")),
        (' a !~ "b|c" ', ("a", "!~", "b|c")),
        ('a=~"x=\\"y\\"\\n\\\\"', ("a", "=~", 'x="y"\n\\')),
        ('"a b"="c"', ("a b", "=", "c")),
        ('a=""', ("a", "=", "")),
        ("nonsense", ("nonsense", "", "")),
    ],
)
def test_a_matcher_is_read_however_it_is_written(text: str, parts: tuple[str, str, str]) -> None:
    assert matcher(text) == parts
