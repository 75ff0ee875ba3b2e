"""What the scenarios are played on, each with a whole stack.

A fleet under Sentinel with traffic, a Cluster, two servers with TLS in a file under two Alertmanagers, or a shard whose every
connection goes over a path that can be slow.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from alerts.node_down import SLI_JOB
from bench.alert_quality import hurry
from bench.alert_quality.listed import ListedLab
from bench.alert_quality.path_lab import PathLab
from sandbox.cluster import RedisCluster
from sandbox.demo import Demo
from sandbox.files import write_atomic
from sandbox.redis_node import RedisNode
from sandbox.stack import Stack

Where = Literal["sentinel", "cluster", "listed", "path"]
"""The labs."""
# What always fires, to show that the chain is whole.
_ALWAYS = frozenset({"CacheWatchdog"})


class Lab:
    """A fleet, its stack, and what a scenario may do to them. What runs is ended with `stack`.

    `demo` is there behind Sentinel, `cluster` in a Cluster, `listed` where a file names the nodes, `path` where the policy does.
    Behind Sentinel the clock of exporter and notifier follows the file `clock`.
    """

    def __init__(self, directory: Path, stack: ExitStack, console: Console, where: Where) -> None:
        directory.mkdir()
        self.directory, self.clock = directory, directory / "clock"
        write_atomic(self.clock, "0")
        self._demo: Demo | None = None
        self._cluster: RedisCluster | None = None
        self._listed: ListedLab | None = None
        self._path: PathLab | None = None
        if where == "sentinel":
            self._demo = Demo(directory, stack, console, hurry.SHORTENED, self.clock)
            self._demo.start()
            self.watchers = self._demo.watchers
        elif where == "listed":
            self._listed = ListedLab(directory, stack)
            self.watchers = self._listed.watchers
        elif where == "path":
            self._path = PathLab(directory, stack)
            self.watchers = self._path.watchers
        else:
            self._cluster = stack.enter_context(RedisCluster(directory / "run"))
            seeds = {"cluster": {"addresses": [node.instance for node in self._cluster.nodes]}}
            self.watchers = stack.enter_context(Stack(directory, seeds, hurry.cluster()))
            self.watchers.wait_for({"count(cache_node_up == 1)": len(self._cluster.nodes)})

    @property
    def demo(self) -> Demo:
        """The fleet behind Sentinel with its traffic. `TypeError` in a Cluster."""
        if self._demo is None:
            raise TypeError("this scenario wants a fleet behind Sentinel")
        return self._demo

    @property
    def cluster(self) -> RedisCluster:
        """The Cluster. `TypeError` behind Sentinel."""
        if self._cluster is None:
            raise TypeError("this scenario wants a Cluster")
        return self._cluster

    @property
    def listed(self) -> ListedLab:
        """What a file names, under two Alertmanagers. `TypeError` elsewhere."""
        if self._listed is None:
            raise TypeError("this scenario wants nodes that a file names")
        return self._listed

    @property
    def path(self) -> PathLab:
        """The shard behind a path that can be slow. `TypeError` elsewhere."""
        if self._path is None:
            raise TypeError("this scenario wants a path that can be slow")
        return self._path

    @property
    def nodes(self) -> Iterator[RedisNode]:
        """Every server of the fleet."""
        if self._cluster is not None:
            yield from self._cluster.nodes
        elif self._listed is not None:
            yield from self._listed.nodes
        elif self._path is not None:
            yield from self._path.nodes
        else:
            yield from (node for _, node in self.demo.fleet.members())

    def received(self) -> list[dict[str, Any]]:
        """What PagerDuty, Slack and the heartbeat got so far."""
        return self.watchers.sink.received()

    def calm(self) -> bool:
        """Whether nothing fires or waits, neither at Prometheus nor at Alertmanager, and every node is up."""
        # By our job alone: what another one brought is seen for five minutes more once that is taken out.
        up = self.watchers.prometheus.query(f'count(cache_node_up{{job="{SLI_JOB}"}} == 1)')
        all_up = bool(up) and float(up[0]["value"][1]) == len(list(self.nodes))
        return all_up and not self.alerting() and (self._listed is None or self._listed.together())

    def firing(self) -> frozenset[str]:
        """Names of the alerts that fire at Prometheus."""
        alerts = self.watchers.prometheus.alerts()
        return frozenset(alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing")

    def alerting(self) -> bool:
        """Whether anything fires or waits at Prometheus or Alertmanager that does not always."""
        stack = self.watchers
        waiting = [*stack.prometheus.alerts(), *stack.alertmanager.alerts()]
        return any(alert["labels"]["alertname"] not in _ALWAYS for alert in waiting)
