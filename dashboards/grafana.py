"""The only module that knows grafanalib, and its defects.

grafanalib 0.7.1 writes dashboards as Grafana 6 read them. Here its objects become JSON once, and what Grafana 11 and
12 do not know is taken off: keys of old panel models, None, `maxDataPoints` 100, `intervalFactor` 2. Each function
asks for title, description and unit, so that no panel can do without. Its untyped classes are used, not inherited.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from grafanalib import core

Json = dict[str, Any]

SCHEMA_VERSION = 39  # of Grafana 11.0 on; grafanalib would say 12, and Grafana would migrate the panels it finds
COLUMNS = 24
DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
REFRESH_ON_TIME_RANGE = 2  # a node that came since the page was opened is in the list

_TARGET_KEYS = ("expr", "format", "hide", "instant", "legendFormat", "refId")
_PANEL_KEYS = ("datasource", "description", "fieldConfig", "options", "targets", "title", "type")
_ROW_KEYS = ("collapsed", "panels", "title", "type")
_TEMPLATE_KEYS = tuple("allValue hide includeAll label multi name options query refresh regex sort type".split())
_DASHBOARD_KEYS = tuple(
    "description editable graphTooltip panels refresh schemaVersion tags templating time timezone title uid".split()
)


@dataclass(frozen=True, slots=True)
class Step:
    """From `value` on (None: from the start) the panel has this colour."""

    value: float | None
    color: str


@dataclass(frozen=True, slots=True)
class Meaning:
    """The text and colour that stand for a value of a series."""

    value: int
    text: str
    color: str


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression and how its series are called; `{{label}}` in `legend` is the label's value."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """What every panel says of itself. `unit` is one of Grafana's unit ids: `s`, `bytes`, `percentunit`."""

    title: str
    description: str
    unit: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel without its place: `width` of 24 columns, `height` in units of 30 pixels."""

    json: Json
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Section:
    """Panels below a heading; without a title there is no heading."""

    title: str
    panels: tuple[Panel, ...]


def stat(
    about: About,
    queries: Sequence[Query],
    steps: Sequence[Step],
    width: int,
    *,
    nothing: Meaning | None = None,
    undefined: Meaning | None = None,
    decimals: int | None = None,
) -> Panel:
    """One big coloured number for each series, as it is now, with so many decimals, or as many as Grafana likes.

    The query is an instant one: the last value of a range would stay on the screen, green, after its source died.
    `nothing` is what no series at all means, and NaN, unless `undefined` says what that means; their `value` is not used.
    """
    panel = core.Stat(
        **_common(about, queries, instant=True),
        format=about.unit,
        decimals=decimals,
        thresholds=_steps(steps),
        mappings=_null_mappings(nothing, undefined),
        noValue=nothing.text if nothing else "no data",
        color={"mode": "thresholds"},
        colorMode="background",
        graphMode="none",
        reduceCalc="lastNotNull",
    )
    return Panel(_panel_json(panel), width, 4)


def bar_gauge(about: About, query: Query, steps: Sequence[Step], width: int) -> Panel:
    """A horizontal bar from 0 to 1 for each series, as it is now.

    grafanalib's BarGauge has the layout of Grafana 6; a Stat's queries and reduction are right for this type too.
    """
    options = {"displayMode": "basic", "valueMode": "color", "namePlacement": "left", "showUnfilled": True}
    panel = core.Stat(
        **_common(about, [query], instant=True),
        format=about.unit,
        thresholds=_steps(steps),
        noValue="no data",
        color={"mode": "thresholds"},
        reduceCalc="lastNotNull",
        orientation="horizontal",
        extraJson={"type": "bargauge", "fieldConfig": {"defaults": {"min": 0, "max": 1}}, "options": options},
    )
    data = _panel_json(panel)
    for key in ("textMode", "colorMode", "graphMode", "justifyMode"):
        del data["options"][key]
    return Panel(data, width, 8)


def time_series(
    about: About, queries: Sequence[Query], width: int, *, steps: Sequence[Step] = (), share: bool = False
) -> Panel:
    """Lines over time. `steps` are drawn as threshold lines; `share` fixes the axis to 0..1."""
    panel = core.TimeSeries(
        **_common(about, queries),
        unit=about.unit,
        thresholds=_steps(steps or (Step(None, "green"),)),
        thresholdsStyleMode="dashed" if steps else "off",
        valueMin=0,
        valueMax=1 if share else None,
        fillOpacity=8,
        showPoints="never",
        legendPlacement="bottom",
        tooltipMode="multi",
        tooltipSort="desc",
    )
    return Panel(_panel_json(panel), width, 8)


def state_timeline(about: About, queries: Sequence[Query], meanings: Sequence[Meaning], width: int) -> Panel:
    """One band a series, coloured and named by its value; a gap is a gap."""
    panel = core.StateTimeline(
        **_common(about, queries),
        thresholds=_steps((Step(None, "text"),)),
        mappings=[_value_mapping(meanings)],
        showValue="auto",
        tooltipMode="single",
        legendDisplayMode="hidden",  # the bands carry their text
        extraJson={"fieldConfig": {"defaults": {"unit": about.unit}}},
    )
    return Panel(_panel_json(panel), width, 8)


def datasource_variable(name: str, label: str, default: str, uid: str) -> Json:
    """The variable that chooses the Prometheus; `default` and `uid` are those of the provisioned one."""
    template = core.Template(name=name, label=label, type="datasource", query="prometheus", refresh=1)
    current = {"selected": True, "text": default, "value": uid}
    return {**_keep(template.to_json_data(), _TEMPLATE_KEYS), "current": current}


def label_variable(name: str, label: str, query: str, *, all_value: str) -> Json:
    """A variable with the values of a label, several of them or all."""
    template = core.Template(
        name=name, label=label, query=query, refresh=REFRESH_ON_TIME_RANGE, includeAll=True, multi=True, sort=1
    )
    current = {"selected": True, "text": ["All"], "value": ["$__all"]}
    data = _keep(template.to_json_data(), _TEMPLATE_KEYS)
    return {**data, "allValue": all_value, "datasource": DATASOURCE, "current": current}


def dashboard(uid: str, title: str, description: str, variables: list[Json], sections: Iterable[Section]) -> str:
    """The dashboard as JSON text that Grafana 11 and 12 load."""
    board = core.Dashboard(
        uid=uid,
        title=title,
        description=description,
        tags=["cachewatch", "generated"],
        editable=False,  # the policy is edited, not the picture of it
        graphTooltip=core.GRAPH_TOOLTIP_MODE_SHARED_CROSSHAIR,
        schemaVersion=SCHEMA_VERSION,
        templating=core.Templating(list=variables),
        panels=_placed(sections),
        refresh="30s",
        time=core.Time("now-1h", "now"),
        timezone="browser",
    )
    data = _pruned(_plain(_keep(board.to_json_data(), _DASHBOARD_KEYS)))
    return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _common(about: About, queries: Sequence[Query], *, instant: bool = False) -> Json:
    """What every panel is made with."""
    return {
        "title": about.title,
        "description": about.description,
        "dataSource": DATASOURCE,
        "targets": [_target(query, chr(ord("A") + index), instant) for index, query in enumerate(queries)],
    }


def _target(query: Query, ref: str, instant: bool) -> Json:
    target = core.Target(expr=query.expr, legendFormat=query.legend or "__auto", refId=ref, instant=instant)
    kept = _keep(target.to_json_data(), _TARGET_KEYS)
    return {**kept, "datasource": DATASOURCE, "editorMode": "code", "range": not instant}


def _steps(steps: Sequence[Step]) -> list[Json]:
    """Plain steps: grafanalib's Threshold writes the text "null" for the base."""
    return [{"value": step.value, "color": step.color} for step in steps]


def _value_mapping(meanings: Sequence[Meaning]) -> Json:
    options = {str(m.value): {"text": m.text, "color": m.color, "index": index} for index, m in enumerate(meanings)}
    return {"type": "value", "options": options}


def _null_mappings(nothing: Meaning | None, undefined: Meaning | None) -> list[Json]:
    if nothing is None:
        return []
    if undefined is None:
        return [_null_mapping("null+nan", nothing, 0)]
    return [_null_mapping("null", nothing, 0), _null_mapping("nan", undefined, 1)]


def _null_mapping(match: str, meaning: Meaning, index: int) -> Json:
    result = {"text": meaning.text, "color": meaning.color, "index": index}
    return {"type": "special", "options": {"match": match, "result": result}}


def _panel_json(panel: Any) -> Json:
    return _keep(_plain(panel.to_json_data()), _PANEL_KEYS)


def _placed(sections: Iterable[Section]) -> list[Json]:
    """All panels with id and place: left to right, top to bottom, a new line where 24 columns are full."""
    placed: list[Json] = []
    y = 0
    for section in sections:
        if section.title:
            row = _keep(_plain(core.RowPanel(title=section.title).to_json_data()), _ROW_KEYS)
            placed.append(_at(row, len(placed), 0, y, COLUMNS, 1))
            y += 1
        x = line = 0
        for panel in section.panels:
            if x + panel.width > COLUMNS:
                x, y, line = 0, y + line, 0
            placed.append(_at(panel.json, len(placed), x, y, panel.width, panel.height))
            x, line = x + panel.width, max(line, panel.height)
        y += line
    return placed


def _at(panel: Json, index: int, x: int, y: int, width: int, height: int) -> Json:
    place = core.GridPos(h=height, w=width, x=x, y=y).to_json_data()
    return {**panel, "id": index + 1, "gridPos": place}


def _keep(data: Json, keys: Iterable[str]) -> Json:
    return {key: data[key] for key in keys if key in data}


def _plain(data: Any) -> Any:
    """Objects of grafanalib as plain dicts and lists."""
    return json.loads(json.dumps(data, default=lambda thing: thing.to_json_data()))


def _pruned(data: Any) -> Any:
    """Without None, but for a threshold's first step, whose value is null in Grafana's own files."""
    if isinstance(data, dict):
        return {key: value if key == "steps" else _pruned(value) for key, value in data.items() if value is not None}
    return [_pruned(item) for item in data] if isinstance(data, list) else data
