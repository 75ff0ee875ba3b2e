"""How often a node pages that answers a constant share of its PINGs too late: with `rules.keep_firing_for`, and without.

Late answers come by chance, as a coin falls: of a minute's 120 PINGs now more, now fewer. Each node of a made-up history of
eight hours has another share of them; a real Prometheus holds it, and the backtest evaluates the default policy's rules over it.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from alerts.backtest.compare import Told
from alerts.backtest.history import Window
from alerts.backtest.plan import rules
from alerts.backtest.prometheus import Prometheus
from alerts.backtest.run import run
from alerts.promql import milliseconds, selector
from alerts.recording import PROBE_OP
from alerts.rules import groups
from bench import figures
from bench.figures import Figure
from policy import metrics
from policy.buckets import latency_bounds
from policy.metrics import le
from policy.model import Policy
from policy.units import seconds
from sandbox.binaries import find
from sandbox.ports import free_port
from sandbox.prometheus import start_prometheus

SHARES = (2, 3, 4, 5, 6, 8, 10, 15, 20)
"""Of a hundred answers; the page on p95 comes above 5."""
HOURS = 8
_SCRAPE = 5
_SLOW, _FAST = 0.0075, 0.0003  # seconds: beyond p95's critical bound and within p99's, and within every bound


def measure(console: Console, hours: int | None) -> dict[str, Any]:
    """Print a table of the pages in so many hours, 8 by default, and return the figures."""
    lasts, policies = (hours or HOURS) * 3600, (_policy("0s"), _policy("5m"))
    end = int(time.time()) // 300 * 300
    with tempfile.TemporaryDirectory(prefix="cachewatch-bench-") as name:
        folder = Path(name)
        _blocks(folder, end - lasts, lasts)
        (folder / "prometheus.yml").write_text("{}")
        with start_prometheus(folder / "prometheus.yml", folder, free_port()) as server:
            window = Window((end - lasts) * 1000, end * 1000)
            ended, kept = asyncio.run(_asked(server.url, policies, window))
    counts = {share: (_pages(ended, share), _pages(kept, share)) for share in SHARES}
    console.print(_table(counts, hours or HOURS, policies[1]))
    at_once, kept_ = (sum(pages[which] for pages in counts.values()) for which in (0, 1))
    judged = (
        Figure("pages_at_once", "pages of all, an alert ends at once", at_once, "", digits=0),
        Figure("pages_kept", "the same, it is kept", kept_, "", digits=0),
        Figure("pages_of_8", "pages of the node with 8 %, it is kept", counts[8][1], "", most=1, digits=0),
    )
    console.print(figures.table("together", judged))
    by_share = {str(share): {"at_once": at_once, "kept": kept} for share, (at_once, kept) in counts.items()}
    return {"hours": hours or HOURS, "pages": by_share, "figures": figures.as_json(judged)}


def _instance(share: int) -> str:
    return f"192.0.2.{share}:6379"


def _fleet() -> Any:
    return {"nodes": [f"redis://{_instance(share)}" for share in SHARES]}


def _policy(keep: str) -> Policy:
    return Policy.model_validate({"fleet": _fleet(), "rules": {"keep_firing_for": keep}})


async def _asked(url: str, policies: tuple[Policy, Policy], window: Window) -> tuple[Told, Told]:
    async with Prometheus(url) as server:
        planned = [rules(groups(policy)) for policy in policies]
        at_once, kept = (await run(server, planned, window, _SCRAPE * 1000, lambda _done, _whole: None)).told
    return at_once, kept


def _pages(told: Told, share: int) -> int:
    slow = (firing for firing in told.pages if firing.name.startswith("CacheVeryHighLatency"))
    return sum(dict(firing.labels)["instance"] == _instance(share) for firing in slow)


def _blocks(folder: Path, start: int, lasts: int) -> None:
    """The history as blocks of Prometheus."""
    text = "\n".join(itertools.chain(*(_node(share, start, lasts) for share in SHARES), ("# EOF\n",)))
    (folder / "history.om").write_text(text)
    argv = [
        find("promtool"),
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        folder / "history.om",
        folder / "prometheus-data",
    ]
    subprocess.run([str(each) for each in argv], check=True, capture_output=True, timeout=600)


def _node(share: int, start: int, lasts: int) -> Iterator[str]:
    """A node's samples, series by series: PINGs that come each `probe.interval` and are late by chance, and that it is up."""
    policy, chance = Policy(), random.Random(share)  # noqa: S311  # a repeatable history, no secret
    every = milliseconds(policy.probe.interval)
    each, looks = _SCRAPE * 1000 // every, range(0, lasts, _SCRAPE)
    late = list(itertools.accumulate(sum(chance.random() < share / 100 for _ in range(each)) for _ in looks))
    of_node = {"fleet": policy.fleet.name, "instance": _instance(share)}
    buckets = {le(bound): seconds_ for bound in latency_bounds(policy) if (seconds_ := float(bound))}
    name = metrics.PROBE_DURATION.name
    for bound, limit in buckets.items():
        series = selector(f"{name}_bucket", **of_node, op=PROBE_OP, le=bound)
        for index, at in enumerate(looks):
            fast = (index + 1) * each - late[index]
            yield f"{series} {fast * (limit >= _FAST) + late[index] * (limit >= _SLOW)} {start + at}"
    for series, grows in (
        (selector(f"{name}_count", **of_node, op=PROBE_OP), each),
        (selector(metrics.NODE_UP.name, **of_node), 0),
    ):
        for index, at in enumerate(looks):
            yield f"{series} {(index + 1) * grows or 1} {start + at}"


def _table(counts: dict[int, tuple[int, int]], hours: int, policy: Policy) -> Table:
    keep = float(seconds(policy.rules.keep_firing_for)) / 60
    table = Table(
        "answers above 5 ms", "it ends at once", f"it is kept for {keep:g} m", title=f"pages of a node in {hours} hours"
    )
    for share, (at_once, kept) in counts.items():
        table.add_row(f"{share} %", str(at_once), str(kept))
    return table
