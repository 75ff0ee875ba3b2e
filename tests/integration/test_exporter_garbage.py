"""What ends in a cycle is freed within a moment, not after days: of a quiet exporter Python hardly ever looks for it."""

from __future__ import annotations

import gc
import weakref
from datetime import timedelta

import pytest

from exporter import garbage
from sandbox.redis_node import RedisNode
from tests.integration.exporter_support import watching
from tests.unit.exporter.helpers import until


class _Ended:
    """A connection that ended, with what refers to it."""

    def __init__(self) -> None:
        self.itself = self


async def test_what_ended_is_freed_though_python_would_not_look_for_it(
    redis_node: RedisNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(garbage, "EACH", timedelta(seconds=0.1))
    gc.disable()
    try:
        async with watching({"fleet": {"nodes": [f"redis://{redis_node.instance}"]}}):
            ended = weakref.ref(_Ended())
            assert ended() is not None
            await until(lambda: ended() is None)
    finally:
        gc.enable()
