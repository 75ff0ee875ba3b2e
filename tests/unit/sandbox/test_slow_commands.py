"""The length of the slow scripts settles at 25 ms on any machine, and nothing makes one run away."""

import pytest

from sandbox.slow_commands import next_steps


@pytest.mark.parametrize("steps_per_second", [1e6, 4e7, 4e8])
def test_the_scripts_come_to_25_ms_on_a_slow_and_on_a_fast_machine(steps_per_second: float) -> None:
    steps = 50_000
    for _ in range(12):
        steps = next_steps(steps, steps / steps_per_second)
    assert steps / steps_per_second == pytest.approx(0.025, rel=0.1)


def test_one_odd_measurement_changes_the_length_by_two_at_most() -> None:
    assert next_steps(100_000, 1e-9) == 200_000
    assert next_steps(100_000, 10.0) == 50_000


def test_the_length_can_be_another() -> None:
    assert next_steps(100_000, 0.025, wanted=0.050) == 200_000
