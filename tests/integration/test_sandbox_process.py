"""Children live and die with us, whatever happens to them or to us."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from sandbox.process import MARKER, Child, StartFailed, wait_until
from sandbox.signals import Interrupted, deferred, handled, interruptible


def state(pid: int) -> str:
    """The kernel's letter for a process (S, T, Z, ...), empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""


def gone(pid: int) -> bool:
    return state(pid) in ("", "Z")


def test_a_child_ends_with_the_block_that_started_it(tmp_path: Path) -> None:
    with Child("sleeper", ("sleep", "100"), tmp_path) as child:
        assert child.alive
    assert not child.alive
    assert gone(child.pid)


def test_a_paused_child_ends_too(tmp_path: Path) -> None:
    with Child("sleeper", ("sleep", "100"), tmp_path) as child:
        child.pause()
        wait_until(lambda: state(child.pid) == "T", 60, "the child to be stopped")
        child.stop(grace=60)
    assert child.wait(1) == -signal.SIGTERM, "not SIGKILL: it was let run to hear of its end"


def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    child = Child("deaf", ("sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"), tmp_path)
    with child:
        child.wait_ready(lambda: "deaf" in child.log_tail(), 10)
        child.stop(grace=0.2)
        assert gone(child.pid)


def test_a_child_that_fails_at_its_start_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    child = Child("broken", ("sh", "-c", "echo the disk is full; exit 3"), tmp_path)
    child.start()
    with pytest.raises(StartFailed, match=r"broken ended at its start(.|\n)*the disk is full"):
        child.wait_ready(lambda: False, 10)
    assert child.wait(60) == 3


class Never(Child):
    """A child that never gets ready."""

    def start(self) -> None:
        super().start()
        self.wait_ready(lambda: False, 0.1)


def test_of_a_child_that_never_gets_ready_no_process_is_left(tmp_path: Path) -> None:
    child = Never("sleeper", ("sleep", "100"), tmp_path)
    with pytest.raises(StartFailed, match=r"in vain for sleeper to be ready"), child:
        pass
    left = child.alive
    child.kill()
    assert not left


def test_a_running_child_is_not_started_twice(tmp_path: Path) -> None:
    with Child("sleeper", ("sleep", "100"), tmp_path) as child, pytest.raises(SandboxError, match="runs already"):
        child.start()


def test_a_child_carries_the_marker_and_a_terminals_ctrl_c_does_not_reach_it(tmp_path: Path) -> None:
    with Child("sleeper", ("sleep", "100"), tmp_path) as child:
        wait_until(lambda: Path(f"/proc/{child.pid}/comm").read_text().strip() == "sleep", 60, "the program to run")
        assert f"{MARKER}=" in Path(f"/proc/{child.pid}/environ").read_text()
        assert os.getsid(child.pid) != os.getsid(0)


def test_children_die_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from sandbox.process import Child\n"
        "child = Child('sleeper', ('sleep', '100'), Path(sys.argv[1])); child.start()\n"
        "print(child.pid, flush=True); time.sleep(100)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not gone(pid)
        parent.kill()
        parent.wait()
        wait_until(lambda: gone(pid), 60, "the child of a killed parent to die")


def test_waiting_in_vain_says_for_what() -> None:
    with pytest.raises(StartFailed, match=r"Waited 0.1 s in vain for the moon"):
        wait_until(lambda: False, 0.1, "the moon")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_an_exception_once_and_the_clean_up_is_not_disturbed(number: int) -> None:
    cleaned = []

    def work() -> None:
        try:
            with interruptible():
                os.kill(os.getpid(), number)
                time.sleep(5)
        finally:
            os.kill(os.getpid(), number)
            cleaned.append(number)

    with handled(), pytest.raises(Interrupted):
        work()
    assert cleaned == [number]


def test_a_signal_in_a_critical_section_waits_for_its_end() -> None:
    finished = []

    def work() -> None:
        with interruptible():
            with deferred():
                os.kill(os.getpid(), signal.SIGTERM)
                finished.append("critical")
            finished.append("never")

    with handled(), pytest.raises(Interrupted, match="SIGTERM"):
        work()
    assert finished == ["critical"]
