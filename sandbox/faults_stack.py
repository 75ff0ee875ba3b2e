"""Faults of what watches: a part of the stack that is gone, and a prober that does not stay alive."""

import os
import signal
import threading
from contextlib import suppress
from pathlib import Path

from sandbox.ports import LOOPBACK
from sandbox.process import children
from sandbox.prometheus import WebChild

_LOOK_EVERY = 0.05
_PROBER = b"exporter.prober"


class PartFault:
    """A part of the stack is killed."""

    def __init__(self, part: WebChild) -> None:
        self._part = part
        self._dead = False

    @property
    def active(self) -> bool:
        """Whether it is dead by this fault."""
        return self._dead

    def begin(self) -> str:
        """Kill it."""
        self._part.kill()
        self._dead = True
        return f"the {self._part.name} at {LOOPBACK}:{self._part.port} is dead (SIGKILL)"

    def undo(self) -> str:
        """Start it again."""
        self._part.start()
        self._dead = False
        return f"the {self._part.name} is back"


class ProberFault:
    """The exporter's prober is killed, and each new one as well, until that is undone."""

    def __init__(self, exporter: WebChild) -> None:
        self._exporter = exporter
        self._undone = threading.Event()
        self._killer: threading.Thread | None = None

    @property
    def active(self) -> bool:
        """Whether probers are killed."""
        return self._killer is not None

    def begin(self) -> str:
        """Kill the one there is, and go on."""
        self._undone.clear()
        self._killer = threading.Thread(target=self._kill_all, daemon=True)
        self._killer.start()
        return f"the prober of the exporter at {LOOPBACK}:{self._exporter.port} is dead, and so is each that it starts"

    def _kill_all(self) -> None:
        while not self._undone.wait(_LOOK_EVERY):
            kill_prober(self._exporter)

    def undo(self) -> str:
        """Let the next one live."""
        self._undone.set()
        if self._killer is not None:
            self._killer.join()
        self._killer = None
        return "the exporter's prober may live"


def kill_prober(exporter: WebChild) -> bool:
    """SIGKILL the prober that the exporter runs now. Whether there was one."""
    for pid in children(exporter.pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            if _PROBER in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
                return True
    return False
