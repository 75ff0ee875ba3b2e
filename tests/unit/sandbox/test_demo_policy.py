"""The demo's policy is a policy, and says honestly what it shortened."""

from pathlib import Path
from typing import Any

from policy.loader import parse
from policy.model import Policy
from policy.units import duration_text
from sandbox.demo_policy import SHORTENED, Addresses, behind_sentinel, shortened, text

ADDRESSES = Addresses(
    fleet=behind_sentinel(("127.0.0.1:1", "127.0.0.1:2"), ("shard-a", "shard-b")),
    exporter="127.0.0.1:3",
    notifier="127.0.0.1:4",
    alertmanager="127.0.0.1:5",
    prometheus_url="http://127.0.0.1:6",
    sink_url="http://127.0.0.1:7",
    routing_key_file="/keys/pagerduty",
    token_file="/keys/slack",
)


def loaded() -> Policy:
    return parse(text(ADDRESSES), "cachewatch.yaml", Path("/")).policy


def test_it_loads_and_points_at_the_demo() -> None:
    policy = loaded()
    assert policy.fleet.nodes == ()
    assert policy.fleet.sentinel is not None
    assert policy.fleet.sentinel.masters == ("shard-a", "shard-b")
    assert policy.notify.pagerduty is not None
    assert policy.notify.pagerduty.url == "http://127.0.0.1:7/v2/enqueue"
    assert policy.notify.slack is not None
    assert policy.notify.slack.url == "http://127.0.0.1:7/api"
    assert policy.stack.prometheus == "http://127.0.0.1:6"


def value(policy: Policy, key: str) -> str:
    found: Any = policy
    for part in key.split("."):
        found = getattr(found, "for_" if part == "for" else part)
    return duration_text(found)


def test_everything_said_to_be_shortened_is_and_shows_the_default_beside_it() -> None:
    default = Policy.model_validate({"fleet": {"sentinel": {"addresses": ["127.0.0.1"]}}})
    assert {key: (value(default, key), value(loaded(), key)) for key in SHORTENED} == shortened()
    assert all(default != short for default, short in shortened().values())


def test_without_what_is_shortened_it_has_the_default_of_every_duration() -> None:
    plain = parse(text(ADDRESSES, {}), "cachewatch.yaml", Path("/")).policy
    default = Policy.model_validate({"fleet": plain.fleet, "notify": plain.notify, "stack": plain.stack})
    assert plain == default
    assert plain.fleet.sentinel is not None
    assert plain.fleet.sentinel.refresh == type(plain.fleet.sentinel)(addresses=("a",)).refresh


def test_no_threshold_is_softened() -> None:
    mine, default = loaded().thresholds.model_dump(), Policy().thresholds.model_dump()
    for row in default.values():
        for level in ("warning", "critical"):
            row[level].pop("for_", None)
    for row in mine.values():
        for level in ("warning", "critical"):
            row[level].pop("for_", None)
    assert mine == default
