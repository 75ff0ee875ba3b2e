"""A made-up history of a cache with known troubles, for a Prometheus to hold and for promtool to replay."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from policy.buckets import latency_bounds
from policy.metrics import le
from policy.model import Policy
from sandbox.binaries import find

STEP = 5
"""Seconds between two samples."""
Key = tuple[str, tuple[tuple[str, str], ...]]
Value = Callable[[int], float | None]


@dataclass(frozen=True)
class Scene:
    """What each series did: a function from the second to its value, None where it has no sample."""

    policy: Policy
    seconds: int
    series: Mapping[tuple[str, tuple[tuple[str, str], ...]], Callable[[int], float | None]]

    def samples(self) -> Iterator[tuple[str, Mapping[str, str], list[float | None]]]:
        """Each series: its name, labels and values, one each `STEP` from second 0 on."""
        for (name, labels), value in self.series.items():
            yield name, dict(labels), [value(second) for second in range(0, self.seconds + 1, STEP)]


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def selector(name: str, labels: Mapping[str, str]) -> str:
    inside = ",".join(f'{key}="{escaped(value)}"' for key, value in labels.items())
    return f"{name}{{{inside}}}"


def open_metrics(scene: Scene, start: int) -> str:
    """The history as OpenMetrics text that begins at a Unix second."""
    lines = []
    for name, labels, values in scene.samples():
        for index, value in enumerate(values):
            if value is not None:
                lines.append(f"{selector(name, labels)} {value:g} {start + index * STEP}")
    return "\n".join([*lines, "# EOF\n"])


def blocks(scene: Scene, start: int, folder: Path) -> Path:
    """A data folder for Prometheus that holds the history."""
    (folder / "history.om").write_text(open_metrics(scene, start))
    data = folder / "prometheus-data"
    argv = [str(find("promtool")), "tsdb", "create-blocks-from", "openmetrics", str(folder / "history.om"), str(data)]
    subprocess.run(argv, check=True, capture_output=True, timeout=120)
    return data


def promtool_series(scene: Scene) -> list[dict[str, str]]:
    """The history as the input series of `promtool test rules`."""
    return [
        {"series": selector(name, labels), "values": " ".join("_" if v is None else f"{v:g}" for v in values)}
        for name, labels, values in scene.samples()
    ]


def told_when(scene: Scene, told: Callable[[str, Mapping[str, str], int], bool]) -> Scene:
    """The same history, each series at those seconds only at which it was told, by its name and labels."""

    def cut(
        name: str, labels: tuple[tuple[str, str], ...], value: Callable[[int], float | None]
    ) -> Callable[[int], float | None]:
        return lambda at: value(at) if told(name, dict(labels), at) else None

    return replace(scene, series={key: cut(*key, value) for key, value in scene.series.items()})


def between(second: int, *spans: tuple[int, int]) -> bool:
    return any(start <= second < end for start, end in spans)


def counter(rate: Callable[[int], float]) -> Callable[[int], float]:
    """A counter that grows by a rate per second that may change every `STEP`."""
    totals = [0.0]

    def value(second: int) -> float:
        while len(totals) <= second // STEP:
            totals.append(totals[-1] + rate((len(totals) - 1) * STEP) * STEP)
        return totals[second // STEP]

    return value


def _memory(first: Mapping[str, str], second: Mapping[str, str]) -> Iterator[tuple[Key, Value]]:
    """The second node is full for a while, and of the first, a primary, a replica before it is, and after it."""
    replica = {**first, "instance": "192.0.2.9:6379"}
    for node, full in ((first, (900, 1300)), (second, (700, 1400)), (replica, (700, 1800))):
        own = tuple((k, v) for k, v in node.items() if v)
        yield ("cache_memory_limit_bytes", (*own, ("source", "maxmemory"))), lambda _: 1000.0
        yield ("cache_memory_used_bytes", own), partial(_used, full)
    for node, role in ((first, "primary"), (replica, "replica")):
        yield ("cache_node_role", (*node.items(), ("role", role))), lambda _: 1.0


def _used(full: tuple[int, int], at: int) -> float:
    return 900.0 if between(at, full) else 500.0


def scene(policy: Policy, seconds: int) -> Scene:
    """Two nodes: bad hit rates, slow answers, a death, a vanished node, a dead exporter and full memory, each in its time."""
    fleet = policy.fleet.name
    first, second = ({"fleet": fleet, "shard": node.shard, "instance": node.instance} for node in policy.fleet.nodes)
    found: dict[tuple[str, tuple[tuple[str, str], ...]], Callable[[int], float | None]] = {}

    def add(name: str, labels: Mapping[str, str], value: Callable[[int], float | None]) -> None:
        found[name, tuple((k, v) for k, v in labels.items() if v)] = value

    def hits(at: int) -> float:
        return 60.0 if between(at, (600, 900)) else 73.0 if between(at, (1500, 1620), (1650, 1800)) else 90.0

    add("cache_hits_total", first, counter(hits))
    add("cache_misses_total", first, counter(lambda at: 100.0 - hits(at)))
    for node, slow in ((first, ((1200, 1500),)), (second, ((2000, 2100), (2130, 2200)))):
        for bound in (*latency_bounds(policy), None):
            name, edge = ("+Inf", 1e9) if bound is None else (le(bound), float(bound))

            def within(at: int, edge: float = edge, slow: tuple[tuple[int, int], ...] = slow) -> float:
                return 2.0 if edge > 0.004 or not between(at, *slow) else 1.6

            add("cache_probe_duration_seconds_bucket", {**node, "op": "ping", "le": name}, counter(within))
        add("cache_probe_duration_seconds_count", {**node, "op": "ping"}, counter(lambda _: 2.0))
    exporter_down = (2600, 2660)
    add(
        "cache_node_up",
        first,
        lambda at: None if between(at, exporter_down) else 0.0 if between(at, (300, 360), (2400, 2410)) else 1.0,
    )
    add("cache_node_up", second, lambda at: None if between(at, exporter_down, (2800, 3300)) else 1.0)
    for job in ("cachewatch-sli", "cachewatch"):
        up = {"job": job, "instance": policy.stack.exporter}
        add("up", up, lambda at: 0.0 if between(at, exporter_down) else 1.0)
    add(
        "cache_probe_schedule_lag_seconds",
        {"fleet": fleet, "instance": policy.stack.exporter},
        lambda at: None if between(at, exporter_down) else 0.001,
    )
    for name, address in (("alertmanager", policy.stack.alertmanager), ("notifier", policy.stack.notifier)):
        add("up", {"job": f"cachewatch-{name}", "instance": address}, lambda _: 1.0)
    found.update(_memory(first, second))
    return Scene(policy, seconds, found)
