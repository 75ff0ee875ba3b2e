"""A call that may block for ever, as to a mount that hangs: nobody waits for it longer than he wants."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Errand(Generic[T]):
    """One call at a time, in a thread that the end of the process does not wait for, as it would for asyncio's pool.

    What comes late is given to whoever asks next, if that is for the same `about`.
    """

    def __init__(self) -> None:
        self._under_way: asyncio.Future[T] | None = None
        self._about: Hashable = None

    async def run(self, call: Callable[[], T], about: Hashable, patience: float) -> T:
        """What the call gives; TimeoutError when it has not ended after so many seconds."""
        if self._under_way is None or (self._under_way.done() and about != self._about):
            self._under_way, self._about = self._begun(call), about
        done, _ = await asyncio.wait({self._under_way}, timeout=patience)
        if not done or about != self._about:
            raise TimeoutError
        ended, self._under_way = self._under_way, None
        return ended.result()

    def _begun(self, call: Callable[[], T]) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def tell(result: Callable[[], None]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile: nobody wants to know
                loop.call_soon_threadsafe(lambda: None if future.done() else result())

        def work() -> None:
            try:
                made = call()
            except Exception as error:
                failure = error
                tell(lambda: future.set_exception(failure))
            else:
                tell(lambda: future.set_result(made))

        threading.Thread(target=work, name="errand", daemon=True).start()
        return future
