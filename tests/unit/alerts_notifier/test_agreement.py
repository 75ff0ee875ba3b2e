"""The fingerprint of what a notifier has of its policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alerts.notifier.agreement import fingerprint
from alerts.notifier.counters import POLICY_INFO, Counters
from policy.base import merge
from policy.model import Policy
from tests.unit.alerts import policies

BASE: dict[str, Any] = {
    "fleet": {"nodes": ["redis://10.0.0.1"], "files": ["/a/*.json"], "tls": {"ca_file": "/a/ca.crt"}},
    "notify": {"slack": {"channel": "#a", "token_file": "/a/token"}, "pagerduty": {"routing_key_file": "/a/key"}},
}


def of(changed: dict[str, Any]) -> str:
    return fingerprint(Policy.model_validate(merge(BASE, changed)))


@pytest.mark.parametrize(
    "changed",
    [
        {"thresholds": {"memory": {"warning": {"above": "87%"}}}},
        {"fleet": {"name": "other"}},
        {"notify": {"slack": {"channel": "#b"}}},
        {"notify": {"slack": {"url": "http://127.0.0.1:9/api"}}},
        {"notify": {"ticket": {"repeat_interval": "13h"}}},
        {"stack": {"links": {"alertmanager": "https://am.example.com"}}},
        {"fleet": {"tls": {"ca_file": "/a/other.crt"}}},
    ],
    ids=str,
)
def test_whatever_a_notifier_tells_by_changes_it(changed: dict[str, Any]) -> None:
    assert of(changed) != of({})


def test_where_files_lie_does_not() -> None:
    there = {
        "fleet": {"files": ["/b/*.json"], "tls": {"ca_file": "/b/ca.crt"}},
        "notify": {"slack": {"token_file": "/b/token"}, "pagerduty": {"routing_key_file": "/b/key"}},
    }
    assert of(there) == of({})


def test_it_has_no_part_in_the_policy_itself() -> None:
    policy = Policy.model_validate(BASE)
    fingerprint(policy)
    assert policy.notify.slack is not None
    assert policy.notify.slack.token_file == Path("/a/token")


@pytest.mark.parametrize("name", policies.DATA)
def test_every_policy_has_one(name: str) -> None:
    assert len(fingerprint(policies.policy(name))) == 12


def test_it_is_told_beside_what_the_notifier_counts() -> None:
    assert f'{POLICY_INFO}{{hash="0123456789ab"}} 1\n' in Counters("0123456789ab").exposition(0)
