"""The log of commands: one line a message, whatever stands in it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from policy.printable import printable

_FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_Failure = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class OneLine(logging.Formatter):
    """Writes what is not printable as escapes: what a client or a node says must not forge a line, nor drive a terminal.

    Tracebacks keep their lines, each set in, so that none of them looks like a message.
    """

    def __init__(self, form: str = _FORM) -> None:
        super().__init__(form)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        """The line of a record."""
        return printable(super().formatMessage(record))

    def formatException(self, ei: _Failure) -> str:  # noqa: N802  # logging's name
        """The lines of a traceback."""
        return _set_in(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802  # logging's name
        """The lines of a stack."""
        return _set_in(stack_info)


def _set_in(text: str) -> str:
    return "\n".join(f"  {printable(line)}" for line in text.split("\n"))


def warn_plainly() -> None:
    """Have warnings of a command that keeps no log, which Python writes to standard error by itself, made fit for it too."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(OneLine("%(message)s"))


@contextmanager
def only_faults(room: str) -> Iterator[None]:
    """Keep a room's warnings out of the log for a while: for a command that tells them itself."""
    logger = logging.getLogger(room)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def log_to_stderr() -> None:
    """Keep a log on standard error: from INFO on, of every library too."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
