"""What the rules of 500 nodes cost: one evaluation of every group, by Prometheus' own clock, on real nodes' series.

The policy lists the nodes, so that there is a rule for each one that could vanish; everything else is the default.
"""

from __future__ import annotations

import re
import statistics
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import figures
from bench.figures import Figure
from policy.loader import load
from policy.units import seconds
from sandbox import web
from sandbox.many_nodes import ManyNodes
from sandbox.process import wait_until
from sandbox.prometheus import Prometheus
from sandbox.stack import Stack

NODES = 500
READINGS = 30
WANTED = 1.0
_FIRST_LOOK = 120.0
_EVERY = 1.0
_LAST = re.compile(
    r'^prometheus_rule_group_last_duration_seconds\{rule_group="(?P<group>.*)"\} (?P<value>\S+)$', re.MULTILINE
)
_RULES = re.compile(r'^prometheus_rule_group_rules\{rule_group=".*"\} (\S+)$', re.MULTILINE)


def measure(
    console: Console, trials: int | None, nodes: int | None = None, short: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """Let every window fill, read the groups' times `trials` times, a second apart, and print a table.

    `short` are sections of the policy in place of the defaults.
    """
    readings, shards = trials or READINGS, -(-(nodes or NODES) // 4)
    with tempfile.TemporaryDirectory(prefix="cachewatch-bench-") as folder, ExitStack() as stack:
        directory = Path(folder)
        many = ManyNodes(stack, directory / "nodes", shards)
        watchers = stack.enter_context(Stack(directory, {"nodes": many.listed}, short))
        watchers.wait_for({"count(cache_node_up == 1)": 4 * shards}, _FIRST_LOOK)
        rules = load(watchers.policy).policy.rules
        console.print(f"{4 * shards} nodes are up; waiting until every window is full", highlight=False)
        time.sleep(float(seconds(rules.rate_window + rules.interval)))
        # A group that has never run reads 0: it would make the rules look cheap.
        wait_until(
            lambda: all(groups(watchers.prometheus).values()), _FIRST_LOOK, "every group to be evaluated", every=1.0
        )
        found = [_later(watchers.prometheus) for _ in range(readings)]
        count = _count(watchers.prometheus)
    worst = {group: max(reading[group] for reading in found) for group in found[0]}
    sums = [sum(reading.values()) for reading in found]
    judged = (
        Figure("sum_max", "all groups together, the slowest reading", max(sums), "s", WANTED, 3),
        Figure("sum_median", "the same, the median", statistics.median(sums), "s", digits=3),
        Figure("rules", "rules", count, "", digits=0),
    )
    console.print(_table(worst))
    console.print(figures.table(f"one evaluation of all rules of {4 * shards} nodes", judged))
    return {"nodes": 4 * shards, "readings": readings, "groups_max_s": worst, "figures": figures.as_json(judged)}


def _later(prometheus: Prometheus) -> dict[str, float]:
    time.sleep(_EVERY)
    return groups(prometheus)


def groups(prometheus: Prometheus) -> dict[str, float]:
    """Seconds that the newest evaluation of each rule group took."""
    page = _page(prometheus)
    return {found["group"].rpartition(";")[2]: float(found["value"]) for found in _LAST.finditer(page)}


def _count(prometheus: Prometheus) -> float:
    return sum(map(float, _RULES.findall(_page(prometheus))))


def _page(prometheus: Prometheus) -> str:
    return web.request("GET", f"{prometheus.url}/metrics").decode()


def _table(worst: dict[str, float]) -> Table:
    table = Table("group", "slowest evaluation", title="by group")
    for group, took in sorted(worst.items(), key=lambda each: -each[1]):
        table.add_row(group, f"{1000 * took:.1f} ms")
    return table
