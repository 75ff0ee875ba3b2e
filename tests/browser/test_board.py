"""The board as a person sees it: healthy, a node down, no data, no contact, on a phone, by keyboard, without JavaScript."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from sandbox import web
from sandbox.ports import free_port
from sandbox.process import Child, wait_until
from sandbox.redis_node import RedisNode
from tests.browser import checks
from tests.browser.chromium import Chromium, Tab
from tests.integration.exporter_support import Peer, Serving, half_an_answer

EVIL = "<b onmouseover=alert(1)>b</b><script>alert(1)</script>"
QUICK: dict[str, Any] = {
    "collect": {"interval": "1s", "timeout": "500ms"},
    # Loose, for the machine that tests may be slow: what is shown is the matter here.
    "thresholds": {
        row: {"target": "1s", "warning": {"above": "2s"}, "critical": {"above": "5s"}}
        for row in ("latency_p50", "latency_p95", "latency_p99")
    },
}


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RedisNode]]:
    """Two primaries with a replica each; a test that breaks one heals it."""
    with ExitStack() as stack:
        directory, found = tmp_path_factory.mktemp("nodes"), []
        for _ in range(2):
            primary = stack.enter_context(RedisNode(free_port(), directory, maxmemory="64mb"))
            found += [primary, stack.enter_context(RedisNode(free_port(), directory, replica_of=primary.port))]
        yield found


def policy(nodes: list[RedisNode]) -> dict[str, Any]:
    shards = ("shard-a", "shard-a", EVIL, EVIL)
    listed = [{"url": f"redis://{n.instance}", "shard": s} for n, s in zip(nodes, shards, strict=True)]
    return {"fleet": {"name": "shop <i>eu</i>", "nodes": listed}, **QUICK}


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory, nodes: list[RedisNode]) -> Iterator[Serving]:
    """The exporter on those nodes; a test that ends it starts it again."""
    with Serving(tmp_path_factory.mktemp("exporter"), policy(nodes)) as serving:
        yield serving


def fleet(serving: Serving) -> dict[str, Any]:
    told: dict[str, Any] = web.get_json(f"{serving.url}/api/v1/fleet")
    return told


@pytest.fixture
def healthy(exporter: Serving, nodes: list[RedisNode]) -> Serving:
    """The exporter once it says that all is well."""
    for node in nodes:
        if not node.alive:
            node.start()
    wait_until(lambda: fleet(exporter)["counts"]["nodes"]["up"] == 4, 60.0, "all nodes up", every=0.2)
    wait_until(lambda: all(s["has_primary"] for s in fleet(exporter)["shards"]), 60.0, "a primary each", every=0.2)
    return exporter


VERDICT = "document.getElementById('verdict-text').textContent"


async def test_a_healthy_fleet(browser: Chromium, healthy: Serving, nodes: list[RedisNode]) -> None:
    async with Tab(browser) as tab:
        await tab.sized(1200, 900)
        await checks.open_board(tab, healthy.url)
        await tab.until(f"{VERDICT}.startsWith('All is well: all 4 nodes of 2 shards answer')", 90)
        shards = await tab.text("#shards")
        assert not any(node.instance in shards for node in nodes), "a shard that is well is one line"
        await tab.evaluate("document.querySelectorAll('.shard summary').forEach((s) => s.click())")
        await tab.until("document.querySelectorAll('.node').length === 4")
        page = await tab.evaluate("document.body.innerText")
        assert all(node.instance in page for node in nodes)
        assert "2, 4 nodes, all up" in page
        assert "Counted since the start of this exporter" in page
        assert (await tab.evaluate("document.title")).startswith("✓ All is well")
        bounds = await tab.text("#promises li:first-child .limits")
        assert bounds.replace("\n", " ") == "target at least 80 % warning below 75 % critical below 70 %"
        await checks.named(tab)
        await checks.readable(tab)
        await checks.clean(tab, healthy.url)


async def test_what_redis_or_the_policy_says_is_text_and_never_markup(browser: Chromium, healthy: Serving) -> None:
    async with Tab(browser) as tab:
        await checks.open_board(tab, healthy.url)
        names = await tab.evaluate("[...document.querySelectorAll('.shard h3')].map((h) => h.textContent)")
        assert sorted(names) == sorted(["shard-a", EVIL])
        assert await tab.evaluate("document.querySelectorAll('main b[onmouseover], main script, header i').length") == 0
        assert await tab.text("#fleet") == "shop <i>eu</i>"
        inline = (
            "const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s);"
        )
        refused = f"(() => {{ {inline} return window.ran ?? 'refused'; }})()"
        assert await tab.evaluate(refused) == "refused", "the policy of the page holds"


@pytest.mark.parametrize("width", [1200, 360])
async def test_a_node_down_is_the_first_thing_that_is_read(
    browser: Chromium, healthy: Serving, nodes: list[RedisNode], width: int
) -> None:
    primary = nodes[0]
    async with Tab(browser) as tab:
        await tab.sized(width, 780, phone=width < 500)
        await checks.open_board(tab, healthy.url)
        primary.kill()
        await tab.until(f"{VERDICT} === 'shard-a has no primary: node {primary.instance} refuses connections'")
        assert await tab.text("#verdict-word") == "Critical"
        assert (await tab.text("#verdict-since")).startswith("for ")
        assert await tab.text(".shard:first-child h3") == "shard-a"
        assert await tab.text("#said") == f"Critical: {await tab.text('#verdict-text')}"
        row = await tab.text(".shard:first-child .node:first-child")
        assert primary.instance in row
        assert "primary" in row
        assert "refuses connections" in row
        assert "Down" in row
        top = await tab.evaluate("document.querySelector('.shard').getBoundingClientRect().top + scrollY")
        assert top < 780, "the worst shard is on the first screen, of a phone too"
        await checks.readable(tab)
        await checks.clean(tab, healthy.url)
        primary.start()
        await tab.until(
            f"{VERDICT}.startsWith('All is well') || document.getElementById('verdict-word').textContent === 'Warning'"
        )


@pytest.mark.parametrize("width", [360, 320, 768])
async def test_nothing_scrolls_sideways(browser: Chromium, healthy: Serving, width: int) -> None:
    async with Tab(browser) as tab:
        await tab.sized(width, 780, scale=2, phone=True)
        await checks.open_board(tab, healthy.url)
        await checks.fits(tab, width)


async def test_a_fleet_that_nobody_answers_for_is_unknown_and_nothing_is_invented(
    browser: Chromium, tmp_path: Path
) -> None:
    with Peer(half_an_answer) as peer, ExitStack() as stack:
        fleet = {
            "fleet": {"nodes": [f"redis://{peer.instance}"]},
            "health": {"failures": 100},
            "probe": {"timeout": "10s"},
        }
        serving = Serving(tmp_path, fleet)
        stack.callback(serving.stop)
        Child.start(serving)
        wait_until(lambda: web.answers(f"{serving.url}/-/healthy"), 60.0, "the page")
        async with Tab(browser) as tab:
            await checks.open_board(tab, serving.url)
            await tab.until(f"/No node has a verdict yet|has just started/.test({VERDICT})")
            assert await tab.text("#verdict-word") == "Unknown"
            values = await tab.evaluate("[...document.querySelectorAll('.promise .value')].map((v) => v.textContent)")
            assert values == ["unknown"] * 6
            assert "nothing recorded yet" in await tab.text("#promises")
            await checks.readable(tab)
            await checks.clean(tab, serving.url)


LOST = "!document.getElementById('lost').hidden"


@pytest.mark.parametrize("how", ["killed", "half open"])
async def test_a_lost_server_is_said_and_found_again(browser: Chromium, healthy: Serving, how: str) -> None:
    async with Tab(browser) as tab:
        await checks.open_board(tab, healthy.url)
        seen = await tab.text("#contact-time")
        if how == "killed":
            healthy.kill()
        else:
            healthy.pause()
        try:
            await tab.until(LOST)
            said = await tab.text("#lost")
            assert "No contact with Cachewatch for " in said
            assert f"What you see is from {seen[:5]}" in said
            assert await tab.text("#contact-word") == "no contact"
            assert await tab.text("#said") == "No contact with Cachewatch."
            assert "shard-a" in await tab.text("#shards"), "what was known stays on the screen"
        finally:
            if how == "killed":
                healthy.start()
            else:
                healthy.resume()
        await tab.until(f"!({LOST}) && document.body.dataset.contact === 'live'")
        if how == "killed":
            await tab.until(f"{VERDICT}.startsWith('All is well')", 90)


async def test_by_keyboard_alone_and_an_update_takes_no_focus(browser: Chromium, healthy: Serving) -> None:
    async with Tab(browser) as tab:
        await checks.open_board(tab, healthy.url)
        await tab.press("Tab", 9)
        assert await tab.evaluate("document.activeElement.className") == "skip"
        await tab.press("Enter", 13)
        await tab.until("location.hash === '#shards'")
        await tab.press("Tab", 9)
        assert await tab.evaluate("document.activeElement.closest('.shard') !== null")
        before = await tab.evaluate("document.activeElement.parentElement.open")
        await tab.press("Enter", 13)
        await tab.until(f"document.activeElement.parentElement.open === {str(not before).lower()}")
        outline = await tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", "it is seen where the focus is"
        await updates(tab, 3)
        assert await tab.evaluate("document.activeElement.closest('.shard') !== null")
        assert await tab.evaluate("document.activeElement.parentElement.open") is not before


async def updates(tab: Tab, count: int) -> None:
    """Wait for so many messages of the server."""
    for _ in range(count):
        was = await tab.text("#contact-time")
        await tab.until(f"document.getElementById('contact-time').textContent !== '{was}'")


async def test_a_focus_is_kept_when_its_shard_moves(
    browser: Chromium, healthy: Serving, nodes: list[RedisNode]
) -> None:
    async with Tab(browser) as tab:
        await checks.open_board(tab, healthy.url)
        await tab.evaluate("document.querySelector('.shard:last-child summary').focus()")
        last = await tab.text(".shard:last-child h3")
        victim = nodes[0] if last == "shard-a" else nodes[2]
        victim.kill()
        try:
            await tab.until(f"document.querySelector('.shard h3').textContent === {last!r}")
            assert (
                await tab.evaluate("document.activeElement.closest('.shard').querySelector('h3').textContent") == last
            )
        finally:
            victim.start()


async def test_without_javascript_it_says_so_and_leads_on(browser: Chromium, healthy: Serving) -> None:
    async with Tab(browser) as tab:
        await tab.send("Emulation.setScriptExecutionDisabled", value=True)
        await tab.open(f"{healthy.url}/")
        names = await polled(tab, lambda tree: any(node["name"] == "The board needs JavaScript." for node in tree))
        links = [node["name"] for node in names if node["role"] == "link"]
        assert "the health of every node" in links


async def polled(tab: Tab, good: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """The accessibility tree once it is good."""
    async with asyncio.timeout(60):
        while True:
            tree = await tab.accessible()
            if good(tree):
                return tree
            await asyncio.sleep(0.1)


async def test_the_chart_has_a_gap_where_nothing_is_known(browser: Chromium, healthy: Serving) -> None:
    async with Tab(browser) as tab:
        await checks.open_board(tab, healthy.url)
        draw = (
            "import('./board/chart.js').then((m) => { const c = m.makeChart(); "
            "m.drawChart(c, 'latency_p95', [null, 0.001, 0.002, null, 0.003, null], "
            "{ breaks: 'above', warning_seconds: 0.002, critical_seconds: 0.005 }, 15); "
            "return [c.querySelector('.trace').getAttribute('d'), c.querySelector('svg').getAttribute('aria-label')]; })"
        )
        path, label = await tab.evaluate(draw)
        assert path.count("M") == 2, "two pieces, and no line between them"
        assert label == "Latency p95 in the last hour: between 1 ms and 3 ms; nothing is known of 45 s of it"


async def test_numbers_are_said_as_people_say_them_and_never_better_than_they_are(
    browser: Chromium, healthy: Serving
) -> None:
    async with Tab(browser) as tab:
        await checks.open_board(tab, healthy.url)
        calls = {
            "percent(1)": "100 %",
            "percent(0.99999)": "99.999 %",
            "percent(0.99996)": "99.996 %",
            "percent(0.999999999)": "99.99999 %",
            "percent(0.8976)": "89.8 %",
            "percent(0)": "0 %",
            "latency(0.00031)": "0.31 ms",
            "latency(0.000004)": "4 µs",
            "latency(2.5)": "2.5 s",
            "span(12)": "12 s",
            "span(199)": "3 min 19 s",
            "span(3600)": "1 h",
            "span(90000)": "1 d 1 h",
            "value({ text: '> 10 s' })": ">\u00a010\u00a0s",
            "value({ ratio: null })": None,
            "limit('availability', 0.9999)": "99.99 %",
        }
        for call, words in calls.items():
            assert await tab.evaluate(f"import('./board/words.js').then((m) => m.{call})") == words, call


async def test_a_percentile_that_is_broken_is_shown_where_usually_the_other_stands(
    browser: Chromium, nodes: list[RedisNode], tmp_path: Path
) -> None:
    strict = {"latency_p99": {"target": "1us", "warning": {"above": "2us"}, "critical": {"above": "3us"}}}
    told = policy(nodes) | {"thresholds": QUICK["thresholds"] | strict}
    with Serving(tmp_path, told) as serving:
        async with Tab(browser) as tab:
            await checks.open_board(tab, serving.url)
            await tab.until("document.querySelector('.node .how')?.innerText.includes('p99')")
            line = await tab.text(".node .how")
            assert "p95\u00a0≈" in line
            assert "(Critical)" in line.split("p99\u00a0≈")[1]
            assert "p99\u00a0≈" in await tab.text(".shard summary")
            captions = "[...document.querySelector('.shard').querySelectorAll('figcaption')].map((f) => f.textContent)"
            await tab.until(f"{captions}.includes('Latency p99, 1 h')")
            assert "Latency p50, 1 h" not in await tab.evaluate(captions)
