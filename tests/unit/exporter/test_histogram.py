"""The probe's histogram: exact at the bounds, because pages are decided there."""

from decimal import Decimal

import pytest

from exporter.histogram import Histogram
from policy.buckets import latency_bounds
from policy.metrics import le
from tests.unit.exporter.helpers import policy

BOUNDS = (Decimal("0.001"), Decimal("0.002"), Decimal("0.005"))


def test_a_value_equal_to_a_bound_is_counted_under_it() -> None:
    histogram = Histogram(BOUNDS)
    histogram.observe(0.002)
    assert histogram.cumulative() == [0, 1, 1, 1]


def test_a_value_just_above_a_bound_is_not() -> None:
    histogram = Histogram(BOUNDS)
    histogram.observe(0.0020001)
    assert histogram.cumulative() == [0, 0, 1, 1]


def test_what_is_beyond_every_bound_is_in_the_count_only() -> None:
    histogram = Histogram(BOUNDS)
    histogram.observe(100.0)
    assert (histogram.cumulative(), histogram.sum) == ([0, 0, 0, 1], 100.0)


def test_counts_and_sum_are_those_of_the_observations() -> None:
    histogram, values = Histogram(BOUNDS), [0.0005, 0.001, 0.0015, 0.002, 0.004, 0.006]
    for value in values:
        histogram.observe(value)
    assert histogram.cumulative() == [sum(v <= float(b) for v in values) for b in BOUNDS] + [len(values)]
    assert histogram.sum == pytest.approx(sum(values))


def test_every_threshold_of_the_policy_is_a_bound_also_an_odd_one() -> None:
    own = policy(thresholds={"latency_p95": {"target": "0.7ms", "warning": {"above": "2.3ms"}}})
    bounds = latency_bounds(own)
    assert {Decimal("0.0007"), Decimal("0.0023"), Decimal("0.005")} <= set(bounds)
    assert list(bounds) == sorted(set(bounds))
    assert [float(le(bound)) for bound in bounds] == [float(bound) for bound in bounds]


def test_over_other_bounds_what_both_have_goes_on_and_nothing_from_before_is_below_a_new_one() -> None:
    histogram = Histogram(BOUNDS)
    for value in (0.0005, 0.0015, 0.004, 0.006, 0.007):
        histogram.observe(value)
    other = histogram.over([Decimal(text) for text in ("0.001", "0.003", "0.005", "0.0065")])
    assert other.cumulative() == [1, 2, 3, 3, 5]
    assert (other.sum, histogram.cumulative()) == (histogram.sum, [1, 2, 3, 5])
    other.observe(0.0025)
    assert other.over(BOUNDS).cumulative() == [1, 1, 4, 6], "what one bucket held lies beyond a bound in it"
    assert (other.begun(histogram), other.over(BOUNDS[:1]).begun(other)) == (True, False)
