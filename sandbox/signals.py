"""SIGINT, SIGTERM and SIGHUP as one exception in the main thread, raised once and never inside a critical section.

Once only: a second Ctrl-C must not break off the clean-up that the first one began. Never inside: between the
fork of a child and the note of its pid an exception would leave a process nobody knows of.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):  # like KeyboardInterrupt: no error, and not for `except Exception`
    """Somebody asked the process to end; `signum` says how."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


class _State:
    """What the handler knows: armed = may raise, held = depth of critical sections, pending = came while held."""

    armed = False
    held = 0
    pending: int | None = None


def _handle(signum: int, _frame: FrameType | None) -> None:
    if not _State.armed:
        return
    if _State.held:
        _State.pending = signum
        return
    _State.armed = False
    raise Interrupted(signum)


@contextmanager
def handled() -> Iterator[None]:
    """Keep the three signals from ending the process for the whole block; restore what was before.

    A signal is an exception only inside `interruptible`; elsewhere in the block it is ignored.
    """
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # under nohup it is meant to be
    wanted = _SIGNALS[:2] if ignored else _SIGNALS
    before = {number: signal.signal(number, _handle) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn the first signal inside the block into `Interrupted`. Put the clean-up around it, inside `handled`."""
    _State.armed = True
    try:
        yield
    finally:
        _State.armed = False


@contextmanager
def deferred() -> Iterator[None]:
    """Hold the exception back until the end of the block."""
    _State.held += 1
    try:
        yield
    finally:
        _State.held -= 1
        if not _State.held and _State.pending is not None:
            signum, _State.pending = _State.pending, None
            _handle(signum, None)
