"""Objectives: the workbook's burn rates, exact budgets, and what tells two of them apart."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from policy.model import Policy
from policy.objectives import named
from policy.slos import Slo
from policy.units import duration_text


def slo(**keys: object) -> Slo:
    return Slo.model_validate({"name": "availability", "objective": 99.9, **keys})


def test_the_usual_burn_rates_are_the_workbooks() -> None:
    found = [(str(b.factor), duration_text(b.long), duration_text(b.short), b.severity) for b in slo().burns]
    assert found == [
        ("14.4", "1h", "5m", "critical"),
        ("6", "6h", "30m", "critical"),
        ("3", "1d", "2h", "warning"),
        ("1", "3d", "6h", "warning"),
    ]
    assert slo(window="month").burns == slo(window="30d").burns
    assert [str(burn.factor) for burn in slo(window="7d").burns] == ["3.36", "1.4", "1", "1"]


def test_budgets_and_shares_are_exact_where_floats_would_not_be() -> None:
    assert slo().budget == Decimal("0.001")
    assert slo().burns[0].share(slo().objective) == Decimal("0.0144")
    assert [slo().least_events(burn) for burn in slo().burns] == [70, 167, 334, 1000]
    assert slo(min_events=5).least_events(slo().burns[0]) == 5


def test_two_windows_of_one_name_are_told_apart_and_twins_refused() -> None:
    month = {"name": "availability", "objective": 99, "window": "month"}
    policy = Policy.model_validate({"slos": [{"name": "availability", "objective": 99.9}, month]})
    assert [name for name, _ in named(policy)] == ["availability", "availability-month"]
    with pytest.raises(ValidationError, match="a second availability objective over month"):
        Policy.model_validate({"slos": [month, month]})
    own = Policy.model_validate({"slos": [month, {**month, "id": "strict", "objective": 99.9}]})
    assert [name for name, _ in named(own)] == ["availability", "strict"]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"objective": 100}, "no budget to spend"),
        ({"objective": 93.05}, "could never fire"),
        ({"burn": [{"factor": 0, "long": "1h", "short": "5m", "severity": "critical"}]}, "must be more than 0"),
        ({"burn": [{"factor": 2, "long": "5m", "short": "5m", "severity": "critical"}]}, "shorter than long"),
        ({"burn": [{"factor": 2, "long": "40d", "short": "5m", "severity": "critical"}]}, "longer than the objective"),
        ({"within": "5ms"}, "belongs to latency alone"),
        ({"good": "a_total", "total": "b_total"}, "counts its own events"),
        ({"name": "shop", "good": "a_total"}, "needs `good` and `total`"),
    ],
)
def test_what_could_not_work_is_refused_with_the_reason(keys: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        slo(**keys)
    assert slo(objective=93.06).burns
