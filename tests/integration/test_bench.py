"""Every figure of the documentation can be measured: each bench at its smallest, on real servers, leaving nothing behind.

What is measured is not judged here: nothing in these tests depends on how quick the machine is.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench import bad_nodes, exporter_cost, fleet_scale, rules_cost, scrape_cost, server_cost, soak, swing


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=200)


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Every folder of a bench is gone with its servers: each has its configuration there, by which it would be found."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    yield
    assert not list(tmp_path.glob("cachewatch-bench-*"))
    assert not _commands(str(tmp_path))


def _commands(part: str) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(entry.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
    return [command for command in found if part in command]


def _table(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def _values(found: dict[str, Any]) -> dict[str, float]:
    return {key: figure["value"] for key, figure in found["figures"].items()}


def test_a_large_fleet_is_measured_beside_a_tenth_of_it(console: Console) -> None:
    found = fleet_scale.measure(console, 2, 10, window=3.0, interval=2.0)
    values = _values(found)
    assert found["nodes"] == 10
    assert all(math.isfinite(value) and value > 0 for key, value in values.items() if not key.endswith("_waited")), (
        values
    )
    assert values["metrics_size"] > 5 * values["sli_size"]
    assert values["metrics_size"] > 5 * values["metrics_gzip_size"]
    assert values["memory"] > 20
    assert "one exporter, 10 nodes" in _table(console)


def test_bad_nodes_are_told_apart_while_the_ages_of_the_others_are_read(console: Console) -> None:
    found = bad_nodes.measure(console, None, 10, window=12.0, interval=2.0)
    values = _values(found)
    assert (found["nodes"], found["bad"]) == (10, 1)
    assert {kind: values[f"{kind}_missed"] for kind in ("hung", "refused", "garbage")} == dict.fromkeys(
        ("hung", "refused", "garbage"), 0
    )
    assert 0 < values["oldest_median"] <= values["oldest"]
    assert "7 nodes beside 3 bad ones" in _table(console)


def test_the_rules_of_a_fleet_are_timed_by_group(console: Console) -> None:
    short = {"collect": {"interval": "2s"}, "rules": {"interval": "2s", "rate_window": "10s"}}
    found = rules_cost.measure(console, 2, 4, short)
    assert found["nodes"] == 4
    assert found["groups_max_s"]
    assert all(0 < took < 60 for took in found["groups_max_s"].values())
    assert 0 < _values(found)["sum_max"] <= sum(found["groups_max_s"].values())
    assert "cachewatch-node-down" in _table(console)


def test_what_the_exporter_holds_is_read_while_everything_changes(console: Console) -> None:
    found = soak.measure(console, None, 3, seconds=16.0)
    assert {"restarted", "stopped", "asked", "left", "joined_elsewhere"} <= set(found["changes"])
    assert found["pages"] > 20
    values = _values(found)
    assert values["exporter_memory"] > values["prober_memory"] > 10
    assert values["exporter_descriptors"] > values["prober_descriptors"] > 3
    assert 0.5 < values["exporter_growth"] < 2
    assert "3 servers" in _table(console)


@pytest.mark.parametrize(
    ("measure", "keys"),
    [
        (lambda console: exporter_cost.measure(console, 2, 2), {"exporter_plain_ms", "exporter_gzip_ms"}),
        (lambda console: server_cost.measure(console, 1, 2, seconds=3.0, interval=1.0), {"server_ms"}),
        (
            lambda console: scrape_cost.measure(console, 1, 1),
            {"default_plain_ms", "always_plain_ms", "default_gzip_ms", "always_gzip_ms"},
        ),
    ],
    ids=["exporter_cost", "server_cost", "scrape_cost"],
)
def test_a_cost_is_measured_beside_the_peers(
    console: Console, measure: Callable[[Console], dict[str, Any]], keys: set[str]
) -> None:
    found = measure(console)
    for key in keys:
        assert found[key]["ours"] >= 0
        assert found[key]["peer"] > 0
        assert found[key]["kept"] is (found[key]["ratio"] <= found[key]["wanted"])
    assert "redis_exporter" in _table(console)


def test_the_pages_of_nodes_with_a_constant_share_of_late_answers_are_counted(console: Console) -> None:
    found = swing.measure(console, 1)
    assert list(found["pages"]) == [str(share) for share in swing.SHARES]
    assert found["pages"]["2"] == {"at_once": 0, "kept": 0}
    assert found["pages"]["8"]["at_once"] > found["pages"]["8"]["kept"] == 1
    assert _values(found)["pages_at_once"] == sum(each["at_once"] for each in found["pages"].values())
    assert "8 %" in _table(console)
