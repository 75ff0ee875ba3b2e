"""What bad nodes cost the others: of 100 nodes 10 hang, 10 refuse and 10 talk garbage, and 70 are well.

All are well at first but those that talk garbage; then 10 are stopped (SIGSTOP) and 10 killed. From that moment on the age
of every well node's facts is read from /health, four times a second. In the second half of that time each bad node's checks
must all have ended in the one class that is its own.
"""

from __future__ import annotations

import json
import re
import statistics
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import exporters, servers
from bench.figures import Figure, as_json, table
from sandbox import web
from sandbox.peer import Peer, says
from sandbox.process import wait_until
from sandbox.prometheus import WebChild
from sandbox.redis_node import RedisNode

NODES = 100
WINDOW = 60.0
INTERVAL = 5.0
_SHARE = 10  # of the nodes, one in so many of each kind of bad
_EVERY = 0.25
_PATIENCE = 120.0
_GARBAGE = b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n"
_SLI = "/metrics/sli"
_CHECKS = re.compile(r'^cache_health_checks_total\{.*instance="([^"]+)".*result="([^"]+)".*\} (\S+)$', re.MULTILINE)
_CLASS = {"hung": "timeout", "refused": "refused", "garbage": "protocol"}
Checks = Counter[tuple[str, str]]


@dataclass(frozen=True)
class Seen:
    """Ages of well nodes' facts in seconds, one list a reading; milliseconds of each page; health checks by node and class."""

    ages: list[list[float]]
    pages: list[float]
    checks: Checks


def measure(
    console: Console,
    trials: int | None,
    nodes: int | None = None,
    window: float = WINDOW,
    interval: float = INTERVAL,
) -> dict[str, Any]:
    """Watch for `window` seconds from the moment at which the nodes go bad. `trials` is not used: time is."""
    del trials
    count = max(nodes or NODES, 4)
    bad = max(count // _SHARE, 1)
    with tempfile.TemporaryDirectory(prefix="cachewatch-bench-") as folder, ExitStack() as stack:
        directory = Path(folder)
        real = servers.started(stack, directory, count - bad)
        garbage = [stack.enter_context(Peer(says(_GARBAGE))).instance for _ in range(bad)]
        well, hung, refused = real[2 * bad :], real[:bad], real[bad : 2 * bad]
        kinds = {"hung": _names(hung), "refused": _names(refused), "garbage": garbage}
        policy = {"collect": {"interval": f"{interval:g}s"}}
        child = stack.enter_context(exporters.ours(directory, [*_names(real), *garbage], policy))
        wait_until(lambda: _all_up(child, len(real)), _PATIENCE, "every node to be up but those that talk garbage", 0.5)
        for one in hung:
            one.pause()
        for one in refused:
            one.kill()
        console.print(f"{count} nodes, {bad} of each kind of bad; {window:g} s", highlight=False)
        seen = _look(child, _names(well), window)
    figures = _figures(seen, kinds, len(well), interval)
    console.print(table(f"{len(well)} nodes beside {3 * bad} bad ones, interval {interval:g} s", figures))
    return {"nodes": count, "bad": bad, "seconds": window, "figures": as_json(figures)}


def _names(nodes: list[RedisNode]) -> list[str]:
    return [node.instance for node in nodes]


def _all_up(child: WebChild, count: int) -> bool:
    lines = exporters.page(child.url + _SLI).splitlines()
    return sum(line.startswith("cache_node_up{") and line.endswith(" 1") for line in lines) == count


def _look(child: WebChild, well: list[str], window: float) -> Seen:
    """Read ages and pages until the time is over; checks are those of its second half."""
    began, ages, pages, before = time.monotonic(), [], [], Checks()
    while (now := time.monotonic()) < began + window:
        if not before and now >= began + window / 2:
            before = _checks(child)
        components = _health(child)["components"]
        ages.append([_age(components[instance], window) for instance in well])
        asked = time.monotonic()
        exporters.page(child.url + _SLI)
        pages.append(1000 * (time.monotonic() - asked))
        time.sleep(_EVERY)
    return Seen(ages, pages, _checks(child) - before)


def _health(child: WebChild) -> dict[str, Any]:
    """The health indicator; 503 is what it says while nodes are down."""
    try:
        return dict(web.get_json(f"{child.url}/health", timeout=30.0))
    except web.WebError as error:
        if error.status != 503:
            raise
        return dict(json.loads(error.content))


def _age(component: dict[str, Any], never: float) -> float:
    """Seconds; a node without any facts counts as older than the whole time."""
    age = component["details"]["facts_age_seconds"]
    return never if age is None else float(age)


def _checks(child: WebChild) -> Checks:
    found = _CHECKS.findall(exporters.page(child.url + _SLI))
    return Checks({(instance, result): int(float(value)) for instance, result, value in found})


def told_apart(checks: Checks, instances: list[str], wanted: str) -> int:
    """How many of the nodes had checks, and every one of them ended in the class that is wanted."""
    return sum({result for (node, result), n in checks.items() if node == one and n} == {wanted} for one in instances)


def _figures(seen: Seen, kinds: dict[str, list[str]], well: int, interval: float) -> list[Figure]:
    worst = [max(ages) / interval for ages in seen.ages]
    missed = {kind: len(names) - told_apart(seen.checks, names, _CLASS[kind]) for kind, names in kinds.items()}
    return [
        Figure("oldest", f"oldest facts of the {well}, ever", max(worst), "intervals", 2, 2),
        Figure(
            "oldest_median", f"oldest facts of the {well}, as a rule", statistics.median(worst), "intervals", None, 2
        ),
        *(
            Figure(
                f"{kind}_missed", f"{kind}: other checks than `{_CLASS[kind]}`", n, f"of {len(kinds[kind])} nodes", 0, 0
            )
            for kind, n in missed.items()
        ),
        Figure("sli_median", f"{_SLI}, median of {len(seen.pages)}", statistics.median(seen.pages), "ms"),
        Figure("sli_max", f"{_SLI}, slowest", max(seen.pages), "ms"),
    ]
