"""One scenario on the lab: begin, hear what comes, heal, wait until all is over."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from bench.alert_quality import heartbeat
from bench.alert_quality.heard import Told, left_open, told
from bench.alert_quality.lab import Lab
from bench.alert_quality.scenario import Scenario
from bench.alert_quality.score import About, Outcome, receivers
from policy.alerts import WATCHDOG
from sandbox.process import StartFailed, wait_until
from sandbox.web import WebError

PATIENCE = 120.0
"""Seconds in which the lab must come to rest before a scenario."""
SETTLE = 6.0
"""Seconds in which something more could come, after all that must and after the end: longer than the wait of a ticket."""
WATCH = 25.0
"""Seconds for which a harmless event is watched: longer than the `for` of all but the slowest alerts."""
_LONG = 4
"""So many times as long is watched what goes on: longer than the slowest `for`."""
_INSTANCE = re.compile(r"127\.0\.0\.1:\d+")


def play(lab: Lab, scenario: Scenario, watch: float) -> Outcome:
    """Play it from a calm lab. One whose step cannot be done is not quiet, and says why."""
    try:
        return _played(lab, scenario, watch)
    except StartFailed as error:
        now, nothing = time.time(), frozenset[About]()
        what = f"{scenario.what}: {error}"
        return Outcome(scenario.name, scenario.kind, what, now, now, nothing, frozenset(), (), quiet=False)


def _played(lab: Lab, scenario: Scenario, watch: float) -> Outcome:
    wait_until(lambda: _calm(lab) and _beats(lab, scenario), PATIENCE, f"a calm lab before {scenario.name}", every=0.5)
    before, began = len(lab.received()), time.time()
    wanted = frozenset(_wanted(scenario, scenario.begin(lab)))
    if scenario.kind == "fault":
        _all_told(lab, before, wanted, scenario)
        time.sleep(max(SETTLE, scenario.stays))
    else:
        time.sleep(max(0.0, began + watch * (_LONG if scenario.long else 1) - time.time()))
    healed = time.time()
    scenario.end(lab)
    quiet = _quiet(lab, before, scenario.rest)
    time.sleep(SETTLE)
    return Outcome(
        name=scenario.name,
        kind=scenario.kind,
        what=scenario.what,
        began=began,
        healed=healed,
        wanted=wanted,
        also=frozenset(scenario.also),
        heard=_heard(lab, before),
        quiet=quiet,
        deaf=scenario.deaf,
    )


def _beats(lab: Lab, scenario: Scenario) -> bool:
    """Whether who waits for the heartbeat has had one, where that is to stop: the first comes a minute after the lab."""
    return WATCHDOG.name not in scenario.named or any(each["service"] == "heartbeat" for each in lab.received())


def _wanted(scenario: Scenario, said: str) -> Iterator[About]:
    """What must come: about each node that was named, and about the fleet."""
    for instance in dict.fromkeys(_INSTANCE.findall(said)):
        yield from ((alert, instance) for alert in scenario.nodes)
    yield from scenario.of_fleet


def _heard(lab: Lab, before: int) -> Sequence[Told]:
    received = lab.received()
    new, began = received[before:], received[before - 1]["at"] if before else 0.0
    silence = (each for each in heartbeat.missed(received, time.time()) if each.at > began)
    return sorted((*told(new), *silence), key=lambda each: each.at)


def _all_told(lab: Lab, before: int, wanted: Iterable[About], scenario: Scenario) -> None:
    def all_came() -> bool:
        heard = _heard(lab, before)
        reached = {(each.about, each.to) for each in heard if each.firing}
        return all((about, to) in reached for about in wanted for to in receivers(about[0]) - scenario.deaf)

    _in_time(all_came, scenario.patience)


def _quiet(lab: Lab, before: int, patience: float) -> bool:
    return _in_time(lambda: _calm(lab) and not left_open(_heard(lab, before)), patience)


def _in_time(check: Callable[[], bool], patience: float) -> bool:
    """Whether it became true within so many seconds."""
    try:
        wait_until(check, patience, "", every=0.2)
    except StartFailed:
        return False
    return True


def _calm(lab: Lab) -> bool:
    try:
        return lab.calm()
    except WebError:
        return False
