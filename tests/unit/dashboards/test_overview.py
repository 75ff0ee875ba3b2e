"""The fleet overview keeps what Grafana's own linter asks for, and Grafana loses nothing of it."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import promql_parser
import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from alerts.alertmanager import GROUP_BY
from dashboards.build import files
from policy.model import Policy
from tests.unit.dashboards.board import Json, board, expressions, filled, panel, panels, policy_from

TWO_OBJECTIVES = policy_from(
    """
slos:
  - {name: availability, objective: 99.9, window: 1h30m, burn: []}
  - {name: hit_rate, objective: 75, window: 7d}
  - {name: availability, objective: 99.99, window: 30d}
"""
)
NO_OBJECTIVE = policy_from("slos: []")
NOBODY_IS_ASKED = {"NOT WATCHED", "no data", "no reads seen"}


@pytest.fixture(params=[Policy(), TWO_OBJECTIVES, NO_OBJECTIVE], ids=["default", "three objectives", "none"])
def data(request: pytest.FixtureRequest) -> Json:
    return board(request.param)


def lost(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """Paths of what stands in ours and not, or otherwise, in theirs."""
    if isinstance(ours, dict):
        if not isinstance(theirs, dict):
            return [path]
        return [p for key, value in ours.items() for p in lost(value, theirs.get(key, "absent"), f"{path}/{key}")]
    if isinstance(ours, list):
        if not isinstance(theirs, list) or len(ours) != len(theirs):
            return [path]
        return [p for i, (a, b) in enumerate(zip(ours, theirs, strict=True)) for p in lost(a, b, f"{path}/{i}")]
    return [] if ours == theirs else [path]


def through_grafana(data: Json) -> Any:
    """What Grafana 11.6's own model keeps of a dashboard."""
    plugins.register_default_plugins()
    return json.loads(json.dumps(Dashboard.from_json(data), cls=JSONEncoder))


def test_grafana_knows_every_key_of_the_dashboard(data: Json) -> None:
    assert lost(data, through_grafana(data)) == []


def test_a_key_that_grafana_does_not_know_would_be_noticed(data: Json) -> None:
    data["panels"][0]["options"]["colourMode"] = "background"
    data["panels"][0]["targets"][0]["intervalFactor2"] = 2
    data["hideControls"] = True
    assert sorted(lost(data, through_grafana(data))) == [
        "/hideControls",
        "/panels/0/options/colourMode",
        "/panels/0/targets/0/intervalFactor2",
    ]


def test_the_same_policy_gives_the_same_bytes() -> None:
    assert files(Policy()) == files(Policy())


def test_links_of_alerts_find_the_dashboard_by_uid_and_variables(data: Json) -> None:
    assert data["uid"] == "cachewatch-fleet"
    assert [v["name"] for v in data["templating"]["list"]] == ["datasource", "fleet", "shard", "instance"]


def test_nobody_edits_the_generated_dashboard_by_hand(data: Json) -> None:
    assert data["editable"] is False
    assert data["schemaVersion"] == 39


def test_panels_are_of_types_that_grafana_11_and_12_have(data: Json) -> None:
    assert {p["type"] for p in data["panels"]} == {"stat", "bargauge", "timeseries", "state-timeline", "row"}


def test_every_panel_has_title_description_and_unit(data: Json) -> None:
    for shown in panels(data):
        assert shown["title"], shown
        assert shown["description"].endswith((".", ".)")), shown["title"]
        assert shown["fieldConfig"]["defaults"]["unit"], shown["title"]


def test_titles_and_ids_are_unique(data: Json) -> None:
    for key in ("title", "id"):
        values = [p[key] for p in data["panels"]]
        assert len(set(values)) == len(values)


def test_every_query_asks_the_chosen_data_source(data: Json) -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    for shown in panels(data):
        assert all(place["datasource"] == chosen for place in (shown, *shown["targets"])), shown["title"]


def test_variables_follow_the_fleet_and_all_means_all(data: Json) -> None:
    _, *queries = data["templating"]["list"]
    assert all(v["refresh"] == 2 and v["includeAll"] and v["multi"] for v in queries)
    assert {v["name"]: v["allValue"] for v in queries} == {"fleet": ".+", "shard": ".*", "instance": ".+"}


def test_every_expression_is_promql(data: Json) -> None:
    for _, expr in expressions(data):
        assert promql_parser.parse(filled(data, expr, "1m"))


def test_rates_adapt_to_the_zoom_or_use_a_window_of_the_policy() -> None:
    windows = {re.sub(r".*\[(.*)\]", r"\1", w) for _, e in expressions(board(TWO_OBJECTIVES)) for w in _ranges(e)}
    assert windows == {"$__rate_interval", "1m"}


def _ranges(expr: str) -> list[str]:
    return re.findall(r"\[[^\]]+\]", expr)


def test_counters_are_only_shown_as_rates(data: Json) -> None:
    for title, expr in expressions(data):
        for found in re.finditer(r"\w+_(?:total|bucket)\b", expr):
            assert expr[: found.start()].endswith(("rate(", "increase(")), f"{title}: {found[0]}"


def test_big_numbers_are_of_now_and_not_the_last_of_a_dead_source(data: Json) -> None:
    for shown in panels(data):
        if shown["type"] in ("stat", "bargauge"):
            assert all(t["instant"] and not t["range"] for t in shown["targets"]), shown["title"]
            assert shown["fieldConfig"]["defaults"]["noValue"] in NOBODY_IS_ASKED


def test_what_matters_most_stands_at_the_top_left(data: Json) -> None:
    ranked = sorted(panels(data), key=lambda p: (p["gridPos"]["y"], p["gridPos"]["x"]))
    assert [p["title"] for p in ranked][:6] == [
        "Nodes down",
        "Nodes up",
        "Hit rate",
        "Latency p50, slowest node",
        "Latency p95, slowest node",
        "Latency p99, slowest node",
    ]


def test_panels_do_not_overlap_and_stay_on_the_page(data: Json) -> None:
    cells: set[tuple[int, int]] = set()
    for place in (p["gridPos"] for p in data["panels"]):
        taken = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        cells |= taken


def test_headings_come_in_order_below_the_first_screen(data: Json) -> None:
    rows = [p["gridPos"]["y"] for p in data["panels"] if p["type"] == "row"]
    assert len(rows) == 7
    assert all(above < below for above, below in pairwise(rows))
    assert rows[0] >= 12


def test_each_objective_of_the_policy_has_its_panel_and_its_budget() -> None:
    data = board(TWO_OBJECTIVES)
    for promise in ("Availability 99.9% over 1h30m", "Hit rate 75% over 7d", "Availability 99.99% over 30d"):
        assert panel(data, promise)
        assert panel(data, f"Budget left: {promise}")


@pytest.mark.parametrize(
    ("promise", "decimals"),
    [("Availability 99.9% over 1h30m", 3), ("Hit rate 75% over 7d", 2), ("Availability 99.99% over 30d", 4)],
)
def test_what_is_just_below_an_objective_is_not_shown_as_kept(promise: str, decimals: int) -> None:
    """By itself Grafana rounds 99.98 % to 100.0%, on red."""
    assert panel(board(TWO_OBJECTIVES), promise)["fieldConfig"]["defaults"]["decimals"] == decimals


def test_alerts_of_two_shards_or_objectives_are_bands_of_their_own() -> None:
    (target,) = panel(board(Policy()), "Alerts")["targets"]
    assert target["expr"].count(f"max by ({', '.join(GROUP_BY)})") == 3
    assert target["legendFormat"] == " ".join(f"{{{{{label}}}}}" for label in GROUP_BY)


def test_no_text_of_the_user_gets_into_a_query() -> None:
    hostile = policy_from("""{fleet: {name: "x\\"} or vector(1) or y{a=\\"$fleet {{ query }}"}}""")
    assert expressions(board(hostile)) == expressions(board(Policy()))


def test_objectives_are_asked_of_the_recorded_series_alone() -> None:
    """Thirty days of a counter scraped every two seconds would take Prometheus seconds for each look."""
    asked = {e for _, e in expressions(board(TWO_OBJECTIVES)) if "slo:" in e}
    left = "slo:period_error_budget_remaining:ratio"
    assert asked == {
        *(
            f'1 - slo:sli_error:ratio_rate{window}{{fleet=~"$fleet", slo="{identity}"}}'
            for window, identity in (("1h30m", "availability"), ("7d", "hit_rate"), ("30d", "availability-30d"))
        ),
        *(
            f'{left}{{fleet=~"$fleet", slo="{identity}"}}'
            for identity in ("availability", "hit_rate", "availability-30d")
        ),
    }
