"""`cachewatch demo`: what it refuses before it starts anything."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest

from sandbox.faults import NAMES, Faults
from sandbox.fleet import SentinelFleet
from tests.unit.cli.command import cachewatch


@pytest.mark.parametrize("seconds", ["inf", "nan", "1e999"])
def test_a_time_that_never_passes_is_refused(tmp_path: Path, seconds: str) -> None:
    (tmp_path / "file").touch()  # on which the demo would end, if it took the time
    ended = cachewatch(tmp_path, "demo", "--for", seconds, "--dir", "file/below")
    assert ended.status == 2
    assert f"Invalid value for '--for': '{seconds}' is not a number of seconds" in ended.err


@pytest.mark.parametrize("command", [("demo",), ("demo", "break", "node-down"), ("demo", "heal")], ids=" ".join)
@pytest.mark.parametrize(("directory", "told"), [("", "is empty; name a folder"), ("file", "'file' is a file")])
def test_a_directory_that_is_none_is_refused(
    tmp_path: Path, command: tuple[str, ...], directory: str, told: str
) -> None:
    (tmp_path / "file").write_text("mine")
    ended = cachewatch(tmp_path, *command, "--dir", directory, environ={"PATH": ""})
    assert ended.status == 2
    assert "Invalid value for '--dir'" in ended.err
    assert told in ended.err


@pytest.mark.parametrize("command", [("demo",), ("demo", "break", "node-down"), ("demo", "heal")], ids=" ".join)
def test_a_policy_file_is_refused_for_the_demo_has_one_of_its_own(tmp_path: Path, command: tuple[str, ...]) -> None:
    ended = cachewatch(tmp_path, "-c", "prod.yaml", *command, environ={"PATH": ""})
    assert ended.status == 2
    assert ended.err.endswith("Error: the demo has a policy of its own: leave out -c prod.yaml\n")
    assert list(tmp_path.iterdir()) == []


def test_break_without_a_name_lists_the_faults(tmp_path: Path) -> None:
    ended = cachewatch(tmp_path, "demo", "break")
    assert ended.status == 2
    assert f"Missing argument 'NAME'; there are {', '.join(NAMES)}" in ended.err


def test_the_faults_that_are_listed_are_those_of_a_demo(tmp_path: Path) -> None:
    fleet, nothing = SentinelFleet(tmp_path, shards=2), Mock()
    assert Faults(fleet, nothing, tmp_path, watchers=nothing).names == NAMES


def test_a_full_disk_is_told_of_the_directory_and_not_of_standard_output(tmp_path: Path) -> None:
    ended = cachewatch(tmp_path, "demo", "--dir", "d", before=("prlimit", "--fsize=0"))
    assert (ended.status, ended.err) == (2, "d cannot be used: File too large. Choose another with --dir.\n")
    assert list(tmp_path.iterdir()) == []
