"""Child processes that cannot outlive us."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox import binaries
from sandbox.errors import SandboxError
from sandbox.signals import deferred

MARKER = "CACHEWATCH_SANDBOX"
"""Environment variable of every child. Inherited when set, so that one demo's processes are told from another's."""

# The kernel kills the child when we die, whatever kills us. The shell then checks that we had not died before the
# kernel knew (its parent would be another), and becomes the program.
_GUARD = ("sh", "-c", '[ "$PPID" = "$1" ] || exit 1; shift; exec "$@"', "sh")


class StartFailed(SandboxError):
    """A child ended or did not answer in time; the text has the last lines of its log."""


class Started:
    """What runs for the length of a `with` block: a server, or several."""

    @property
    def alive(self) -> bool:
        """Whether it runs already, so that the block need not start it."""
        return False

    def start(self) -> None:
        """Start it."""
        raise TypeError(f"{type(self).__name__} does not say how it is started")

    def stop(self) -> None:
        """Stop it."""
        raise TypeError(f"{type(self).__name__} does not say how it is stopped")

    def __enter__(self) -> Self:
        """Start it unless it runs. Where the start fails, what it has started is stopped: no `__exit__` comes to do it."""
        if not self.alive:
            try:
                self.start()
            except BaseException:
                self.stop()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()


class Child(Started):
    """One child process with its log file.

    `directory` is its working directory and holds `NAME.log` (appended at each start). The process stands in a
    session of its own, so that a terminal's Ctrl-C reaches only us, and dies with the thread that started it.
    """

    def __init__(
        self, name: str, argv: Sequence[str | Path], directory: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.argv = tuple(str(part) for part in argv)
        self.directory = directory
        self.log = directory / f"{name}.log"
        self._env = dict(env or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the newest start. `SandboxError` before the first."""
        if self._process is None:
            raise SandboxError(f"{self.name} has not been started")
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process is there (a paused one is)."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process; it may not be ready when this returns. `SandboxError` when it already runs."""
        if self.alive:
            raise SandboxError(f"{self.name} runs already, pid {self.pid}")
        self.directory.mkdir(parents=True, exist_ok=True)
        guard = (str(binaries.find("setpriv")), "--pdeathsig", "KILL", "--", *_GUARD, str(os.getpid()))
        with deferred(), self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*guard, *self.argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env={MARKER: str(os.getpid()), **os.environ, **self._env},
                start_new_session=True,
            )

    def stop(self, grace: float = 5.0) -> None:
        """End the process: SIGTERM, and SIGKILL after `grace` seconds. A paused one ends too."""
        self.ask_to_stop()
        if self._process is None:
            return
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self.kill()

    def ask_to_stop(self) -> None:
        """Send SIGTERM and do not wait, so that several children can end at the same time."""
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, and wait until the kernel has taken the process and its sockets away."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def wait(self, timeout: float) -> int:
        """Wait until the process has ended by itself and return its exit status. `StartFailed` after `timeout` seconds."""
        wait_until(lambda: not self.alive, timeout, f"{self.name} to end")
        return 0 if self._process is None else self._process.returncode

    def pause(self) -> None:
        """SIGSTOP: the process hangs, its sockets stay open."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT after `pause`."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)  # looks first whether the process has ended; no error then

    def log_tail(self, lines: int = 15) -> str:
        """Return the last lines of the log, empty without one."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def wait_ready(self, check: Callable[[], bool], timeout: float) -> None:
        """Poll until `check` is true. `StartFailed` when the process ends first or `timeout` seconds pass."""
        try:
            wait_until(lambda: not self.alive or check(), timeout, f"{self.name} to be ready")
        except StartFailed as late:
            raise StartFailed(f"{late}. Its log {self.log} ends:\n{self.log_tail()}") from None
        if not self.alive:
            raise StartFailed(f"{self.name} ended at its start. Its log {self.log} ends:\n{self.log_tail()}")


def wait_until(check: Callable[[], bool], timeout: float, what: str, every: float = 0.03) -> None:
    """Poll `check` each `every` seconds until it is true. `StartFailed` naming `what` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not check():
        if time.monotonic() > deadline:
            raise StartFailed(f"Waited {timeout:g} s in vain for {what}")
        time.sleep(every)


def children(pid: int) -> list[int]:
    """The process ids of a process' children; of one that has ended, none."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            found += [int(child) for child in task.read_text().split()]
    return found
