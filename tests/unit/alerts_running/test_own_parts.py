"""What the exporter and the notifier say of their own policy."""

from __future__ import annotations

import pytest

from alerts.notifier import agreement
from alerts.notifier.counters import Counters
from alerts.running import exporter, notifier
from alerts.running.series import samples
from policy.agreement import fingerprint
from tests.unit.alerts import policies

POLICY = policies.policy("static")
MINE = fingerprint(POLICY)


def page(fleet: str = "prod-cache", told: str = MINE) -> str:
    return f'# TYPE cache_policy_info gauge\ncache_policy_info{{fleet="{fleet}",hash="{told}"}} 1\n'


def test_an_exporter_of_this_policy_is_fine() -> None:
    assert list(exporter.problems(POLICY, page())) == []
    assert list(exporter.problems(POLICY, page("other", "0") + page())) == []


@pytest.mark.parametrize("name", policies.DATA)
def test_any_name_of_a_fleet_is_read(name: str) -> None:
    policy = policies.policy(name)
    fleet = policy.fleet.name.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    assert list(exporter.problems(policy, page(fleet, fingerprint(policy)))) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            page(told="0123456789ab"),
            f"has another policy (fingerprint 0123456789ab, this one has {MINE}): give it this file",
        ),
        (page("other"), "watches the fleet other, not prod-cache: "),
        ("<html>cache_policy_info</html>", "/metrics/sli tells no cache_policy_info: "),
        ("", "/metrics/sli tells no cache_policy_info: "),
        (
            page() + 'cache_collect_success{fleet="prod-cache",part="policy"} 0\n',
            "has refused the policy that it was given last",
        ),
    ],
)
def test_an_exporter_of_another_is_told(text: str, problem: str) -> None:
    (found,) = exporter.problems(POLICY, text)
    assert found.startswith(problem)


def test_a_part_that_fails_is_no_refused_policy() -> None:
    text = page() + 'cache_collect_success{part="sentinel"} 0\ncache_collect_success{part="policy"} 1\n'
    assert list(exporter.problems(POLICY, text)) == []


def test_a_notifier_of_this_policy_is_fine_and_of_another_told() -> None:
    assert list(notifier.problems(POLICY, Counters(agreement.fingerprint(POLICY)).exposition(0))) == []
    (found,) = notifier.problems(POLICY, Counters("0123456789ab").exposition(0))
    assert "restart it with this file" in found
    (found,) = notifier.problems(POLICY, "<html>")
    assert found.startswith("/metrics tells no cachewatch_notifier_policy_info")


def test_labels_are_read_as_they_are_written() -> None:
    text = 'a{x="1",y="a\\"b\\\\c\\nd\u2028}"} 2\nab{x="no"} 1\na 3\na{x="2"} NaN\n'
    assert list(samples(text, "a")) == [({"x": "1", "y": 'a"b\\c\nd\u2028}'}, "2"), ({}, "3"), ({"x": "2"}, "NaN")]
