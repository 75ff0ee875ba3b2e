"""The firings of two policies as an SVG: a row per alert, the current policy's lane above the candidate's. Pure.

Which policy and how severe stand in words; colour only repeats it. It follows the reader's light or dark scheme.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape

from alerts.backtest.compare import Firing, Told, names, per_week
from alerts.backtest.history import Window, watched
from alerts.backtest.incidents import Incident
from alerts.backtest.simulate import Run
from alerts.backtest.times import shown

WIDTH, GUTTER, RIGHT = 1100, 300, 24
_TOP, _ROW, _LANE, _BAR = 122, 52, 18, 12
_NAME_LINES, _NAME_LINE, _CHARACTER = 3, 13, 6.2
_UNITS_MS = [
    1000 * s for s in (1, 5, 15, 60, 300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86400, 7 * 86400, 30 * 86400)
]
_STYLE = """
svg { background: #fff; font: 13px system-ui, sans-serif; fill: #1c2024; }
.axis, .faint { fill: #60646c; font-size: 11px; } .title { font-size: 16px; font-weight: 600; }
.grid { stroke: #d9d9e0; } .row { stroke: #e8e8ec; } .incident { fill: #8ec8f6; fill-opacity: .35; }
.incident-name { fill: #0b5ea8; font-size: 11px; } .blind { fill: #b9bbc6; fill-opacity: .45; }
.critical { fill: #ce2c31; } .warning { fill: #d97f06; } .candidate { fill-opacity: .62; stroke-width: 1.5; }
.critical.candidate { stroke: #ce2c31; } .warning.candidate { stroke: #d97f06; }
@media (prefers-color-scheme: dark) { svg { background: #18191b; fill: #edeef0; } .axis, .faint { fill: #b0b4ba; }
.grid { stroke: #43484e; } .row { stroke: #2e3135; } .incident-name { fill: #70b8ff; } }
"""


def svg(
    current: Told,
    candidate: Told | None,
    window: Window,
    incidents: Sequence[Incident] = (),
    blind: Sequence[Run] = (),
) -> str:
    """The picture. Without a candidate there is one lane. Alerts that never fired are named below."""
    lanes = [("current", current)] if candidate is None else [("current", current), ("candidate", candidate)]
    every = names(*(told for _, told in lanes))
    loud = [name for name in every if any(told.of(name) for _, told in lanes)]
    silent = [name for name in every if name not in loud]
    quiet = list(_wrapped(silent))
    bottom = _TOP + max(1, len(loud)) * _ROW
    height = bottom + 24 + 16 * len(quiet)
    parts = [
        *_head(lanes, window, blind, height),
        *_bands(window, incidents, blind, bottom),
        *_axis(window, bottom),
        *(part for index, name in enumerate(loud) for part in _row(name, lanes, window, _TOP + index * _ROW)),
        *([] if loud else [_text(GUTTER + 12, _TOP + 30, "no alert fired", "faint")]),
        *(_text(16, bottom + 22 + 16 * index, line, "faint") for index, line in enumerate(quiet)),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _head(lanes: list[tuple[str, Told]], window: Window, blind: Sequence[Run], height: int) -> Iterator[str]:
    length = watched(window, blind)
    pages = "; ".join(f"{name} {per_week(len(told.pages), length):.1f}" for name, told in lanes)
    title = f"What the alerts would have said, {shown(window.start)} to {shown(window.end)}"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="{_clean(title)}"><style>{_STYLE}</style>'
    )
    yield _text(16, 28, title, "title")
    yield _text(16, 50, f"pages per week: {pages}", "")


def _bands(window: Window, incidents: Sequence[Incident], blind: Sequence[Run], bottom: int) -> Iterator[str]:
    for hole in blind:
        yield _band(window, hole[0], hole[1], bottom, "blind", f"no data, {shown(hole[0])} to {shown(hole[1])}")
    seen = sorted((i for i in incidents if i.end > window.start and i.start < window.end), key=lambda i: i.start)
    for incident in seen:
        yield _band(window, incident.start, incident.end, bottom, "incident", incident.name)
    yield from _names(window, seen)


def _names(window: Window, incidents: Sequence[Incident]) -> Iterator[str]:
    """Each name on the first line where it does not run into another; one without room is told by its band alone."""
    free = [0.0] * _NAME_LINES
    for incident in incidents:
        name = incident.name[:40]
        width = len(name) * _CHARACTER
        x = min(_x(window, max(incident.start, window.start)) + 2, WIDTH - width - 4)
        line = next((line for line in range(_NAME_LINES) if free[line] <= x), None)
        if line is not None:
            free[line] = x + width + _CHARACTER
            yield _text(x, _TOP - 24 - line * _NAME_LINE, name, "incident-name")


def _band(window: Window, start: int, end: int, bottom: int, kind: str, says: str) -> str:
    return _rect(window, start, end, _TOP - 18, bottom - _TOP + 18, kind, says)


def _axis(window: Window, bottom: int) -> Iterator[str]:
    unit = next((u for u in _UNITS_MS if (window.end - window.start) / u <= 8), _UNITS_MS[-1])
    for at in range(-(-window.start // unit) * unit, window.end + 1, unit):
        x = _x(window, at)
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 4}" y2="{bottom}"/>'
        said = shown(at)
        label = said[5:10] if unit >= 86400_000 else said[11:19] if unit < 60_000 else f"{said[5:10]} {said[11:16]}"
        yield _text(x, _TOP - 8, label, "axis", "middle" if x < WIDTH - 40 else "end")


def _row(name: str, lanes: list[tuple[str, Told]], window: Window, y: int) -> Iterator[str]:
    yield f'<line class="row" x1="0" x2="{WIDTH}" y1="{y + _ROW}" y2="{y + _ROW}"/>'
    yield _text(16, y + 20, name, "")
    severities = {dict(firing.labels).get("severity", "") for _, told in lanes for firing in told.of(name)}
    yield _text(16, y + 36, ", ".join(sorted(severities)), "faint")
    for index, (lane, told) in enumerate(lanes):
        top = y + 8 + index * _LANE
        firings = told.of(name)
        yield _text(GUTTER - 8, top + _BAR - 2, f"{lane} {len(firings)}", "faint", "end")
        for firing in firings:
            yield _bar(firing, window, top, lane)


def _bar(firing: Firing, window: Window, top: int, lane: str) -> str:
    labels = dict(firing.labels)
    kind = "critical" if firing.pages else "warning"
    about = ", ".join(f"{key}={value}" for key, value in labels.items() if key not in ("alertname", "action"))
    still = "" if firing.span.ended else " (still firing)"
    says = f"{lane}: {firing.name}, {shown(firing.span.start)} to {shown(firing.span.end)}{still}; {about}"
    return _rect(window, firing.span.start, firing.span.end, top, _BAR, f"{kind} {lane}", says)


def _rect(window: Window, start: int, end: int, y: int, height: int, kind: str, says: str) -> str:
    left, right = _x(window, max(start, window.start)), _x(window, min(end, window.end))
    place = f'x="{left:.1f}" y="{y}" width="{max(2.0, right - left):.1f}" height="{height}"'
    return f'<rect class="{kind}" {place}><title>{_clean(says)}</title></rect>'


def _x(window: Window, at: int) -> float:
    return GUTTER + (WIDTH - GUTTER - RIGHT) * (at - window.start) / (window.end - window.start)


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{_clean(text)}</text>'


def _clean(text: str) -> str:
    """Text as XML takes it: control characters cannot be written in it at all."""
    return escape(re.sub(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text))


def _wrapped(silent: list[str]) -> Iterator[str]:
    line = "never fired: "
    for index, name in enumerate(silent):
        piece = name + (", " if index + 1 < len(silent) else "")
        if len(line) + len(piece) > 150:
            yield line.rstrip()
            line = ""
        line += piece
    if silent:
        yield line
