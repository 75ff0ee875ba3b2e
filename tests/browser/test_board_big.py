"""500 nodes on the board: readable, and cheap for both ends. Each address 127.x.y.z is an instance of its own."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from sandbox import web
from sandbox.many_nodes import ManyNodes
from sandbox.process import wait_until
from tests.browser import checks
from tests.browser.chromium import Chromium, Tab
from tests.integration.exporter_support import Serving

SHARDS, NODES = 125, 500
VERDICT = "document.getElementById('verdict-text').textContent"


def policy(nodes: ManyNodes) -> dict[str, Any]:
    """Slow intervals and loose limits, for the machine that tests may be slow."""
    rows = ("latency_p50", "latency_p95", "latency_p99")
    return {
        "fleet": {"nodes": nodes.listed},
        "probe": {"interval": "2s", "timeout": "2s"},
        "collect": {"interval": "15s", "timeout": "5s", "detail_interval": "10m"},
        "thresholds": {row: {"target": "1s", "warning": {"above": "2s"}, "critical": {"above": "5s"}} for row in rows},
    }


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManyNodes]:
    with ExitStack() as stack:
        yield ManyNodes(stack, tmp_path_factory.mktemp("nodes"), SHARDS)


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory, fleet: ManyNodes) -> Iterator[Serving]:
    with Serving(tmp_path_factory.mktemp("exporter"), policy(fleet)) as serving:
        wait_until(lambda: told(serving)["counts"]["nodes"]["up"] == NODES, 120.0, "500 nodes up", every=0.5)
        wait_until(lambda: all(s["has_primary"] for s in told(serving)["shards"]), 120.0, "125 primaries", every=0.5)
        yield serving


def told(serving: Serving) -> dict[str, Any]:
    document: dict[str, Any] = web.get_json(f"{serving.url}/api/v1/fleet", timeout=30.0)
    return document


async def test_500_healthy_nodes_are_one_sentence_and_a_fold(browser: Chromium, exporter: Serving) -> None:
    async with Tab(browser) as tab:
        await tab.sized(360, 780, scale=2, phone=True)
        await checks.open_board(tab, exporter.url)
        await tab.until(f"{VERDICT}.startsWith('All is well: all 500 nodes of 125 shards answer')", 120)
        assert await tab.text("#shards-fold-title") == "125 healthy shards"
        assert await tab.text("#shards-count") == "125, 500 nodes, all up"
        assert await tab.evaluate("document.querySelectorAll('.shard').length") == 0, "what nobody opened is not built"
        assert await tab.evaluate("document.querySelectorAll('*').length") < 600
        assert await tab.evaluate("document.documentElement.scrollHeight") < 6000
        await checks.readable(tab)
        await checks.clean(tab, exporter.url)


async def test_the_worst_shards_come_first_and_the_rest_stays_folded(
    browser: Chromium, exporter: Serving, fleet: ManyNodes
) -> None:
    lost = next(iter(fleet.servers.values()))
    names = [f"shard-{n:03}" for n, shard in enumerate(fleet.shards) if fleet.servers[shard[0]] is lost]
    async with Tab(browser) as tab:
        await tab.sized(360, 780, scale=2, phone=True)
        await checks.open_board(tab, exporter.url)
        await tab.evaluate("document.getElementById('shards-fold').open = true")
        await tab.until("document.querySelectorAll('#shards-well .shard').length === 125", 60)
        await tab.evaluate("window.kept = document.querySelector('#shards-well .shard:last-child')")
        lost.kill()
        try:
            first = f"{len(names)} of 125 shards have no primary: {', '.join(names[:3])} and {len(names) - 3} more"
            await tab.until(f"{VERDICT} === {first!r}", 120)
            await tab.until(f"document.querySelectorAll('#shards-ill .shard').length >= {len(names)}")
            shown = await tab.evaluate("[...document.querySelectorAll('#shards-ill h3')].map((h) => h.textContent)")
            assert shown[: len(names)] == names
            assert await tab.evaluate("window.kept.isConnected"), "updated in place, not built anew"
            await checks.fits(tab, 360)
            await checks.clean(tab, exporter.url)
        finally:
            lost.start()


def test_a_message_for_500_nodes_is_small(exporter: Serving) -> None:
    plain = web.request("GET", f"{exporter.url}/api/v1/fleet", timeout=30.0)
    packed = web.request("GET", f"{exporter.url}/api/v1/fleet", headers={"Accept-Encoding": "gzip"}, timeout=30.0)
    assert gzip.decompress(packed) is not None
    assert len(packed) < 40_000, f"{len(plain)} bytes, {len(packed)} as they are sent"
    assert len(plain) < 400_000


@pytest.mark.alone
async def test_a_viewer_of_500_nodes_costs_the_exporter_little(browser: Chromium, exporter: Serving) -> None:
    async with Tab(browser) as tab:
        await checks.open_board(tab, exporter.url)
        assert await asyncio.to_thread(cpu_share, exporter, 10.0) < 0.5


def cpu_share(serving: Serving, duration: float) -> float:
    """The share of one core that the exporter's own process used over so many seconds."""

    def used() -> float:
        fields = Path(f"/proc/{serving.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    before, began = used(), time.monotonic()
    time.sleep(duration)
    return (used() - before) / (time.monotonic() - began)
