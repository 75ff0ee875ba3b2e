"""The runbooks as a browser shows them: who was woken reads them on a phone. Pure."""

from __future__ import annotations

import html
from functools import lru_cache
from importlib import resources

from markdown_it import MarkdownIt

from alerts import runbooks
from policy.alerts import BY_NAME
from policy.model import Policy

# HTML in a text stays text: names of fleets and masters stand in it.
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


def runbook(policy: Policy, name: str) -> str:
    """One runbook as an HTML page. KeyError for a name that is not in `policy.alerts.BY_NAME`."""
    body = _MARKDOWN.render(runbooks.page(policy, name))
    # A wide table slides in a frame of its own: the page must not.
    body = body.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>")
    back = '<nav><a href="../runbooks">All runbooks</a></nav>'
    return _page(f"{name} · runbook", f"{back}\n<main>\n{body}</main>")


def index(policy: Policy) -> str:
    """All of them, as links."""
    items = "".join(
        f'<tr><td><a href="runbooks/{name}">{name}</a></td><td>{spec.severity}</td></tr>\n'
        for name, spec in BY_NAME.items()
    )
    table = f"<table><thead><tr><th>alert</th><th>severity</th></tr></thead>\n<tbody>\n{items}</tbody></table>"
    return _page(
        "Runbooks", f"<main>\n<h1>Runbooks</h1>\n<p>Fleet: {html.escape(policy.fleet.name)}</p>\n{table}\n</main>"
    )


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{_style()}</style>\n{body}\n</html>\n"
    )


@lru_cache(maxsize=1)
def _style() -> str:
    return resources.files("alerts.notifier").joinpath("runbook.css").read_text(encoding="utf-8")
