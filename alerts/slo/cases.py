"""Rule tests of the objectives: what promtool is told happened, and by plain arithmetic what must be recorded and fire. Pure.

Each burn rate is shown at the pace of its own windows: a test of three days, evaluated each half minute, would take minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alerts.promql import milliseconds, selector, span
from alerts.rule_cases import Case, Expect, suite
from alerts.slo import burning, record_cases, spared
from alerts.slo.rules import stem
from alerts.slo.scene import Scene
from alerts.slo.scope import MEMORY, Scope, scopes
from alerts.slo.story import Counts, Story
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
    """Milliseconds between two evaluations: a multiple of the real ones, and within what a step remembers."""
    step = milliseconds(scope.step)
    wanted = min(milliseconds(pair.short) // _IN_SHORT, milliseconds(MEMORY))
    return step * max(1, wanted // step)


def _cases(scene: Scene, spec: AlertSpec, pair: Burn) -> Iterator[Case]:
    yield _threshold(scene, spec, pair)
    yield _young(scene, spec, pair)
    yield from _told(scene, spec, pair)
    yield from _minimum(scene, spec, pair)


def _threshold(scene: Scene, spec: AlertSpec, pair: Burn) -> Case:
    """One bad event too many in each step of late, made up for by one good step long ago, until that one leaves the long window.

    Then exactly the share again, which the short window sees first.
    """
    full, short, waits = scene.steps(pair.long), scene.steps(pair.short), scene.waits(spec)
    good_step, early = 2, waits + 2
    (good, bad), over_share = _around(scene, pair, least_bad=early)
    over = good_step + full
    end = over + waits + 4
    events = {**dict.fromkeys(range(over - early, end), over_share), good_step: (good + early, bad - early)}
    story = scene.story(end + short + 2, events, (good, bad))
    turns = (over + waits - 1, over + waits, end - 1, end + short - 2, end + short - 1, end + short)
    expects = (*scene.silent_until(story, spec, over + waits - 1), *scene.as_told(story, spec, *turns))
    return _case(scene, spec, pair, "silent at the share itself, fires just over, resolves", story, {}, expects)


def _around(scene: Scene, pair: Burn, least_bad: int = 1) -> tuple[Counts, Counts]:
    """Good and bad events of a step: exactly the share at which an alert is still silent, and one bad event more."""
    share = pair.share(scene.scope.slo.objective)
    # So many events have a whole number of bad ones, and one more is a tenth of the share's last digit.
    of = 10 ** max(1, 1 - int(share.normalize().as_tuple().exponent))
    total = of * -(-scene.scope.slo.least_events(pair) // of)
    total *= -(-least_bad // int(share * total))
    bad = int(share * total)
    return (total - bad, bad), (total - bad - 1, bad + 1)


def _young(scene: Scene, spec: AlertSpec, pair: Burn) -> Case:
    """Just over from the first look on: nothing is said before a long window was watched from its first quarter on."""
    watched = -(-milliseconds(pair.long - pair.long / 4) // scene.step) + 1
    fires = watched + scene.waits(spec)
    story = scene.story(fires + 1, {}, _around(scene, pair)[1])
    expects = (*scene.silent_until(story, spec, fires - 1), *scene.as_told(story, spec, fires - 1, fires))
    return _case(scene, spec, pair, "silent on too short a history", story, {}, expects)


def _told(scene: Scene, spec: AlertSpec, pair: Burn) -> Iterator[Case]:
    """Just over. The alerts that tell of it fire in turn; until a short window after the last this one does not wait."""
    short, firing, last, told = scene.steps(pair.short), 1, scene.steps(pair.long), {}
    for other in burning.told_by(scene.scope, spec):
        told[_firing(other, scene.scope.fleet)] = f"_x{firing} 1+0x{last - firing} stale"
        firing, last = last + short - 1, last + short - 1
    last -= short - 1
    fires = last + short + scene.waits(spec)
    told[_firing(burning.told_by(scene.scope, spec)[0], _OTHER_FLEET)] = f"1+0x{fires}"
    story = scene.story(fires + 1, {}, _around(scene, pair)[1])
    if any(story.exceeds(scene.scope, each, at) for each in _others(scene, spec, pair) for at in range(fires + 1)):
        return
    expects = (
        scene.not_waiting_until(spec, last + short - 1),
        scene.fires(spec, fires - 1, fires=False),
        scene.fires(spec, fires),
    )
    yield _case(scene, spec, pair, "silent while another alert tells of it", story, told, expects)


def _others(scene: Scene, spec: AlertSpec, pair: Burn) -> tuple[Burn, ...]:
    """The other burn rates of the alert, which would spoil a test of this one if they were exceeded as well."""
    return tuple(each for each in burning.pairs_of(scene.scope, spec) if each != pair)


def _firing(spec: AlertSpec, fleet: str) -> str:
    return selector("ALERTS", alertname=spec.name, alertstate="firing", fleet=fleet, instance="192.0.2.9:6379")


def _minimum(scene: Scene, spec: AlertSpec, pair: Burn) -> Iterator[Case]:
    """One event fewer than the minimum in the long window, all bad; then one more; then no traffic.

    The short window never empties: each time one event comes, one that is a long window old is over. The rest of them came
    half a long window before, where no shorter window of another burn rate sees them.
    """
    full, short, waits = scene.steps(pair.long), scene.steps(pair.short), scene.waits(spec)
    few = scene.scope.slo.least_events(pair) - 1
    gap, first = max(1, short - 1), full + 1
    enough = first + waits + 2
    end = enough + waits + 2
    arrivals = range(first, end, gap)
    if few <= len(arrivals) or arrivals[-1] - full >= first - full // 2:
        return  # they are too few, or the long window too short, to arrange it so
    events = {at - shift: (0, 1) for at in arrivals for shift in (0, full)}
    events[first - full // 2] = (0, few - len(arrivals))
    events[enough] = (0, 1 + events.get(enough, (0, 0))[1])
    story = scene.story(end + short + 1, events)
    turns = (enough + waits - 1, enough + waits, end + short - 2, end + short - 1, end + short)
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
