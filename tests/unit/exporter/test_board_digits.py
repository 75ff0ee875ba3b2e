"""A number on the board is short, and never rounded to or over a limit that it is held against."""

from __future__ import annotations

import random

import pytest

from exporter.board import digits
from exporter.board.rows import Yardstick, unit
from policy.buckets import latency_bounds
from tests.unit.exporter.helpers import policy

LIMITS = (0.8, 0.75, 0.7)
NINES = (0.9999, 0.999, 0.99)
MS = (0.001, 0.002, 0.005)


@pytest.mark.parametrize(
    ("ratio", "limits", "text"),
    [
        (0.8376, LIMITS, "83.8 %"),
        (0.75, LIMITS, "75 %"),
        (0.7496, LIMITS, "74.96 %"),
        (0.7499999999, LIMITS, "74.99999999 %"),
        (0.8502, (0.8, 0.85, 0.9), "85.02 %"),
        (1.0, NINES, "100 %"),
        (0.99996, NINES, "99.996 %"),
        (0.9994, NINES, "99.94 %"),
        (0.99, NINES, "99 %"),
        (0.99996, (), "99.996 %"),
        (0.0000156, LIMITS, "0 %"),
        (1.2, (0.8, 0.85, 0.9), "120 %"),
    ],
)
def test_a_share_has_a_decimal_and_more_where_that_would_be_a_limit(
    ratio: float, limits: tuple[float, ...], text: str
) -> None:
    assert digits.percent(ratio, limits) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.00031, "0.31 ms"),
        (0.000004, "4 µs"),
        (0.0020034, "2.003 ms"),
        (0.002, "2 ms"),
        (0.0049996, "4.9996 ms"),
        (2.54, "2.5 s"),
        (0.0, "0 µs"),
    ],
)
def test_a_latency_has_two_digits_and_more_where_that_would_be_a_limit(seconds: float, text: str) -> None:
    assert digits.latency(seconds, MS) == text


def number(text: str) -> float:
    value, unit_ = text.removeprefix("≈ ").removeprefix("> ").split(" ")
    return float(value) / {"%": 100, "s": 1, "ms": 1e3, "µs": 1e6}[unit_]


def test_what_is_read_says_of_each_limit_what_the_state_says() -> None:
    stick, chance = Yardstick(policy(), latency_bounds(policy())), random.Random(8)  # noqa: S311
    limits = {name: [v for v in row.values() if isinstance(v, float)] for name, row in stick.json().items()}
    for _ in range(3000):
        total = chance.choice((1000, 10**6, 10**7))
        near = chance.choice(limits["hit_rate"] + limits["availability"] + limits["memory"])
        part = min(total, round(total * near) + chance.randint(-3, 3))
        rows = {
            "hit_rate": stick.hit_rate(part, total - part),
            "availability": stick.availability(part, total),
            "memory": stick.memory(part, total, "n"),
        }
        for name, row in rows.items():
            assert row.value is not None
            for shown in (number(row.text("ratio")), row.json(unit(name))["ratio"]):
                for limit in limits[name]:
                    sides = [(v > limit + 1e-12) - (v < limit - 1e-12) for v in (row.value, shown)]
                    assert sides[0] == sides[1], (name, row)
