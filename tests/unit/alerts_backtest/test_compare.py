"""Counting what fired, and holding it against incidents."""

import pytest

from alerts import catalogue
from alerts.backtest.compare import Firing, Told, changes, per_week, quality, summary
from alerts.backtest.incidents import Incident
from alerts.backtest.plan import rules
from alerts.backtest.simulate import Span
from alerts.rules import groups
from policy.model import Policy
from tests.unit.alerts.policies import policy

RULES = rules(groups(Policy()))


def firing(name: str, start: int, end: int, severity: str = "critical", **labels: str) -> Firing:
    every = {"alertname": name, "severity": severity, **labels}
    return Firing(tuple(sorted(every.items())), Span(start, end, True))


def told(*firings: Firing) -> Told:
    return Told(RULES, firings)


def test_pages_are_what_is_told_by_every_way_and_a_week_has_seven_days() -> None:
    ticket = firing("CacheMemoryHigh", 0, 5000, "warning")
    of_stack = firing("CacheNotifierDown", 0, 1000, "warning", action="page")
    found = summary(told(firing("CacheNodeDown", 0, 2000), ticket, of_stack), 86400_000)
    assert (found["pages"], found["pages_per_week"]) == (2, 14.0)
    assert found["alerts"]["CacheMemoryHigh"]["seconds"] == 5.0
    assert found["alerts"]["CacheNodeDown"]["firings"][0]["to"] == "1970-01-01T00:00:02Z"
    assert per_week(3, 7 * 86400_000) == 3


@pytest.mark.parametrize("severity", ["critical", "warning", "info"])
@pytest.mark.parametrize("action", ["page", "investigate", ""])
def test_a_page_is_what_the_routes_send_to_pagerduty(severity: str, action: str) -> None:
    pages = "PagerDuty" in catalogue.told(policy("static"), severity, action)
    assert firing("A", 0, 1, severity, action=action).pages == pages


def test_over_no_time_there_is_no_rate() -> None:
    assert per_week(0, 0) == 0.0


def test_precision_counts_pages_and_recall_counts_incidents() -> None:
    incidents = (Incident("met", 1000, 2000), Incident("missed", 8000, 9000))
    found = quality(told(firing("A", 1500, 3000), firing("A", 5000, 6000)), incidents)
    assert (found.precision, found.recall) == (0.5, 0.5)
    assert found.detected == (("met", 0.5), ("missed", None))
    assert [f.span.start for f in found.false_alarms] == [5000]


def test_what_fires_already_when_it_begins_detects_at_once() -> None:
    assert quality(told(firing("A", 0, 3000)), (Incident("x", 1000, 2000),)).detected == (("x", 0.0),)


def test_without_pages_there_is_no_precision_and_it_is_not_called_zero() -> None:
    found = quality(told(), (Incident("x", 0, 1),))
    assert (found.precision, found.recall) == (None, 0.0)


@pytest.mark.parametrize(
    ("incident", "met"),
    [
        (Incident("x", 0, 9000), True),
        (Incident("x", 0, 9000, "A", "n1"), True),
        (Incident("x", 0, 9000, "A", "n2"), False),
        (Incident("x", 0, 9000, "B"), False),
        (Incident("x", 0, 500), False),
        (Incident("x", 2000, 9000), False),
    ],
)
def test_an_incident_is_met_by_its_own_alert_in_its_time(incident: Incident, met: bool) -> None:
    found = quality(told(firing("A", 1000, 2000, instance="n1")), (incident,))
    assert found.recall == float(met)


def test_a_warning_counts_only_for_an_incident_that_names_it() -> None:
    warns = told(firing("W", 1000, 2000, "warning"))
    assert quality(warns, (Incident("x", 0, 9000),)).recall == 0
    assert quality(warns, (Incident("x", 0, 9000, "W"),)).recall == 1


def test_what_is_new_or_gone_has_no_overlapping_peer_of_the_same_labels() -> None:
    before = told(firing("A", 0, 10, n="1"), firing("A", 50, 60, n="1"))
    after = told(firing("A", 5, 20, n="1"), firing("A", 50, 60, n="2"))
    found = changes(before, after)
    assert [f.span.start for f in found["gone"]] == [50]
    assert [dict(f.labels)["n"] for f in found["new"]] == ["2"]
