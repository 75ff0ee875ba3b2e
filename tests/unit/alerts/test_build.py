"""The generated files as a whole."""

import pytest
import yaml

from alerts import alertmanager, prometheus, rule_tests, rules
from alerts.build import HEADER, files, read
from policy.alerts import ALERTS
from tests.unit.alerts.policies import DATA, built, policy

STEMS = (
    "node_down",
    "failover",
    "hit_rate",
    "latency",
    "memory",
    "server",
    "discovery",
    "policy",
    "prober",
    "stack",
    "slo_availability",
)
BURNS = ("critical.1h", "critical.6h", "warning.1d", "warning.3d", "warning.wait")


@pytest.mark.parametrize("name", DATA)
def test_the_same_policy_gives_the_same_files(name: str) -> None:
    assert files(policy(name)) == built(name)


@pytest.mark.parametrize("name", DATA)
def test_what_stands_in_the_files_is_what_was_meant(name: str) -> None:
    """Whatever the names hold, YAML gives them back as they were, in one document a file."""
    found, meant = built(name), policy(name)
    # Names that could break out are held against another reader than what wrote them has.
    back = yaml.safe_load if name == "hostile" else read
    configs = prometheus.configs(meant)
    assert {name: back(found[name]) for name in found if name.startswith("prometheus")} == configs
    assert back(found["alertmanager.yml"]) == alertmanager.config(meant)
    for stem, group in rules.groups(meant).items():
        assert back(found[f"rules/{stem}.yml"]) == {"groups": [group.data()]}
    for stem, suite in rule_tests.suites(meant).items():
        assert back(found[f"rule-tests/{stem}.yml"]) == suite


def test_every_rule_file_has_its_test_and_every_alert_its_page() -> None:
    assert set(built("default")) == {
        "prometheus.yml",
        "alertmanager.yml",
        *(f"rules/{stem}.yml" for stem in STEMS),
        *(f"rule-tests/{stem}.yml" for stem in STEMS),
        *(f"rule-tests/slo_availability.{burn}.yml" for burn in BURNS),
        *(f"runbooks/{spec.name}.md" for spec in ALERTS),
    }


def test_whoever_opens_a_file_learns_where_to_change_it() -> None:
    assert all(text.startswith(HEADER) for path, text in built("default").items() if path.endswith(".yml"))
