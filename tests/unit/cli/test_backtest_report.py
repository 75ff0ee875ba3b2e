"""What a backtest remarks."""

from dataclasses import replace

import pytest

from alerts.backtest.compare import Told
from alerts.backtest.history import Window
from alerts.backtest.plan import rules
from alerts.backtest.run import Outcome
from alerts.rules import groups
from cli import backtest_report
from policy.model import Policy

MANY = Policy.model_validate({"slos": [{"name": "availability", "objective": 99, "id": f"s{i}"} for i in range(20)]})
RULES = rules(groups(MANY))


def remarks(capsys: pytest.CaptureFixture[str], *told: Told) -> list[str]:
    backtest_report.show(Outcome(told, (), ()), Window(0, 3600_000), ())
    lines = " ".join(capsys.readouterr().out.split()).split("current")
    return [f"current{line}".strip() for line in lines if "takes " in line or "not evaluated" in line]


def test_a_remark_on_twenty_objectives_and_two_policies_is_made_once(capsys: pytest.CaptureFixture[str]) -> None:
    told = Told(RULES, ())
    (found,) = [line for line in remarks(capsys, told, told) if "takes ALERTS" in line]
    slow = "CacheErrorBudgetBurnFast (20 rules), CacheErrorBudgetBurnSlow (20 rules)"
    assert found.startswith(f"current, candidate: CacheNodeDown, {slow}: takes ALERTS as")


def test_a_remark_on_one_policy_names_that_one(capsys: pytest.CaptureFixture[str]) -> None:
    broken = tuple(replace(rule, problem="no such series") if rule.name == "CacheNodeDown" else rule for rule in RULES)
    (found,) = [line for line in remarks(capsys, Told(broken, ()), Told(RULES, ())) if ": not evaluated" in line]
    assert found.startswith("current: CacheNodeDown (3 rules): not evaluated: no such series")


def test_of_many_alerts_the_first_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    told = Told(tuple(replace(rule, problem="gone") for rule in RULES), ())
    (found,) = [line for line in remarks(capsys, told) if ": not evaluated: gone" in line]
    assert found.startswith("current: CacheNodeDown (3 rules), CacheFailoverOverdue, ")
    more = len({rule.name for rule in RULES}) - 8
    assert f", {more} more: not evaluated: gone" in found
