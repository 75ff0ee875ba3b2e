"""What a policy's alerts ask of a history."""

from datetime import timedelta

import pytest

from alerts.backtest.plan import Rule, rules
from alerts.model import Alert, Group, Record
from alerts.promql import template_text
from alerts.rules import groups
from alerts.stack import EVERY_WAY
from policy.alerts import POLICY_DIFFERS, WATCHDOG
from tests.unit.alerts.policies import DATA, HOSTILE, policy


def planned(*found: Record | Alert) -> Rule:
    (rule,) = rules({"g": Group("g", timedelta(seconds=15), found)})
    return rule


def alert(expr: str = "up == 0", **labels: str) -> Alert:
    return Alert("A", expr, labels, {}, timedelta(minutes=2))


@pytest.mark.parametrize("name", DATA)
def test_every_generated_alert_can_be_backtested(name: str) -> None:
    found = rules(groups(policy(name)))
    assert found
    assert not [rule.problem for rule in found if rule.problem]
    none = [rule for rule in found if not rule.wanted() and "absent" not in rule.expr]
    of_others = [rule for rule in none if rule.labels.get("part") == EVERY_WAY]  # it reads other alerts alone
    assert [rule.name for rule in none if rule not in of_others] == [WATCHDOG.name]


def test_what_exporter_and_rules_have_in_common_now_is_not_asked_of_a_history() -> None:
    assert POLICY_DIFFERS.name not in {rule.name for rule in rules(groups(policy("static")))}


def test_times_are_milliseconds() -> None:
    rule = planned(alert())
    assert (rule.step, rule.hold) == (15_000, 120_000)


def test_the_rules_labels_win_and_templates_are_expanded_as_prometheus_does() -> None:
    rule = planned(alert(fleet=template_text(HOSTILE), node="{{ $labels.instance }}", gone=""))
    series = {"__name__": "up", "instance": "i", "fleet": "other", "gone": "g"}
    assert rule.alert(series) == {"alertname": "A", "fleet": HOSTILE, "node": "i", "instance": "i"}


def test_a_template_that_only_prometheus_can_expand_is_said_to_be_so() -> None:
    assert "only Prometheus can expand" in planned(alert(x="{{ $value }}")).problem


def test_an_alert_that_reads_other_alerts_takes_them_from_the_history_and_says_so() -> None:
    rule = planned(alert('up unless on () ALERTS{alertname="B"}'))
    assert rule.query == rule.expr
    assert rule.notes == ("takes ALERTS as the history has it, by the rules of that time: it is the state of alerts",)
    assert [selector.name for selector in rule.wanted()] == ["up"]


def test_points_of_a_subquery_are_met_by_evaluating_at_multiples_of_the_interval() -> None:
    record = Record("a:b", "b")
    assert planned(record, alert("a:b > 1")).phased
    assert not planned(record, alert("sum_over_time(a:b[1h]) > 1")).phased


def test_a_record_of_another_group_is_noted() -> None:
    other = Group("other", timedelta(seconds=30), (Record("a:b", "b"),))
    own = Group("g", timedelta(seconds=15), (alert("a:b > 1"),))
    (rule,) = rules({"o": other, "g": own})
    assert rule.notes == ("reads a:b of the group other: its times are right to 30s",)
    assert rule.query == "((b)) > 1"


def test_an_objective_does_not_read_the_records_of_another_one() -> None:
    found = [rule for rule in rules(groups(policy("objectives"))) if "Burn" in rule.name]
    others = {note.split(" of the group")[0] for r in found for note in r.notes if note.startswith("reads ")}
    assert others == {"reads slo:maintenance:active"}, "which all objectives share"
    for rule in found:
        asked = {m.value for s in rule.reads for m in s.matchers if m.label == "slo"}
        assert asked == {rule.group.removeprefix("cachewatch-slo-")}
