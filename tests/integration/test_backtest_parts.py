"""What a history has for a part of its time only is said, with since when; nodes that are young are no fault of a bucket."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from alerts.backtest.times import shown
from policy.model import Policy
from sandbox.ports import free_port
from sandbox.prometheus import start_prometheus
from tests.integration.backtest_history import blocks, scene, told_when
from tests.integration.test_backtest import POLICY, SECONDS, Stage, firings, notes_of

CHANGED = ("--set", "thresholds.latency_p95.critical.above=3ms")
BOUND = "the history has the bucket of 0.003 s "
NAMED = ("CacheVeryHighLatency", "CacheVeryHighLatencyP50", "CacheVeryHighLatencyP99", "CacheVeryLowAvailability")


@contextmanager
def history(folder: Path, told: Callable[[str, Mapping[str, str], int], bool], **policy: Any) -> Iterator[Stage]:
    """A Prometheus on an hour in which the exporter had the bounds of `CHANGED`, each series only when it was told."""
    data = {**POLICY, **policy}
    thresholds = {**POLICY["thresholds"], "latency_p95": {"critical": {"above": "3ms"}}}
    start = (int(time.time()) - 2 * SECONDS) // 300 * 300
    made = told_when(scene(Policy.model_validate({**data, "thresholds": thresholds}), SECONDS), told)
    blocks(made, start, folder)
    (folder / "prometheus.yml").write_text("{}")
    (folder / "cachewatch.yaml").write_text(yaml.safe_dump(data))
    with start_prometheus(folder / "prometheus.yml", folder, free_port()) as server:
        yield Stage(folder, start, made, server)


def later(bound: str, since: Mapping[str, int]) -> Callable[[str, Mapping[str, str], int], bool]:
    """A bucket that began at some second, by the last digits of its node."""
    return lambda name, labels, at: labels.get("le") != bound or at >= since[labels["instance"][-1]]


def about(told: dict[str, Any], policy: str, words: str) -> dict[str, list[str]]:
    """The alerts of which that is said."""
    found = {name: [note for note in notes if words in note] for name, notes in notes_of(told, policy).items()}
    return {name: notes for name, notes in found.items() if notes}


def test_a_bound_that_the_policy_got_later_is_told_of_its_alerts_with_since_when_it_was_there(tmp_path: Path) -> None:
    """It began at 1300 s on one node, in the middle of its slow time, and at 2050 s on the other."""
    with history(tmp_path, later("0.003", {"1": 1300, "2": 2050})) as stage:
        since = shown((stage.start + 2050) * 1000)
        told = stage.told(*CHANGED)
        said = about(told, "candidate", BOUND)
        assert about(told, "current", BOUND) == {}
        assert tuple(said) == NAMED
        (note,) = said["CacheVeryHighLatency"]
        assert note == (
            f"{BOUND}only 43% of the time that it has the nodes, from {since} on: without it no alert fires by it or is held "
            f"back by it; ask with --from {since}"
        )
        shown_all = stage.backtest(*CHANGED).out
        text = " ".join(shown_all.split())
        assert f"* candidate: {', '.join(NAMED)}: {BOUND}only 43% of" in text
        row = next(line for line in shown_all.splitlines() if " CacheVeryHighLatency " in line)
        assert [cell.strip()[-1:] for cell in row.split("│")[3:9:3]] == ["0", "*"]
        followed = stage.told(*CHANGED, start=2050)
        assert about(followed, "candidate", BOUND) == {}
        assert [one[0]["alertname"] for one in firings(followed, "candidate") if one[0]["alertname"] in NAMED] != []


def test_a_bound_that_the_policy_has_no_more_is_told_with_until_when(tmp_path: Path) -> None:
    with history(tmp_path, lambda _, labels, at: labels.get("le") != "0.003" or at < 1200) as stage:
        (said,) = about(stage.told(*CHANGED), "candidate", BOUND)["CacheVeryHighLatency"]
        # This history has no marks of staleness: Prometheus looks back for five minutes.
        assert f" until {shown((stage.start + 1495) * 1000)}" in said
        ended = stage.backtest(*CHANGED, start=1600)
        assert ended.status == 2, "in that part there is none, though the block has it"
        assert "has no bucket of 0.003 s, which CacheVeryHighLatency" in ended.err


def test_a_fleet_that_is_young_is_said_once_and_does_not_blame_the_buckets(tmp_path: Path) -> None:
    with history(tmp_path, lambda name, _, at: name == "up" or at >= 1800) as stage:
        told = stage.told(*CHANGED)
    (said,) = told["notes"]
    assert said.startswith("the history has cache_node_up{")
    assert f"only 50% of the time that Prometheus ran, from {shown((stage.start + 1800) * 1000)} on" in said
    assert about(told, "candidate", " only ") == {}


def test_an_objectives_bound_is_told_as_well_and_how_far_back_it_is_read(tmp_path: Path) -> None:
    slos = [{"name": "latency", "objective": 99, "within": "2ms"}]
    with history(tmp_path, later("0.002", {"1": 2400, "2": 2400}), slos=slos) as stage:
        said = about(stage.told(), "current", "the history has the bucket of 0.002 s only ")
    for name, window in (("CacheErrorBudgetBurnFast", "6h"), ("CacheErrorBudgetBurnSlow", "3d")):
        assert said[name][0].endswith(f"; its windows of {window} are whole at no time")
    assert said["CacheHighLatency"][0].endswith(f"; ask with --from {shown((stage.start + 2400) * 1000)}")


def test_a_family_that_was_collected_later_is_told_of_its_alert(tmp_path: Path) -> None:
    with history(tmp_path, lambda name, _, at: name != "cache_memory_limit_bytes" or at >= 1800) as stage:
        said = about(stage.told(), "current", "cache_memory_limit_bytes")
    since = shown((stage.start + 1800) * 1000)
    (note,) = said["CacheMemoryHigh"]
    assert note == (
        f'the history has cache_memory_limit_bytes{{fleet="shop \\"eu\\""}} only 50% of the time that it has the nodes, '
        f"from {since} on: the rest is judged without it; ask with --from {since}"
    )
    assert set(said) == {"CacheMemoryHigh", "CacheMemoryVeryHigh"}
