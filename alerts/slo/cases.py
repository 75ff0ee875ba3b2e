"""Rule tests of the objectives: what promtool is told happened, and by plain arithmetic what must be recorded and fire. Pure.

Each burn rate is shown at the pace of its own windows: a test of three days, evaluated each half minute, would take minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from alerts.promql import milliseconds, selector, span
from alerts.rule_cases import LOOKBACK, Case, Expect, suite
from alerts.slo import burning, record_cases, spared
from alerts.slo.rules import stem
from alerts.slo.scene import Scene
from alerts.slo.scope import MEMORY, Scope, scopes
from alerts.slo.story import NOTHING, Counts, Story
from policy.alerts import BURN_FAST, BURN_SLOW, AlertSpec
from policy.burn import Burn
from policy.model import Policy
from policy.units import duration_text

# Evaluations in a short window, if the pace allows.
_IN_SHORT = 6
_OTHER_FLEET = "another fleet"


def suites(policy: Policy) -> dict[str, dict[str, Any]]:
    """Test files by their stem: of each objective one for what is recorded, and one for each of its burn rates."""
    found = spared.suites(policy)
    for scope in scopes(policy):
        pace = milliseconds(scope.step)
        found[stem(scope)] = suite(stem(scope), pace, record_cases.cases(Scene(scope, pace)))
        for spec in (BURN_FAST, BURN_SLOW):
            for pair in burning.pairs_of(scope, spec):
                scene = Scene(scope, _pace(scope, pair))
                name = f"{stem(scope)}.{spec.severity}.{duration_text(pair.long)}"
                found[name] = suite(stem(scope), scene.step, _cases(scene, spec, pair))
            found |= _waits(scope, spec)
    return found


def _waits(scope: Scope, spec: AlertSpec) -> dict[str, dict[str, Any]]:
    """Where no pace is fine enough to see an alert's own wait: a file at one that is, over its shortest windows."""
    step, hold = milliseconds(scope.step), milliseconds(burning.hold(scope, spec))
    fine = step * max(1, hold // 2 // step)
    pairs = sorted(burning.pairs_of(scope, spec), key=lambda pair: pair.long)
    if not pairs or _pace(scope, pairs[0]) <= fine:
        return {}
    return {
        f"{stem(scope)}.{spec.severity}.wait": suite(stem(scope), fine, [_young(Scene(scope, fine), spec, pairs[0])])
    }


def _pace(scope: Scope, pair: Burn) -> int:
    """Milliseconds between two evaluations: of the real ones, within what a step remembers, not as far as an alert is seen."""
    step = milliseconds(scope.step)
    wanted = min(milliseconds(pair.short) // _IN_SHORT, milliseconds(MEMORY))
    steps = max(1, wanted // step)
    return step * (steps - 1 if steps > 1 and steps * step == LOOKBACK else steps)


def _cases(scene: Scene, spec: AlertSpec, pair: Burn) -> Iterator[Case]:
    yield _threshold(scene, spec, pair)
    yield _told(scene, spec, pair)
    yield from _swings(scene, spec, pair)
    yield from _goes_on(scene, spec, pair)
    yield from _minimum(scene, spec, pair)


def _threshold(scene: Scene, spec: AlertSpec, pair: Burn) -> Case:
    """Over the share, and no more, which the short window sees first."""
    waits = scene.waits(spec)
    story, over, end = _crossing(scene, pair, waits + 2, waits + 4)
    short = end + scene.steps(pair.short)
    turns = (over + waits - 1, over + waits, end - 1, *_around_turns(short, short + scene.kept))
    expects = (*scene.silent_until(story, spec, over + waits - 1), *scene.as_told(story, spec, *turns))
    return _case(scene, spec, pair, "silent at the share itself, fires just over, resolves", story, {}, expects)


def _crossing(scene: Scene, pair: Burn, early: int, lasts: int) -> tuple[Story, int, int]:
    """A story, the first step at which the long window is over the share, and the first that has no more bad events than that.

    One bad event too many in each step of late, made up for by one good step long ago, until that one leaves the long window.
    Then exactly the share again, which the short window sees first.
    """
    good_step, short = 2, scene.steps(pair.short)
    (good, bad), over_share = _around(scene, pair, least_bad=early)
    over = good_step + scene.steps(pair.long)
    end = over + lasts
    events = {**dict.fromkeys(range(over - early, end), over_share), good_step: (good + early, bad - early)}
    return scene.story(end + short + scene.remembers + 2, events, (good, bad)), over, end


def _goes_on(scene: Scene, spec: AlertSpec, pair: Burn) -> Iterator[Case]:
    """It fires already, as a series beside says: it goes on while both windows were over lately and no other tells of it.

    When the last one does, nothing is in the shortest window of all burn rates any more.
    """
    others = burning.told_by(scene.scope, spec)
    quiet = scene.steps(min(each.short for each in burning.pairs_of(scene.scope, spec)))
    quiet = quiet if quiet < scene.steps(pair.short) else 0
    story, over, end = _crossing(scene, pair, 2, 2 * len(others) + quiet + 3)
    turns = [over + 1 + 2 * at for at in range(1, len(others) + 1)]
    turns[-1] += quiet
    silence = dict.fromkeys(range(turns[-1] - quiet + 1, turns[-1] + 1), NOTHING)
    story = replace(story, events={**story.events, **silence})
    if _spoilt(scene, spec, pair, story):
        return
    told = {_firing(each, scene.scope.fleet): f"_x{at} 1 stale" for each, at in zip(others, turns, strict=True)}
    own = {"alertname": spec.name, "fleet": scene.scope.fleet, "slo": scene.scope.identity}
    told[selector("ALERTS", **own, alertstate="firing")] = f"1x{story.steps}"
    active = f"count({selector('ALERTS', **own, severity=spec.severity)})"  # it waits, or fires
    ends = end + scene.steps(pair.short) + scene.remembers - 2
    silent = [over - 1, *turns, ends]
    expects = [Expect(scene.at(at), active) for at in silent]
    expects += [Expect(scene.at(at), active, ("{}",)) for at in (over, *(at + 1 for at in turns), ends - 1)]
    yield _case(
        scene, spec, pair, "goes on while it was so lately, and nobody else tells of it", story, told, tuple(expects)
    )


def _around_turns(*ends: int) -> list[int]:
    """The steps before, at and after each last one at which something may be so."""
    return sorted({at for end in ends for at in (end - 2, end - 1, end)})


def _around(scene: Scene, pair: Burn, least_bad: int = 1) -> tuple[Counts, Counts]:
    """Good and bad events of a step: exactly the share at which an alert is still silent, and one bad event more."""
    share = pair.share(scene.scope.slo.objective)
    # So many events have a whole number of bad ones, and one more is a tenth of the share's last digit.
    of = 10 ** max(1, 1 - int(share.normalize().as_tuple().exponent))
    total = of * -(-scene.scope.slo.least_events(pair) // of)
    total *= -(-least_bad // int(share * total))
    bad = int(share * total)
    return (total - bad, bad), (total - bad - 1, bad + 1)


def _watched(scene: Scene, pair: Burn) -> int:
    """The first step at which a long window counts as watched."""
    return -(-milliseconds(pair.long - pair.long / 4) // scene.step) + 1


def _young(scene: Scene, spec: AlertSpec, pair: Burn) -> Case:
    """Just over from the first look on: nothing is said before a long window was watched from its first quarter on."""
    fires = _watched(scene, pair) + scene.waits(spec)
    story = scene.story(fires + 1, {}, _around(scene, pair)[1])
    expects = (*scene.silent_until(story, spec, fires - 1), *scene.as_told(story, spec, fires - 1, fires))
    return _case(scene, spec, pair, "silent on too short a history", story, {}, expects)


def _swings(scene: Scene, spec: AlertSpec, pair: Burn) -> Iterator[Case]:
    """Twice as bad as may be; then well until the short window has too few bad events, for less than it is kept: one alert.

    Then no events come any more, and it is not kept for that.
    """
    (good, bad), _ = _around(scene, pair)
    short, fires = scene.steps(pair.short), _watched(scene, pair) + scene.waits(spec)
    well, last = range(fires + 1, fires + 2 + short // 2), fires + 2 * short
    events = {**dict.fromkeys(well, (good + bad, 0)), **dict.fromkeys(range(last + 1, last + short + 2), NOTHING)}
    story = scene.story(last + short + 1, events, (max(good - bad, 0), min(2 * bad, good + bad)))
    dips = [at for at in range(fires, last) if not story.burns(scene.scope, spec, at)]
    if dips and all(story.firing(scene.scope, spec, scene.step < LOOKBACK)[fires:last]):
        turns = (fires - 1, *range(fires, last + 1), *_around_turns(last + short))
        expects = scene.as_told(story, spec, *turns)
        yield _case(scene, spec, pair, "one alert of what comes and goes", story, {}, expects)


def _told(scene: Scene, spec: AlertSpec, pair: Burn) -> Case:
    """As `_young`. Then the alerts that tell of it fire in turn; until a short window after the last this one does not wait."""
    short, first, told = scene.steps(pair.short), _watched(scene, pair) + scene.waits(spec), {}
    at = last = first + 2
    for other in burning.told_by(scene.scope, spec):
        told[_firing(other, scene.scope.fleet)], last = f"_x{at} 1x1 stale", at + 1
        at = last + short - 1
    fires = last + short + scene.waits(spec)
    told[_firing(burning.told_by(scene.scope, spec)[0], _OTHER_FLEET)] = f"1+0x{fires}"
    story = scene.story(fires + 1, {}, _around(scene, pair)[1])
    if _spoilt(scene, spec, pair, story):
        return _young(scene, spec, pair)
    expects = (
        *scene.silent_until(story, spec, first - 1),
        *scene.as_told(story, spec, first - 1, first, first + 1),
        scene.not_waiting(spec, first + 2, last + short - 1),
        scene.fires(spec, fires - 1, fires=False),
        scene.fires(spec, fires),
    )
    promise = "silent on too short a history, and while another alert tells of it"
    return _case(scene, spec, pair, promise, story, told, expects)


def _spoilt(scene: Scene, spec: AlertSpec, pair: Burn, story: Story) -> bool:
    """Whether another burn rate of the alert is exceeded too."""
    others = (each for each in burning.pairs_of(scene.scope, spec) if each != pair)
    return any(story.exceeds(scene.scope, each, at) for each in others for at in range(story.steps + 1))


def _firing(spec: AlertSpec, fleet: str) -> str:
    return selector("ALERTS", alertname=spec.name, alertstate="firing", fleet=fleet, instance="192.0.2.9:6379")


def _minimum(scene: Scene, spec: AlertSpec, pair: Burn) -> Iterator[Case]:
    """One event fewer than the minimum in the long window, all bad; then one more, but for a moment; then no traffic.

    The short window never empties: each time one event comes, one that is a long window old is over. The rest of them came
    half a long window before, where no shorter window of another burn rate sees them.
    """
    full, short, waits = scene.steps(pair.long), scene.steps(pair.short), scene.waits(spec)
    few = scene.scope.slo.least_events(pair) - 1
    gap, first = max(1, short - 1), full + 1
    enough = first + waits + 2
    moment = enough + waits + 1
    end = moment + 2
    arrivals = range(first, end, gap)
    if few <= len(arrivals) + 1 or arrivals[-1] - full >= first - full // 2:
        return  # they are too few, or the long window too short, to arrange it so
    events = {at - shift: (0, 1) for at in arrivals for shift in (0, full)}
    events[first - full // 2] = (0, few - len(arrivals) - 1)
    for at in (enough, moment - full, moment + 1):
        events[at] = (0, 1 + events.get(at, (0, 0))[1])
    resolved = end + short + scene.kept
    story = scene.story(resolved + 1, events)
    turns = (enough + waits - 1, enough + waits, moment, *_around_turns(end + short, resolved))
    expects = (*scene.silent_until(story, spec, enough + waits - 1), *scene.as_told(story, spec, *turns))
    yield _case(scene, spec, pair, "silent on too few events, and without traffic", story, {}, expects)


def _case(
    scene: Scene,
    spec: AlertSpec,
    pair: Burn,
    promise: str,
    story: Story,
    others: dict[str, str],
    expects: tuple[Expect, ...],
) -> Case:
    title = f"{spec.name}: {scene.scope.identity} over {span(milliseconds(pair.long))}: {promise}"
    return Case(title, scene.step, {**scene.series(story), **others}, expects)
