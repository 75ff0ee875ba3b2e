"""A collection that breaks in a way nobody foresaw: it is told, and the node is asked again."""

import asyncio
import time

import pytest

from exporter.collector import Collector
from exporter.failures import NodeError
from exporter.keyring import Keyring
from exporter.names import Names
from exporter.state import NodeState
from exporter.wire import Connection
from policy.fleet import Fleet
from tests.unit.exporter.helpers import check, watching

NODE = "127.0.0.1:6379"


class Broken(Collector):
    """A collector with a mistake in it."""

    async def _attempt(self, node: NodeState) -> NodeError | None:
        raise ZeroDivisionError("a mistake")


async def _round(collector: Collector) -> None:
    await collector.start_round()
    await asyncio.gather(*collector.running.values(), return_exceptions=True)
    await asyncio.sleep(0)


async def test_a_mistake_is_logged_and_the_next_round_asks_again(caplog: pytest.LogCaptureFixture) -> None:
    state = watching(breaker={"min_calls": 5})
    collector = Broken(state, None, Names())
    for _ in range(2):
        await _round(collector)
    assert caplog.text.count(f"{NODE}: collection failed") == 2
    assert collector.running == {}


async def test_a_connection_that_was_opened_by_an_earlier_policys_login_is_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = watching(timeouts={"connection": {"retries": 0}})
    old, new = (
        Keyring(Fleet.model_validate({"auth": {"password_env": name}}), {name: name}) for name in ("OLD", "NEW")
    )
    collector, closed = Collector(state, old, Names()), []

    class Dialled:
        def close(self) -> None:
            closed.append(self)

    async def dial(*_: object) -> Dialled:
        collector.enter_with(new)  # a reload, while the connection is being opened
        return Dialled()

    monkeypatch.setattr(Connection, "dial", dial)
    await _round(collector)
    assert len(closed) == 1
    assert collector.connections == {}
    told = state.nodes[NODE].collection
    assert told is not None
    assert "closed" in told.error


async def test_a_trial_that_broke_off_does_not_keep_the_node_out_for_good() -> None:
    state = watching(breaker={"half_open_after": "0s"})
    node, collector = state.nodes[NODE], Broken(state, None, Names())
    for _ in range(4):
        await _round(collector)
    assert node.breaker.state(0.0) != "closed"
    assert node.breaker.allows(1e12), "the next trial"


async def test_a_call_sent_to_a_node_that_was_still_down_does_not_keep_it_out_once_it_is_up() -> None:
    class Hung(Collector):
        asked = 0

        async def _attempt(self, node: NodeState) -> NodeError | None:
            Hung.asked += 1
            if Hung.asked == 1:  # while it waits for its answer, the prober sees the node up again
                check(self.state, NODE, ["success"] * self.state.policy.health.recoveries, now=time.monotonic())
                return NodeError("timeout", "no answer")
            return None

    state = watching(breaker={"min_calls": 1}, timeouts={"connection": {"retries": 0}})
    check(state, NODE, ["timeout"] * state.policy.health.failures)
    collector = Hung(state, None, Names())
    await _round(collector)
    await _round(collector)
    assert Hung.asked == 2
    assert state.nodes[NODE].breaker.state(time.monotonic()) == "closed"


async def test_a_node_whose_collection_still_runs_is_not_asked_a_second_time() -> None:
    class Slow(Collector):
        asked = 0

        async def _attempt(self, node: NodeState) -> NodeError | None:
            Slow.asked += 1
            await asyncio.sleep(3600)
            return None

    collector = Slow(watching(), None, Names())
    for _ in range(3):
        await collector.start_round()
        await asyncio.sleep(0)
    assert Slow.asked == 1
    await collector.close()
    assert collector.running == {}


async def test_a_large_fleet_is_asked_some_at_a_time_and_nobody_who_has_left() -> None:
    asked: list[str] = []

    class Hanging(Collector):
        async def _attempt(self, node: NodeState) -> NodeError | None:
            asked.append(node.target.instance)
            await asyncio.sleep(3600)
            return None

    instances = [f"10.0.0.{number}:6379" for number in range(1, 41)]
    state = watching(fleet={"nodes": [f"redis://{instance}" for instance in instances]})
    collector = Hanging(state, None, Names())
    starting = asyncio.create_task(collector.start_round())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert 0 < len(asked) < len(instances)
    state.retarget(node.target for node in list(state.nodes.values()) if node.target.instance != instances[-1])
    await starting
    await asyncio.sleep(0)
    assert sorted(asked) == sorted(instances[:-1])
    await collector.close()
