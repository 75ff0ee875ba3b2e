"""A generated dashboard, read as Grafana would read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dashboards.build import files
from policy.loader import parse
from policy.model import Policy

Json = dict[str, Any]


def policy_from(text: str) -> Policy:
    """The policy of a YAML text."""
    return parse(text, "test.yaml", Path()).policy


def board(policy: Policy) -> Json:
    """The fleet overview as JSON."""
    data: Json = json.loads(files(policy)["dashboards/fleet.json"])
    return data


def panels(data: Json) -> list[Json]:
    """The panels that show something: all but the headings."""
    return [panel for panel in data["panels"] if panel["type"] != "row"]


def panel(data: Json, title: str) -> Json:
    """The panel of that title."""
    (found,) = [panel for panel in panels(data) if panel["title"] == title]
    return found


def expressions(data: Json) -> list[tuple[str, str]]:
    """Every query as (title of its panel, PromQL with Grafana's variables)."""
    return [(panel["title"], target["expr"]) for panel in panels(data) for target in panel["targets"]]


def steps(panel: Json) -> list[tuple[float | None, str]]:
    """The panel's thresholds as (from, colour)."""
    return [(step["value"], step["color"]) for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]


def filled(data: Json, expr: str, interval: str, **chosen: str) -> str:
    """The query with the variables replaced, as Grafana does with "All" chosen; `chosen` names other choices."""
    values = {v["name"]: v["allValue"] for v in data["templating"]["list"] if v["type"] == "query"} | chosen
    expr = expr.replace("$__rate_interval", interval)
    for name, value in values.items():
        expr = expr.replace(f"${name}", value)
    return expr
