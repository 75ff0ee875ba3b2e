"""Whose turn it is to be entered anew: spread over the interval, never all at once, sooner after a failure."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import cast

import pytest

from exporter.collector import Collector
from exporter.failures import NodeError
from exporter.names import Names
from exporter.renewal import Renewals
from exporter.state import NodeState, State
from exporter.wire import Connection
from tests.unit.exporter.helpers import policy, watching

NODES = 300
INTERVAL = 300.0
ENDS = 1.8e9


@dataclass
class Kept:
    """A connection that stands until it has ended."""

    address: str = "192.0.2.1"
    ended: bool = False

    def close(self) -> None:
        self.ended = True


@dataclass
class Tried(Renewals):
    """Renewals that note who was entered, and fail while they should."""

    entered: list[str] = field(default_factory=list)
    error: NodeError | None = None
    hang: bool = False

    async def _enter(self, node: NodeState, address: str) -> float | None:
        self.entered.append(node.target.instance)
        if self.hang:
            await asyncio.sleep(3600)
        if self.error is not None:
            raise self.error
        return ENDS


def _fleet(count: int = NODES) -> tuple[State, Tried]:
    urls = [f"redis://10.0.{number // 250}.{number % 250}:6379" for number in range(count)]
    state = watching(fleet={"nodes": urls})
    collector = Collector(state, None, Names())
    collector.connections = {instance: cast(Connection, Kept()) for instance in state.nodes}
    return state, Tried(state, collector)


async def _second(renewals: Tried, now: float) -> list[str]:
    """Those of one second."""
    before = len(renewals.entered)
    renewals.clock = lambda: now
    renewals.look(now)
    await asyncio.gather(*renewals.running.values())
    await asyncio.sleep(0)
    return renewals.entered[before:]


@pytest.mark.parametrize("start", [0.0, 12_345.6])
async def test_a_fleet_is_entered_once_in_each_interval_and_spread_over_it(start: float) -> None:
    _, renewals = _fleet()
    most = 0
    for interval in range(3):
        told: Counter[str] = Counter()
        for second in range(int(INTERVAL)):
            entered = await _second(renewals, start + interval * INTERVAL + second)
            told.update(entered)
            most = max(most, len(entered))
        assert set(told.values()) == {1}
        assert interval == 0 or len(told) == NODES
    assert most <= 8, "one a second, and chance"


async def test_however_late_it_is_only_some_begin_at_a_time_and_the_others_have_their_turn() -> None:
    _, renewals = _fleet()
    await _second(renewals, 0.0)
    renewals.entered.clear()
    assert len(await _second(renewals, 10_000.0)) == 16
    for second in range(1, 30):
        await _second(renewals, 10_000.0 + second)
    assert set(Counter(renewals.entered).values()) <= {1, 2}
    assert len(set(renewals.entered)) == NODES


async def test_one_that_failed_is_tried_again_each_fifth_of_the_interval_until_it_is_well_and_then_as_ever() -> None:
    state, renewals = _fleet(1)
    (node,) = state.nodes.values()
    renewals.error = NodeError("auth", "WRONGPASS")
    tries: list[int] = []
    for second in range(1400):
        if len(tries) == 4:
            renewals.error = None
        if await _second(renewals, second):
            tries.append(second)
            assert node.connect is not None
            assert node.connect.error == ("auth: WRONGPASS" if len(tries) <= 4 else "")
    gaps = [after - before for before, after in pairwise(tries)]
    assert gaps[:4] == [60, 60, 60, 60]
    assert gaps[4] == 60, "its turn of ever, where it was before"
    assert set(gaps[5:]) == {300}


async def test_while_nobody_new_comes_in_the_end_of_the_certificate_that_was_seen_last_stays() -> None:
    """Or its alert would end at the moment at which it has ended."""
    state, renewals = _fleet(1)
    (node,) = state.nodes.values()
    for second in range(700):
        if node.certificate_ends is not None:
            renewals.error = NodeError("tls", "certificate has expired")
        await _second(renewals, second)
    assert node.connect is not None
    assert node.connect.error == "tls: certificate has expired"
    assert node.certificate_ends == ENDS


@pytest.mark.parametrize(("interval", "again"), [("10s", 2), ("5m", 60), ("1d", 60)])
def test_one_that_failed_does_not_stand_for_long_however_seldom_it_is_tried(interval: str, again: int) -> None:
    assert policy(collect={"connect_interval": interval}).collect.connect_again.total_seconds() == again


async def test_a_node_without_a_connection_is_the_collectors(caplog: pytest.LogCaptureFixture) -> None:
    state, renewals = _fleet(2)
    one, two = state.nodes
    del renewals.collector.connections[one]
    renewals.collector.connections[two].close()
    for second in range(int(2 * INTERVAL)):
        assert await _second(renewals, second) == []


@pytest.mark.parametrize("how", ["ended", "replaced", "left"])
async def test_what_came_of_it_does_not_count_once_the_node_was_entered_otherwise(how: str) -> None:
    state, renewals = _fleet(1)
    ((instance, node),) = state.nodes.items()
    renewals.error, connections = NodeError("refused", "no"), renewals.collector.connections

    async def meanwhile(node: NodeState, address: str) -> None:
        if how == "ended":
            connections[instance].close()
        elif how == "replaced":
            connections[instance] = cast(Connection, Kept())
        else:
            state.retarget(())
            renewals.collector.drop_departed()
        raise NodeError("refused", "no")

    renewals._enter = meanwhile  # type: ignore[method-assign]
    for second in range(int(INTERVAL) + 1):
        await _second(renewals, second)
    assert node.connect is None


async def test_one_that_hangs_holds_up_nobody_and_is_not_entered_twice() -> None:
    _, renewals = _fleet(2)
    renewals.hang = True
    for second in range(int(3 * INTERVAL)):
        renewals.look(second)
        await asyncio.sleep(0)
    assert len(renewals.entered) == 2
    await renewals.close()
    await asyncio.sleep(0)
    assert renewals.running == {}


async def test_another_interval_counts_at_once_and_nobody_is_entered_for_it() -> None:
    state, renewals = _fleet()
    await _second(renewals, 0.0)
    renewals.entered.clear()
    state.adopt(policy(fleet=state.policy.fleet, collect={"connect_interval": "60s"}), 0.0)
    assert len(await _second(renewals, 1.0)) < 16
    for second in range(2, 62):
        await _second(renewals, second)
    assert set(renewals.entered) == set(state.nodes)


async def test_what_nobody_foresaw_is_logged_and_the_next_turn_comes(caplog: pytest.LogCaptureFixture) -> None:
    _, renewals = _fleet(1)

    async def broken(node: NodeState, address: str) -> None:
        raise ZeroDivisionError("a mistake")

    renewals._enter = broken  # type: ignore[method-assign]
    for second in range(int(2 * INTERVAL)):
        renewals.look(second)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert caplog.text.count("a new connection failed") == 2
