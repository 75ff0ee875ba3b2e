"""`cachewatch demo` starts and ends as a user expects: nothing is left, however and whenever it ends."""

import os
import pty
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest

from sandbox import ports
from sandbox.process import wait_until
from tests.integration.sandbox_demo import (
    START_TIMEOUT,
    call,
    command,
    demo,
    environment,
    listening,
    output,
    running,
    said,
)


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("starting Redis", signal.SIGTERM),
        ("starting traffic", signal.SIGINT),
        ("starting the policy", signal.SIGTERM),
        ("starting exporter", signal.SIGINT),
        ("starting Prometheus", signal.SIGHUP),
    ],
)
def test_a_signal_at_any_moment_of_the_start_leaves_no_process_port_or_file(
    tmp_path: Path, moment: str, number: int
) -> None:
    directory = tmp_path / "demo"
    with demo(directory) as process:
        said(directory, moment)
        used = listening(directory)
        process.send_signal(number)
        assert process.wait(30) == 0
    assert running(directory) == []
    assert [port for port in used if not ports.is_free(port)] == []
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]
    assert "Traceback" not in output(directory)


@pytest.mark.parametrize("moment", ["starting Redis", "starting Prometheus"])
def test_a_killed_demo_takes_its_processes_along_and_the_next_one_clears_what_it_left(
    tmp_path: Path, moment: str
) -> None:
    directory = tmp_path / "demo"
    with demo(directory) as process:
        said(directory, moment)
        used = listening(directory)
        process.kill()
        process.wait()
    wait_until(lambda: running(directory) == [], 60, "the children of a killed demo to die")
    # Of a killed program with threads the first may be gone while the last still closes the sockets.
    wait_until(lambda: [port for port in used if not ports.is_free(port)] == [], 60, "their ports to be free")
    assert (directory / "demo.lock").exists()
    with demo(directory) as following:
        said(directory, "starting traffic")
        following.send_signal(signal.SIGINT)
        assert following.wait(30) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


def test_a_missing_program_is_told_with_status_2_and_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "bin"
    path.mkdir()
    done = subprocess.run(
        command("--dir", tmp_path / "demo"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**environment(tmp_path / "demo"), "PATH": str(path)},
    )
    assert done.returncode == 2
    assert "redis-server is not on the PATH" in done.stderr
    assert "make" in done.stderr
    assert not (tmp_path / "demo").exists()


def test_a_part_that_cannot_start_is_told_with_the_end_of_its_log_and_status_2_and_nothing_is_left(
    tmp_path: Path,
) -> None:
    program, directory = tmp_path / "bin" / "prometheus-alertmanager", tmp_path / "demo"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho no space left on device; exit 1\n")
    program.chmod(0o755)
    done = subprocess.run(
        command("--dir", directory),
        capture_output=True,
        text=True,
        check=False,
        timeout=START_TIMEOUT,
        env={**environment(directory), "PATH": f"{program.parent}:{os.environ['PATH']}"},
    )
    assert done.returncode == 2
    assert "alertmanager ended at its start" in done.stderr
    assert "no space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert running(directory) == []
    assert not directory.exists()


def test_break_and_heal_without_a_demo_name_the_cure_with_status_2(tmp_path: Path) -> None:
    for arguments in (("break", "node-down"), ("heal",)):
        done = call(*arguments, "--dir", tmp_path)
        assert done.returncode == 2
        assert "start one with `cachewatch demo" in done.stderr


@pytest.mark.parametrize("arguments", [(), ("break",), ("heal",)])
def test_every_help_has_an_example(arguments: tuple[str, ...]) -> None:
    done = call(*arguments, "--help")
    assert done.returncode == 0
    assert "Example: cachewatch demo" in done.stdout


def test_on_a_terminal_a_table_is_shown_and_for_ends_it(tmp_path: Path) -> None:
    directory = tmp_path / "demo"
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command("--dir", directory, "--for", "3"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**environment(directory), "TERM": "xterm", "COLUMNS": "140", "LINES": "50"},
    )
    os.close(theirs)
    with process:
        shown = _read(ours, START_TIMEOUT)
        assert process.wait(30) == 0
    os.close(ours)
    assert "hit rate" in shown
    assert "┃" in shown
    assert "nothing is left" in shown
    assert running(directory) == []
    assert not directory.exists()


def _read(terminal: int, seconds: float) -> str:
    """Everything that is written to a terminal until its other side is closed."""
    chunks, deadline = [], time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            chunks.append(os.read(terminal, 65536))
        except OSError:  # Linux' way to say that nobody has the other side open any more
            break
    return b"".join(chunks).decode(errors="replace")
