"""Slack's text: escaping, length, links and moments. Pure.

Source: Slack's pages "Formatting text for app surfaces" and "Block Kit reference". Everything from a label or an
annotation goes through `one_line`, `many_lines` or `link`, so that a `<!channel>` in a label calls nobody.
"""

from __future__ import annotations

import html
from datetime import UTC, datetime
from urllib.parse import quote

# Below the 3000 characters of a section, which holds the link's label as well, and at most a sentence. The graph of an
# alert on memory takes 1750 for a fleet whose name has 28.
MAX_LINK = 2800
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# What a URL may hold as it is; `<`, `>`, `|`, quotes, spaces and controls would end or split Slack's link.
_URL_SAFE = "%:/?#[]@!$&()*+,;=~-._"
_BLANK = "-"


def one_line(text: str, limit: int) -> str:
    """Escaped text of at most `limit` characters on one line: breaks, tabs and controls become single spaces."""
    shown = "".join(char if char.isprintable() else " " for char in text)
    return _fit(" ".join(shown.split()), limit)


def many_lines(text: str, limit: int) -> str:
    """Escaped text of at most `limit` characters that keeps its line breaks."""
    return _fit("".join(char if char.isprintable() or char == "\n" else " " for char in text).strip(), limit)


def unescaped(text: str) -> str:
    """Escaped text as people read it."""
    return html.unescape(text)  # each `&` stands for an escape of ours, so nothing else is undone


def _fit(text: str, limit: int) -> str:
    """Escape, and cut between characters (never inside `&amp;`), with an ellipsis where something was cut."""
    escaped = [_ESCAPES.get(char, char) for char in text]
    if sum(map(len, escaped)) <= limit:
        return "".join(escaped) or _BLANK
    left = limit - 1
    kept = []
    for part in escaped:
        left -= len(part)
        if left < 0:
            break
        kept.append(part)
    return "".join(kept) + "…"


def link(url: str, label: str) -> str:
    """A link with a label of our own; empty for anything but a http(s) URL of at most MAX_LINK characters."""
    if not url.lower().startswith(("http://", "https://")):
        return ""
    target = quote(url, safe=_URL_SAFE).replace("&", "&amp;")
    return f"<{target}|{label}>" if len(target) <= MAX_LINK else ""


def moment(at: datetime) -> str:
    """A time that Slack shows in the reader's own zone; the fallback is UTC."""
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}}, {{time_secs}}|{utc(at)}>"


def utc(at: datetime) -> str:
    """A time in UTC, to the second: `2026-11-22 03:04:05 UTC`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
