"""A command that asks others over the network and then ends: Ctrl-C ends it at any moment without a traceback."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Answer = TypeVar("Answer")


def ask(asking: Coroutine[Any, Any, Answer]) -> Answer:
    """Run it to its end. Ctrl-C cancels it, and is KeyboardInterrupt here."""
    with asyncio.Runner() as runner:
        runner.get_loop().set_exception_handler(but_late_connections)
        return runner.run(asking)


def but_late_connections(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what nobody caught, but for a connection that comes about in the moment of Ctrl-C: Python 3.11 calls it an error."""
    if not isinstance(context.get("exception"), asyncio.InvalidStateError):
        loop.default_exception_handler(context)
