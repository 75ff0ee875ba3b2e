"""The prober: a process of its own with no work but timing, `python -m exporter.prober`.

An event loop that also renders pages measures itself: 0.42 ms where Redis answers in 0.04. Here is one thread, epoll
and raw sockets. Open loop: probes leave on schedule whatever is outstanding, each timed from its own send.

Standard input takes a line of JSON whenever the targets change; its end ends the process. Standard output gives lines of
JSON, `{"lag": seconds, "events": [[instance, result or "", seconds or null, op], ...]}`: an event with seconds is a
duration to observe; of `op` "ping" one with a result is a health check that ended, of "set" it is how the write ended.
What may change a verdict is told within REPORT_EVERY; that all goes on as it did may wait for the order's `pause`.
"""

from __future__ import annotations

import contextlib
import gc
import heapq
import json
import os
import select
import signal
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from exporter.probe_node import Event, ProbeNode

REPORT_EVERY = 0.1
# So many events do not wait: writing them would keep the next probes, and the exporter's pages, from being on time.
_MANY = 200
INF = float("inf")


@dataclass
class Prober:
    """All nodes, one loop. Times are time.perf_counter() seconds.

    `schedule` is a heap of when each node is due; `checks` and `ends` hold when each probe was sent, in order, until it
    may have timed out and until its connection may have to be given up. So many good checks (`steady`) after a bad
    one are news of a node; those that follow may wait for `pause` seconds.
    """

    epoll: select.epoll = field(default_factory=select.epoll)
    nodes: dict[str, ProbeNode] = field(default_factory=dict)
    by_fd: dict[int, ProbeNode] = field(default_factory=dict)
    schedule: list[tuple[float, str]] = field(default_factory=list)
    checks: deque[tuple[float, ProbeNode]] = field(default_factory=deque)
    ends: deque[tuple[float, ProbeNode]] = field(default_factory=deque)
    events: list[Event] = field(default_factory=list)
    interval: float = 0.5
    timeout: float = 1.0
    # A connection that answered nothing for so long is dropped: behind a healed partition TCP itself would wait for
    # minutes before it tries again.
    patience: float = 3.0
    steady: int = 1
    pause: float = REPORT_EVERY
    lag: float = 0.0
    reported: float = 0.0  # when the last report was written
    news: bool = False  # the exporter should hear of the newest events soon
    urgent: bool = False  # and now: at once

    def retarget(self, order: dict[str, Any], now: float) -> None:
        """Take the nodes that `order` names, spread over one interval; nodes that stay keep connection and schedule."""
        self.interval, self.timeout, self.patience = order["interval"], order["timeout"], order["patience"]
        self.steady, self.pause = order["steady"], order["pause"]
        wanted = {target["instance"]: target for target in order["targets"]}
        for instance in [i for i, node in self.nodes.items() if not node.same(wanted.get(i))]:
            self._forget(self.nodes.pop(instance))
        for index, (instance, target) in enumerate(wanted.items()):
            if instance in self.nodes:
                self.nodes[instance].write_to(target["key"])
            else:
                self.nodes[instance] = ProbeNode.from_order(target)
                heapq.heappush(self.schedule, (now + self.interval * index / len(wanted), instance))

    def turn(self, now: float) -> None:
        """Send what is due, count what is late, give up what is silent for too long."""
        while self.schedule and self.schedule[0][0] <= now:
            self._send(*heapq.heappop(self.schedule), now)
        while self.checks and self.checks[0][0] + self.timeout <= now:
            sent, node = self.checks.popleft()
            node.count_late(sent)
            self._settle(node)
        while self.ends and self.ends[0][0] + self.patience <= now:
            sent, node = self.ends.popleft()
            node.abandon(sent, now)
            self._settle(node)

    def _send(self, due: float, instance: str, now: float) -> None:
        node = self.nodes.get(instance)
        if node is None or node.due > due:
            return  # it left, or left and came back with a schedule of its own
        self.lag = max(self.lag, now - due)
        halfway, sent = node.halfway, time.perf_counter()
        if node.take_turn(sent):
            self.checks.append((sent, node))
            self.ends.append((sent, node))
        step = self.interval / 2 if halfway or node.halfway else self.interval
        # After a stall of this machine the missed probes are not sent in a burst: that would be a load, not a probe.
        node.due = max(due + step, now - self.interval)
        heapq.heappush(self.schedule, (node.due, instance))
        self._settle(node)

    def wait(self, until: float) -> bool:
        """Sleep until replies come or the time is there; True when standard input has something to say."""
        spoken = False
        for fd, mask in self.epoll.poll(max(0.0, until - time.perf_counter())):
            node = self.by_fd.get(fd)
            if node is None:
                spoken = True
            else:
                node.ready(mask, time.perf_counter())
                self._settle(node)
        return spoken

    def next_turn(self) -> float:
        """When the next probe is due, late or given up."""
        due = self.schedule[0][0] if self.schedule else INF
        late = self.checks[0][0] + self.timeout if self.checks else INF
        end = self.ends[0][0] + self.patience if self.ends else INF
        return min(due, late, end)

    def _settle(self, node: ProbeNode) -> None:
        """Collect a node's events and watch the socket it has now."""
        if node.events:
            self._heed(node)
            self.events += node.events
            node.events = []
        fd, mask, number = node.interest()
        if (number, mask) == node.watched:
            return
        if number == node.watched[0]:
            self.epoll.modify(fd, mask)
        else:
            self._unwatch(node)
            if fd >= 0:
                self.epoll.register(fd, mask)
                self.by_fd[fd] = node
                node.watched_fd = fd
        node.watched = (number, mask)

    def _heed(self, node: ProbeNode) -> None:
        """Note whether a node's newest events may wait."""
        for event in node.events:
            self.urgent |= event.urgent
            if event.result != "success":
                self.news, node.awaited = True, self.steady
            elif event.op == "ping" and node.awaited:
                self.news, node.awaited = True, node.awaited - 1

    def report_due(self) -> float:
        """When the exporter is to hear of what happened."""
        if self.urgent:
            return -INF
        return self.reported + (
            REPORT_EVERY if self.news or len(self.events) >= _MANY else max(self.pause, REPORT_EVERY)
        )

    def _unwatch(self, node: ProbeNode) -> None:
        """The kernel forgets a closed socket itself; its descriptor may be another node's by now."""
        if self.by_fd.get(node.watched_fd) is node:
            del self.by_fd[node.watched_fd]

    def _forget(self, node: ProbeNode) -> None:
        self._unwatch(node)
        node.forget()


class Orders:
    """Lines of standard input, read without blocking."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd, self._buffer, self.ended = fd, b"", False

    def latest(self) -> dict[str, Any] | None:
        """The newest complete order since the last call."""
        with contextlib.suppress(BlockingIOError):  # all read
            while chunk := os.read(self._fd, 65536):
                self._buffer += chunk
            self.ended = True
        *lines, self._buffer = self._buffer.split(b"\n")
        return json.loads(lines[-1]) if lines else None


def report(prober: Prober, now: float) -> None:
    """Write one line of what happened since the last."""
    events = [[e.instance, e.result, None if e.seconds is None else round(e.seconds, 7), e.op] for e in prober.events]
    line = json.dumps({"lag": round(prober.lag, 6), "events": events}, separators=(",", ":"))
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
    prober.events, prober.lag, prober.reported, prober.news, prober.urgent = [], 0.0, now, False, False


def main() -> None:
    """Probe until standard input ends or nobody reads what is written."""
    orders, prober = Orders(sys.stdin.fileno()), Prober()
    prober.epoll.register(sys.stdin.fileno(), select.EPOLLIN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; we end when the exporter does
    gc.freeze()
    gc.disable()  # nothing here makes cycles; a collection in mid-probe would be measured as Redis
    spoken = True
    while not orders.ended:
        order = orders.latest() if spoken else None
        now = time.perf_counter()
        if order is not None:
            prober.retarget(order, now)
        prober.turn(now)
        if now >= prober.report_due():
            report(prober, now)
        spoken = prober.wait(min(prober.next_turn(), prober.report_due()))


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        os._exit(0)  # the exporter is gone; a traceback would tell nobody anything
