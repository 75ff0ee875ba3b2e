"""The times of made-up histories, the same at each run."""

import random

from alerts.backtest.simulate import Clock

STEP = 1000


def history(seed: int, steps: int) -> tuple[random.Random, Clock]:
    """What else is by chance in it, and its evaluations; in one of three there is a hole, in which nobody looks."""
    chance = random.Random(seed)  # noqa: S311  # a repeatable history, no secret
    start = STEP * 1000 + chance.randrange(STEP)
    blind = ((start + 20 * STEP, start + 20 * STEP + chance.randrange(1, 15) * STEP),) if seed % 3 == 0 else ()
    return chance, Clock(start, start + steps * STEP, STEP, blind)
