"""Ctrl-C ends a command as a shell's own: 130, which is no answer of `check`, and no traceback."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cli import asking
from sandbox.ports import LOOPBACK
from tests.unit.cli.command import CHECKOUT, TIMEOUT_SECONDS, cachewatch


def test_a_check_that_waits_for_a_node(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as silent:
        silent.settimeout(TIMEOUT_SECONDS)
        (tmp_path / "cachewatch.yaml").write_text(
            f"fleet: {{nodes: ['redis://{LOOPBACK}:{silent.getsockname()[1]}']}}\n"
        )
        argv = [sys.executable, "-m", "cli", "check", "--connect"]
        env = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
        with subprocess.Popen(argv, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True) as process:
            connection, _ = silent.accept()
            with connection:
                process.send_signal(signal.SIGINT)
                _, told = process.communicate(timeout=TIMEOUT_SECONDS)
    assert (process.returncode, told.strip()) == (130, "Aborted!")


@pytest.mark.parametrize("module", ["click", "pydantic"])
def test_a_command_that_still_loads(tmp_path: Path, module: str) -> None:
    (tmp_path / "stubs").mkdir()
    (tmp_path / "stubs" / f"{module}.py").write_text("raise KeyboardInterrupt\n")
    ended = cachewatch(tmp_path, "check", environ={"PYTHONPATH": f"{tmp_path / 'stubs'}:{CHECKOUT}"})
    assert (ended.status, ended.out, ended.err) == (130, "", "")


@pytest.mark.parametrize(("error", "told"), [(asyncio.InvalidStateError("late"), False), (ValueError("new"), True)])
def test_a_connection_that_comes_about_at_ctrl_c_is_no_news_and_all_else_is(
    error: Exception, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.new_event_loop()
    asking.but_late_connections(loop, {"message": "Exception in callback", "exception": error})
    loop.close()
    assert ("Exception in callback" in caplog.text) == told
