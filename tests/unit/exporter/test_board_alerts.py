"""The verdict beside what Alertmanager tells: never "all is well" while somebody is paged."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.board.heard import Heard
from exporter.board.rows import CRITICAL, OK, WARNING, Yardstick
from exporter.board.view import Answers
from exporter.families.facts import Collection
from exporter.state import State
from tests.unit.exporter.helpers import check, info_of
from tests.unit.exporter.test_board_verdict import WALL, at, document, down, fleet


def fires(name: str, severity: str = "critical", status: str = "active", **more: Any) -> dict[str, Any]:
    """An alert as heard.alerts gives it."""
    told = {"name": name, "severity": severity, "status": status, "shard": "a", "instance": at(1)}
    return {**told, "summary": f"{name} in words", "since_unix_seconds": WALL + 70, **more}


def verdict(state: State, *alerts: dict[str, Any], error: str = "") -> dict[str, Any]:
    found: dict[str, Any] = document(state, answers=Answers(Heard(99.0, error), alerts))["verdict"]
    return found


@pytest.mark.parametrize(("severity", "state"), [("critical", CRITICAL), ("warning", WARNING)])
def test_an_alert_that_the_board_cannot_see_itself_is_the_verdict(severity: str, state: str) -> None:
    found = verdict(fleet("a"), fires("CacheWritesRefused", severity))
    assert (found["state"], found["text"]) == (state, "CacheWritesRefused in words")
    assert found["since_unix_seconds"] == WALL + 70
    assert found["runbook_url"].endswith("/runbooks/CacheWritesRefused")


@pytest.mark.parametrize("status", ["silenced", "inhibited"])
def test_an_alert_that_nobody_is_told_of_changes_nothing(status: str) -> None:
    assert verdict(fleet("a"), fires("CacheWritesRefused", status=status))["state"] == OK


def test_what_the_board_says_itself_is_not_said_twice() -> None:
    state = fleet("a", "b")
    down(state, 1)
    found = verdict(state, fires("CacheNodeDown"), fires("CacheEvictions", "warning"))
    assert found["text"].startswith("a has no primary")
    told = [other["text"] for other in found["others"] if "in words" in other["text"]]
    assert told == ["CacheEvictions in words"]


def test_a_page_about_the_availability_of_one_node_is_worse_than_what_the_board_says_of_the_fleets() -> None:
    state = fleet("a")
    for _ in range(5):
        check(state, at(1), ["timeout"], 100.0)
        check(state, at(1), ["success"] * 2, 100.0)
    assert verdict(state)["state"] == WARNING
    found = verdict(state, fires("CacheVeryLowAvailability"))
    assert (found["state"], found["text"]) == (CRITICAL, "CacheVeryLowAvailability in words")


def test_the_page_of_a_node_that_is_up_again_is_no_dead_node() -> None:
    found = verdict(fleet("a"), fires("CacheNodeDown"))
    assert (found["state"], found["text"]) == (WARNING, f"Node {at(1)} of a is up again")
    assert found["detail"] == "Its page ends when it has been up for 1m."
    gone = verdict(fleet("a"), fires("CacheNodeDown", instance="10.9.9.9:1"))
    assert (gone["state"], gone["text"]) == (CRITICAL, "CacheNodeDown in words"), (
        "of a node that the board does not know"
    )


def test_a_page_that_names_the_fault_stands_above_the_promise_that_it_breaks() -> None:
    state = fleet("a")
    for _ in range(60):
        check(state, at(1), ["timeout"], 100.0)
        check(state, at(1), ["success"] * 2, 100.0)
    names = ("CacheEvictions", "CacheVeryHighLatency", "CacheWritesRefused", "CacheFailoverOverdue")
    found = verdict(state, *(fires(name, "warning" if name == "CacheEvictions" else "critical") for name in names))
    told = [found["text"], *(other["text"] for other in found["others"])]
    mine = [text.removesuffix(" in words") for text in told if text.endswith(" in words")]
    assert mine == ["CacheFailoverOverdue", "CacheWritesRefused", "CacheVeryHighLatency", "CacheEvictions"]
    assert told.index("CacheWritesRefused in words") < min(
        i for i, text in enumerate(told) if text.startswith("Availability")
    )


def test_an_alert_of_others_has_no_runbook_of_ours_and_its_name_where_it_has_no_words() -> None:
    state = fleet("a")
    found = verdict(state, fires("DiskFull", summary=""))
    assert (found["text"], found["runbook_url"]) == ("DiskFull", None)
    state.parts = {"policy": Collection(0.0, "line 1: no")}
    found = verdict(state, fires("DiskFull", "warning"))
    assert found["text"] == "DiskFull in words", "beside another problem that has no alert"


def test_an_alertmanager_that_does_not_answer_is_no_all_clear() -> None:
    found = verdict(fleet("a"), error="no answer in 2 s")
    assert (found["state"], found["text"].startswith("Alertmanager does not answer")) == (WARNING, True)


def test_a_lost_link_has_a_runbook() -> None:
    state = fleet("a")
    fields = info_of(0, 0, role="slave", master_link_status="down", used_memory="1", maxmemory="9")
    state.collected(at(2), fields, 0.001, 100.0)
    assert verdict(state)["runbook_url"].endswith("/runbooks/CacheReplicaLinkDown")


@pytest.mark.parametrize(("keys", "state"), [("allkeys-lru", WARNING), ("noeviction", CRITICAL)])
def test_a_full_node_is_as_bad_as_its_alert_says(keys: str, state: str) -> None:
    full = fleet("a")
    fields = info_of(0, 0, role="master", used_memory="99", maxmemory="100", maxmemory_policy=keys)
    full.collected(at(1), fields, 0.001, 100.0)
    assert document(full)["promises"]["memory"]["state"] == state
    untold = Yardstick(full.policy, full.bounds.told).memory(99, 100, "n", evicts=None)
    assert untold.state == CRITICAL, "of one that does not tell"
