"""What every state of the page must be: without sideways scroll, readable, named, quiet in the console, at home."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from tests.browser.chromium import Tab

# The contrast of each piece of text with the ground it stands on, as WCAG 2 counts it; what is too low, as text.
_CONTRAST = """(() => {
  const parse = (c) => { const m = c.match(/[\\d.]+/g).map(Number); return m.length > 3 ? m : [...m, 1]; };
  const light = ([r, g, b]) => [r, g, b].map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; })
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (e) => {
    for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c; }
    return parse(getComputedStyle(document.documentElement).backgroundColor);
  };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), low = [];
  let seen = 0;
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !e.checkVisibility() || e.closest("noscript, .unseen, .skip")) continue;
    const style = getComputedStyle(e), a = light(parse(style.color)), b = light(ground(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), size = parseFloat(style.fontSize);
    const need = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    seen++;
    if (ratio < need) low.push(`${ratio.toFixed(2)} ${e.className}: ${walk.currentNode.data}`);
  }
  return { seen, low };
})()"""


async def open_board(tab: Tab, url: str) -> None:
    """Go to the board and wait until it has drawn its first document and its charts."""
    await tab.open(f"{url}/")
    await tab.until("document.body?.dataset.contact === 'live' && !document.getElementById('body').hidden")
    await tab.until("document.querySelectorAll('#promises .chart svg[aria-label]').length === 6")


async def clean(tab: Tab, url: str) -> None:
    """The console is empty, and nobody but the exporter was asked for anything."""
    assert tab.said == []
    hosts = {urlsplit(address).netloc for address in tab.asked}
    assert hosts <= {urlsplit(url).netloc, ""}, tab.asked
    assert hosts


async def fits(tab: Tab, width: int) -> None:
    """Nothing sticks out to the side, with everything opened."""
    await tab.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    await tab.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert await tab.evaluate("document.documentElement.scrollWidth") == width
    wide = "[...document.querySelectorAll('main *')].filter((e) => e.checkVisibility() && "
    wide += f"e.getBoundingClientRect().right > {width} + 1 && !e.closest('.unseen, svg')).map((e) => e.className)"
    assert await tab.evaluate(wide) == []


async def readable(tab: Tab) -> None:
    """Contrast AA, light and dark."""
    for scheme in ("light", "dark"):
        await tab.prefers(color_scheme=scheme, reduced_motion="reduce")
        found = await tab.evaluate(_CONTRAST)
        assert found["seen"] > 30
        assert found["low"] == [], scheme


async def named(tab: Tab) -> list[dict[str, Any]]:
    """Landmarks and headings are there, all that can be used has a name, and one region alone is read aloud."""
    tree = await tab.accessible()
    roles = [node["role"] for node in tree]
    assert {"banner", "main", "contentinfo", "navigation", "heading", "status", "list"} <= set(roles)
    unnamed = [
        node for node in tree if node["role"] in ("link", "button", "image", "DisclosureTriangle") and not node["name"]
    ]
    assert unnamed == []
    assert await tab.evaluate(
        "[...document.querySelectorAll('[aria-live], [role=alert], [role=status]')].map((e) => e.id)"
    ) == ["said"]
    levels = await tab.evaluate("[...document.querySelectorAll('h1, h2, h3')].map((h) => Number(h.tagName[1]))")
    assert levels.count(1) == 1 or await tab.evaluate("document.querySelectorAll('main > section h1').length") == 1
    assert levels[0] == 1
    return tree
