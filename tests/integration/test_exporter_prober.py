"""The prober on real sockets: what it counts is what happened, and it leaves nothing open."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from exporter.access import OPEN, Access
from exporter.collector import Collector
from exporter.names import Names
from exporter.state import State
from exporter.targets import static_targets
from policy.model import Policy
from sandbox.module_child import module_argv, module_env
from sandbox.ports import LOOPBACK, free_port
from sandbox.redis_node import RedisNode
from tests.integration.driven_prober import Driven
from tests.integration.exporter_support import Peer, closes_at_once, passes_on, requests, says, silent


@pytest.fixture
def driven() -> Iterator[Driven]:
    driven = Driven()
    yield driven
    driven.watch()
    driven.prober.epoll.close()


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # a count of names; no path is wanted


def test_a_healthy_node_is_success_and_every_success_has_a_duration(driven: Driven, redis_node: RedisNode) -> None:
    driven.watch(("a", redis_node.port))
    driven.run(lambda: driven.count("success") >= 20)
    assert driven.results() == {"success"}
    assert all(event.seconds is not None and 0 < event.seconds < 0.3 for event in driven.prober.events)


def test_a_reply_in_pieces_and_replies_in_one_piece_are_all_counted_once(driven: Driven) -> None:
    def talk(connection: socket.socket) -> None:
        for data in requests(connection):
            for piece in (b"+PO", b"NG\r", b"\n" + b"+PONG\r\n" * (data.count(b"PING") - 1)):
                connection.sendall(piece)
                time.sleep(0.01)

    with Peer(talk) as peer:
        driven.watch(("a", peer.port))
        driven.run(lambda: driven.count("success") >= 30)
        assert driven.results() == {"success"}


@pytest.mark.alone
def test_a_probe_leaves_on_schedule_although_the_one_before_is_not_answered(driven: Driven) -> None:
    seen: list[float] = []

    def talk(connection: socket.socket) -> None:
        for data in requests(connection):
            seen.extend([time.perf_counter()] * data.count(b"PING"))

    with Peer(talk) as peer:
        driven.watch(("a", peer.port))
        driven.run(lambda: len(seen) >= 10)
    assert seen[9] - seen[0] < 0.3, "ten probes in less than one timeout"


def test_a_late_reply_is_one_timed_out_check_and_one_duration_and_no_success(driven: Driven) -> None:
    gate = threading.Event()

    def talk(connection: socket.socket) -> None:
        for data in requests(connection):
            gate.wait(10)
            connection.sendall(b"+PONG\r\n" * data.count(b"PING"))

    driven.order = driven.paced(10.0, 0.3)
    with Peer(talk) as peer:
        driven.watch(("a", peer.port))
        driven.run(lambda: driven.count("timeout") == 1)
        gate.set()
        driven.run(lambda: len(driven.prober.events) == 2)
    late, timed = [e.seconds for e in driven.prober.events if e.result == ""], driven.results()
    assert timed == {"timeout"}
    assert len(late) == 1
    assert late[0] is not None
    assert late[0] >= 0.3


def test_a_connection_that_is_silent_for_three_timeouts_is_made_anew(driven: Driven, redis_node: RedisNode) -> None:
    """Behind a healed partition TCP itself would try again minutes later."""
    with Peer(silent) as peer:
        driven.watch(("a", peer.port))
        driven.run(lambda: driven.count("timeout") >= 1)  # by then the peer has begun to be silent
        peer.talk = passes_on(redis_node.port)
        driven.run(lambda: driven.count("success") >= 5)
    assert peer.accepted == 2


def test_a_node_that_leaves_while_it_hangs_is_not_connected_to_again(driven: Driven, redis_node: RedisNode) -> None:
    with Peer(silent) as peer:
        driven.watch(("gone", peer.port), ("stays", redis_node.port))
        driven.run(lambda: driven.count("timeout") >= 3)
        driven.watch(("stays", redis_node.port))
        driven.prober.events.clear()
        driven.run_for(1.2)  # past the time at which its connection would have been given up
        assert peer.accepted == 1
        assert {event.instance for event in driven.prober.events} == {"stays"}
        assert list(driven.prober.by_fd.values()) == list(driven.prober.nodes.values())


def test_a_node_that_stays_keeps_its_connection_when_others_come(driven: Driven, redis_node: RedisNode) -> None:
    with Peer(passes_on(redis_node.port)) as peer:
        driven.watch(("a", peer.port))
        driven.run(lambda: driven.count("success") >= 3)
        driven.watch(("a", peer.port), ("b", redis_node.port))
        driven.run(lambda: {e.instance for e in driven.prober.events} == {"a", "b"})
        assert peer.accepted == 1
        driven.watch(("a", peer.port), access=Access(password="word"))
        driven.run(lambda: driven.count("auth") >= 1)
        assert peer.accepted > 1, "another login needs another connection"


def test_a_node_without_a_known_address_is_refused(driven: Driven) -> None:
    driven.watch(("a", 6379), host=None)
    driven.run(lambda: driven.count("refused") >= 3)


def test_a_server_that_sends_more_than_it_was_asked_for_is_no_redis(driven: Driven) -> None:
    with Peer(says(b"+PONG\r\n+PONG\r\n+PONG\r\n")) as peer:
        driven.watch(("a", peer.port))
        driven.run(lambda: peer.accepted >= 3)
    assert driven.results() <= {"success", "reset"}


@pytest.mark.alone
def test_after_a_stall_of_this_machine_the_missed_probes_are_not_sent_in_a_burst(
    driven: Driven, redis_node: RedisNode
) -> None:
    driven.watch(("a", redis_node.port))
    driven.run(lambda: driven.count("success") >= 5)
    driven.prober.events.clear()
    time.sleep(0.6)  # thirty probes were due
    before = driven.prober.lag
    driven.run_for(0.1)
    assert driven.prober.lag > max(before, 0.4), "and the lag tells of it"
    assert driven.count("success") <= 12


def _lines_until(child: subprocess.Popen[str], end: float) -> list[dict[str, Any]]:
    """What the prober says until then, in time.perf_counter() seconds."""
    said: list[dict[str, Any]] = []
    assert child.stdout is not None
    while (left := end - time.perf_counter()) > 0:
        if select.select([child.stdout], [], [], left)[0]:
            said.append(json.loads(child.stdout.readline()))
    return said


@pytest.mark.alone
def test_that_all_is_well_is_said_twice_a_second_and_what_goes_wrong_ten_times(
    driven: Driven, redis_node: RedisNode
) -> None:
    driven.order = driven.paced(0.02, 0.3)
    target = {"instance": "a", "host": LOOPBACK, "port": redis_node.port, "access": OPEN.order(), "key": ""}
    argv, pipe = module_argv("exporter.prober"), subprocess.PIPE
    with subprocess.Popen(argv, env=module_env(), text=True, bufsize=1, stdin=pipe, stdout=pipe) as child:
        assert child.stdin is not None
        child.stdin.write(json.dumps({**driven.order, "targets": [target]}) + "\n")
        while "success" not in str(_lines_until(child, time.perf_counter() + 0.2)):
            pass
        well = _lines_until(child, time.perf_counter() + 2.0)
        redis_node.stop()
        ill = _lines_until(child, time.perf_counter() + 2.0)
        child.stdin.close()
    assert 3 <= len(well) <= 5
    assert sum(len(line["events"]) for line in well) > 60, "each check is told all the same"
    assert 14 <= len(ill) <= 21


def test_the_password_is_not_in_the_repr_of_a_node(driven: Driven) -> None:
    driven.watch(("a", 1), access=Access(password="right-word"))
    assert "right-word" not in repr(driven.prober)


def test_a_thousand_failed_connects_of_the_prober_leave_no_descriptor(driven: Driven) -> None:
    refused, driven.order = free_port(), driven.paced(0.002, 0.3)
    with Peer(closes_at_once) as closing, Peer(says(b"HTTP/1.1 400 Bad\r\n\r\n")) as garbage:
        before = _descriptors()
        driven.watch(("refused", refused), ("closing", closing.port), ("garbage", garbage.port))
        driven.run(lambda: len(driven.prober.events) >= 1000, 40.0)
        assert {"refused", "reset", "protocol"} <= driven.results()
        driven.watch()
    assert _descriptors() <= before
    assert driven.prober.by_fd == {}


async def test_a_thousand_failed_collections_leave_no_descriptor_and_no_task() -> None:
    with Peer(closes_at_once) as closing, Peer(says(b"HTTP/1.1 400 Bad\r\n\r\n")) as garbage:
        nodes = [f"redis://{LOOPBACK}:{free_port()}", f"redis://{closing.instance}", f"redis://{garbage.instance}"]
        quick = {"connection": {"timeout": "5s", "retries": 0}}
        breaker = {"min_calls": 100000}
        state = State(Policy.model_validate({"fleet": {"nodes": nodes}, "timeouts": quick, "breaker": breaker}))
        state.retarget(static_targets(state.policy.fleet))
        collector = Collector(state, None, Names())
        before = _descriptors()
        for _ in range(334):
            await collector.start_round()
            for task in list(collector.running.values()):
                await task
        await collector.close()
        assert all(node.collection is not None and node.collection.error for node in state.nodes.values())
        assert collector.connections == {}
        assert collector.running == {}
    assert _descriptors() <= before + 2
