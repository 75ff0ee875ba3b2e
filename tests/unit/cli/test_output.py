"""Standard output that cannot be written: no traceback, and not the status of a fleet that is not fine."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.main import cachewatch, main
from tests.unit.cli.command import CHECKOUT

COMMANDS = (
    ("check",),
    ("check", "--json"),
    ("alerts", "catalogue"),
    ("alerts", "catalogue", "--json"),
    ("build", "-o", "out"),
    ("--help",),
)


def run(cwd: Path, command: tuple[str, ...], out: int) -> tuple[int, str]:
    argv = [sys.executable, "-m", "cli", *command]
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(
        argv, cwd=cwd, env=env, stdout=out, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_full_disk_behind_it_is_status_2_and_a_line(command: tuple[str, ...], tmp_path: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        status, told = run(tmp_path, command, full)
    finally:
        os.close(full)
    assert status == 2
    assert "cannot write to standard output: No space left on device" in told
    assert "Traceback" not in told
    assert "Exception ignored" not in told


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_nobody_who_reads_it_is_what_a_shell_expects(command: tuple[str, ...], tmp_path: Path) -> None:
    theirs, ours = os.pipe()
    os.close(theirs)
    try:
        status, told = run(tmp_path, command, ours)
    finally:
        os.close(ours)
    assert status == 141
    assert "Traceback" not in told
    assert "Exception ignored" not in told
    if command[0] == "build":
        assert "no alert reaches anybody" in told, "the warning comes before the list"
        assert (tmp_path / "out" / "prometheus.yml").is_file()


def test_a_full_disk_behind_another_file_is_not_blamed_on_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(**_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(cachewatch, "main", full)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == "[Errno 28] No space left on device\n"
