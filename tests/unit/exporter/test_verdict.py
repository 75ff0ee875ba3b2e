"""A node goes down after three bad checks and up again after two good ones."""

from exporter.verdict import Verdict, after
from tests.unit.exporter.helpers import policy

HEALTH = policy().health


def verdicts(checks: str, verdict: Verdict | None = None) -> list[bool | None]:
    """The verdict after each check, `.` good and `x` bad."""
    now, seen = verdict or Verdict(), []
    for check in checks:
        now = after(now, check == ".", HEALTH)
        seen.append(now.up)
    return seen


def test_a_new_node_is_up_at_its_first_good_check() -> None:
    assert verdicts(".") == [True]


def test_a_new_node_that_never_answers_is_down_at_the_third_check() -> None:
    assert verdicts("xxxx") == [None, None, False, False]


def test_two_bad_checks_are_no_outage_three_are() -> None:
    assert verdicts("xx.xx.xxx", Verdict(True)) == [True] * 8 + [False]


def test_one_good_check_is_no_recovery_two_are() -> None:
    assert verdicts(".x.x..", Verdict(False)) == [False] * 5 + [True]


def test_the_policy_decides_how_many() -> None:
    quick = policy(health={"failures": 1, "recoveries": 1}).health
    assert after(Verdict(True), False, quick).up is False
    assert after(Verdict(False), True, quick).up is True
