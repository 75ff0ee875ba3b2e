"""The table of `cachewatch check --stack`, and what it is for programs."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from alerts.running.model import Part, few
from cli import check_stack
from cli.main import cachewatch

BAD = "\x1b[31m\n\u202e[red]"
LONG = "--rules.alert.for-grace-period is 10m: start it with --rules.alert.for-grace-period=15s"
PARTS = (
    Part("exporter", "http://a-rather-long-name-of-a-machine.invalid:9121"),
    Part("prometheus", "http://10.0.0.1:9090", problems=(LONG, "does not tell Alertmanager 10.0.0.2:9093")),
    Part("notifier", "http://10.0.0.1:9122", error="cannot connect: Connection refused"),
)


def shown(width: int, *parts: Part) -> str:
    out = io.StringIO()
    check_stack.show(Console(file=out, width=width), parts)
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_each_problem_is_whole_and_no_address_is_folded(width: int) -> None:
    text = shown(width, *PARTS)
    words = set(text.replace("│", " ").split())
    for part in PARTS:
        assert {part.part, part.address, *part.error.split(), *" ".join(part.problems).split()} <= words
    assert text.count("- ") == 2
    assert text.count("nothing") == 1


def test_in_a_narrow_terminal_each_problem_begins_a_line() -> None:
    lines = [line.strip() for line in shown(60, *PARTS).splitlines()]
    assert "- does not tell Alertmanager 10.0.0.2:9093" in lines
    assert "what differs:" in lines


@pytest.mark.parametrize("width", [60, 400])
def test_nothing_that_a_server_said_drives_the_terminal(width: int) -> None:
    text = shown(width, Part("exporter", "http://a:1", error=f"x{BAD}"), Part("prometheus", "b", problems=(f"y{BAD}",)))
    assert [line for line in text.splitlines() if not line.isprintable()] == []
    for word in "xy":
        assert f"{word}\\x1b[31m\\n\\u202e[red]" in text


def test_without_parts_there_is_no_table() -> None:
    assert shown(80) == ""


@pytest.mark.parametrize(
    ("parts", "status"),
    [(PARTS, 1), (PARTS[:1], 0), (PARTS[1:2], 1), (PARTS[2:], 1)],
    ids=["all", "well", "differs", "gone"],
)
def test_the_status_and_the_list_for_programs(
    parts: tuple[Part, ...], status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def survey(*_: object) -> list[Part]:
        return list(parts)

    monkeypatch.setattr("alerts.running.survey.survey", survey)
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(cachewatch, ["check", "--stack", "--json"])
    assert said.exit_code == status
    told: list[dict[str, Any]] = json.loads(said.stdout)["stack"]
    assert [(one["part"], one["address"], one["error"], tuple(one["problems"])) for one in told] == [
        (part.part, part.address, part.error, part.problems) for part in parts
    ]
    assert CliRunner().invoke(cachewatch, ["check", "--stack"]).exit_code == status


def test_who_does_not_ask_for_the_stack_asks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.running.survey.survey", None)
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(cachewatch, ["check", "--json"])
    assert (said.exit_code, json.loads(said.stdout)["stack"]) == (0, [])


def test_of_many_names_the_first_are_told() -> None:
    assert few(["a", "b", "a", "c", "d", "e"]) == "a, b, c and 2 more"
    assert few(["a", "b", "c"]) == "a, b, c"
    assert few(["a"]) == "a"
