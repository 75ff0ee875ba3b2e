"""A whole stack on one node, and the faults of what watches."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.faults_stack import PartFault, ProberFault
from sandbox.files import write_atomic
from sandbox.process import children, wait_until
from sandbox.redis_node import RedisNode
from sandbox.stack import Stack


@pytest.fixture
def clock(tmp_path: Path) -> Path:
    write_atomic(tmp_path / "clock", "0")
    return tmp_path / "clock"


@pytest.fixture
def stack(redis_node: RedisNode, tmp_path: Path, clock: Path) -> Iterator[Stack]:
    fleet = {"nodes": [f"redis://{redis_node.instance}"]}
    with Stack(tmp_path, fleet, {"rules.liveness_interval": "1s"}, clock) as running:
        yield running


def up(stack: Stack) -> list[float]:
    return [float(sample["value"][1]) for sample in stack.prometheus.query("cache_node_up")]


def test_a_killed_part_is_gone_until_healed_and_a_stepped_clock_changes_no_verdict(stack: Stack, clock: Path) -> None:
    stack.wait_for({"sum(cache_node_up)": 1})
    fault = PartFault(stack.notifier)
    assert f"127.0.0.1:{stack.notifier.port}" in fault.begin()
    assert fault.active
    assert not stack.notifier.ready
    fault.undo()
    assert stack.notifier.ready
    write_atomic(clock, "3600")
    time.sleep(3.0)
    assert up(stack) == [1.0]


def test_no_prober_stays_alive_until_healed(stack: Stack) -> None:
    stack.wait_for({"sum(cache_node_up)": 1})
    fault = ProberFault(stack.exporter)
    (first,) = children(stack.exporter.pid)
    fault.begin()
    wait_until(lambda: up(stack) == [], 30, "the verdict to be withdrawn", every=0.2)
    assert first not in children(stack.exporter.pid)
    fault.undo()
    assert not fault.active
    stack.wait_for({"sum(cache_node_up)": 1})
