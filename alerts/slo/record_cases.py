"""Rule tests of what is recorded of an objective: every count exactly, every ratio divided once, and its labels. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from alerts.promql import selector
from alerts.rule_cases import Case, Expect
from alerts.slo import records
from alerts.slo.scene import Scene
from alerts.slo.story import Story, samples
from policy import objectives as o
from policy.alerts import BURN_FAST, BURN_SLOW
from policy.units import duration_text, plain, seconds

_FIRST, _SECOND = (7, 1), (5, 2)
_RESTART, _STEPS = 6, 9


def cases(scene: Scene) -> Iterator[Case]:
    """All of them."""
    yield _counted(scene)
    yield _restarted(scene)
    if scene.scope.slo.good is not None:
        yield _restarted_into_errors(scene)
        yield _some_left(scene)
    if scene.scope.slo.within is not None:
        yield _bound_untold(scene)
    yield _nothing(scene)
    yield _idle(scene)
    if any(span.spare_budget for span in scene.scope.policy.notify.maintenance):
        yield _spared(scene)


def _counted(scene: Scene) -> Case:
    """Two bursts of events, the first of which has left the shortest window; then silence."""
    current = scene.steps(records.CURRENT)
    first, second = 2, 2 + current
    story = scene.story(second + 1, {first: _FIRST, second: _SECOND})
    every = tuple(sum(pair) for pair in zip(_FIRST, _SECOND, strict=True))
    expects: list[Expect] = []
    for window in (*records.windows(scene.scope), scene.scope.slo.window):
        short = isinstance(window, timedelta) and scene.steps(window) <= current
        good, bad = _SECOND if short else (every[0], every[1])
        expects += _window(scene, second, scene.scope.slo.window_text if window == "month" else window, good, bad)
    return scene.case("counted exactly, divided once", scene.series(story), (*expects, *_budget(scene, second, every)))


def _window(scene: Scene, at: int, window: timedelta | str, good: int, bad: int) -> Iterator[Expect]:
    text = window if isinstance(window, str) else duration_text(window)
    yield scene.value(at, o.counted(text), good + bad)
    yield scene.value(at, o.bad_counted(text), bad)
    yield scene.value(at, o.error_ratio(text), bad / (good + bad), sloth_window=text)


def _budget(scene: Scene, at: int, every: tuple[int, ...]) -> Iterator[Expect]:
    slo, budget = scene.scope.slo, float(scene.scope.slo.budget)
    current, period = _SECOND[1] / sum(_SECOND) / budget, every[1] / sum(every) / budget
    yield scene.value(at, o.OBJECTIVE, float(slo.ratio))
    yield scene.value(at, o.BUDGET, budget)
    yield scene.value(at, o.CURRENT_BURN, current, sloth_window=duration_text(records.CURRENT))
    yield scene.value(at, o.PERIOD_BURN, period, sloth_window=slo.window_text)
    yield scene.value(at, o.BUDGET_LEFT, 1 - period, sloth_window=slo.window_text)
    about = {f"sloth_{name}": "cachewatch" for name in ("mode", "spec", "version")}
    yield scene.value(at, o.INFO, 1, **about, sloth_objective=plain(slo.objective))
    if isinstance(slo.window, timedelta):
        length = float(seconds(slo.window))
        yield scene.value(at, o.DAYS, length / 86400)
        yield scene.value(at, o.EXHAUSTION, max(length - length * period, 0.0) / period)


def _restarted(scene: Scene) -> Case:
    """Two nodes; the counters of one begin anew: what it counted since is counted, and nothing twice or below zero."""
    steady, after = scene.story(_STEPS, {}, (3, 1)), (2, 1)
    series = scene.series(steady)
    for raw in scene.raws(1):
        before = raw.text(scene.story(_RESTART - 1, {}, (3, 1)))
        begun = samples([0, *[raw.good * 3 + raw.bad] * (_STEPS - _RESTART)], raw.good * after[0] + raw.bad * after[1])
        series[raw.series] = f"{before} {begun}"
    two = len(series) > len(scene.raws())  # a pair of counters of the policy's own is of one process here
    steps = _STEPS - 1 + (_STEPS if two else 0)
    good, bad = 3 * steps + after[0], steps + after[1]
    window = scene.scope.slo.window_text
    return scene.case("a restart is no loss and no gain", series, tuple(_window(scene, _STEPS, window, good, bad)))


def _restarted_into_errors(scene: Scene) -> Case:
    """Many clients have no series of good events before the first: a process that begins anew with errors alone spends budget."""
    good, total = scene.raws()
    before, after = scene.story(_RESTART - 1, {}, (3, 1)), _STEPS - _RESTART + 1
    errors = " ".join(str(4 * step) for step in range(1, after))
    series = {
        good.series: f"{good.text(before)} stale _x{after - 2} 2",
        total.series: f"{total.text(before)} {errors} {4 * after + 2 * total.good}",
    }
    window, steps = scene.scope.slo.window_text, _RESTART - 1
    expects = tuple(_window(scene, _STEPS, window, 3 * steps + 2, steps + 4 * after))
    return scene.case("errors count before the first success after a restart, and once", series, expects)


def _some_left(scene: Scene) -> Case:
    """Series of a process that are told no more, as of a handler that is gone: what they had counted is no new event."""
    story, until = scene.story(_STEPS, {}, (3, 1)), scene.story(_RESTART - 1, {}, (3, 1))
    series = scene.series(story)
    for raw in scene.raws():
        series[f'{raw.series.removesuffix("}")},left="x"}}'] = f"{raw.text(until)} stale"
    steps = 2 * (_RESTART - 1) + _STEPS - _RESTART
    expects = tuple(_window(scene, _STEPS, scene.scope.slo.window_text, 3 * steps, steps))
    return scene.case("series that leave are no restart", series, expects)


def _bound_untold(scene: Scene) -> Case:
    """Rules may be newer than the exporter's buckets: of PINGs that nobody measured none is bad."""
    series = {
        raw.series: raw.text(scene.story(_STEPS, {}, (3, 1))) for raw in scene.raws() if "_bucket" not in raw.series
    }
    names = (o.STEP, o.counted(records.CURRENT), o.error_ratio(records.CURRENT), o.BUDGET_LEFT)
    expects = tuple(scene.nothing(_STEPS, name) for name in names)
    return scene.case("no bucket, no word", series, (*expects, *_silent(scene)))


def _nothing(scene: Scene) -> Case:
    names = (o.STEP, o.counted(records.CURRENT), o.error_ratio(records.CURRENT), o.BUDGET_LEFT, o.EXHAUSTION)
    expects = (scene.nothing(_STEPS, name) for name in names)
    return scene.case("no data, no word", {}, (*expects, *_silent(scene)))


def _idle(scene: Scene) -> Case:
    """No traffic is neither good nor bad."""
    story: Story = scene.story(_STEPS)
    absent = (o.error_ratio(records.CURRENT), o.CURRENT_BURN, o.BUDGET_LEFT, o.EXHAUSTION)
    expects = (scene.value(_STEPS, o.counted(records.CURRENT), 0), *(scene.nothing(_STEPS, name) for name in absent))
    return scene.case("no traffic, no share", scene.series(story), (*expects, *_silent(scene)))


def _spared(scene: Scene) -> Case:
    """What happens in planned work counts as nothing, what happens before and after as ever."""
    first, last = 4, 7
    story: Story = scene.story(_STEPS, {}, (3, 1))
    planned = selector(o.SPARED, fleet=scene.scope.fleet)
    series = {**scene.series(story), planned: f"_x{first} 1+0x{last - first} stale"}
    counted = _STEPS - (last - first + 1)
    window = scene.scope.slo.window_text
    return scene.case(
        "planned work spends no budget", series, tuple(_window(scene, _STEPS, window, 3 * counted, counted))
    )


def _silent(scene: Scene) -> tuple[Expect, ...]:
    return tuple(scene.not_waiting(spec, 0, _STEPS) for spec in (BURN_FAST, BURN_SLOW))
