"""Routes: who is told of what, and nobody who is not configured."""

from typing import Any

import pytest

from alerts import alertmanager
from policy.alerts import ALERTS
from policy.model import Policy
from tests.unit.alerts.policies import policy


def receivers(name: str) -> dict[str, set[str]]:
    """Receiver -> kinds of its integrations."""
    found = alertmanager.config(policy(name))["receivers"]
    return {receiver["name"]: set(receiver) - {"name"} for receiver in found}


def routed(name: str) -> list[str]:
    """Receivers of critical, warning, and anything else."""
    route: dict[str, Any] = alertmanager.config(policy(name))["route"]
    return [*(child["receiver"] for child in route["routes"]), route["receiver"]]


@pytest.mark.parametrize(
    ("name", "who", "routes"),
    [
        (
            "static",
            {"page": {"pagerduty_configs", "webhook_configs"}, "ticket": {"webhook_configs"}},
            ["page", "ticket", "ticket"],
        ),
        ("sentinel", {"page": {"pagerduty_configs"}, "nobody": set()}, ["page", "nobody", "nobody"]),
        (
            "sentinel, every master",
            {"page": {"webhook_configs"}, "ticket": {"webhook_configs"}},
            ["page", "ticket", "ticket"],
        ),
        ("default", {"nobody": set()}, ["nobody", "nobody", "nobody"]),
    ],
)
def test_only_what_the_policy_configures_is_told(name: str, who: dict[str, set[str]], routes: list[str]) -> None:
    assert receivers(name) == who
    assert routed(name) == routes


def test_a_page_goes_out_at_once_and_a_ticket_waits_for_the_page_that_silences_it() -> None:
    page, ticket = alertmanager.config(Policy())["route"]["routes"]
    assert (page["group_wait"], page["group_interval"], page["repeat_interval"]) == ("0s", "1s", "4h")
    assert (ticket["group_wait"], ticket["group_interval"], ticket["repeat_interval"]) == ("30s", "5m", "12h")


def test_every_inhibition_of_the_policy_is_there_over_labels_that_both_alerts_carry() -> None:
    rules = alertmanager.config(Policy())["inhibit_rules"]
    specs = [spec for spec in ALERTS if spec.inhibits]
    assert [rule["equal"] for rule in rules] == [list(spec.per) for spec in specs]
    per = {spec.name: set(spec.per) for spec in ALERTS}
    for spec in specs:
        assert all(set(spec.per) <= per[target] for target in spec.inhibits)
