"""Calls that may block for ever cost nobody more than his patience, and the process its end."""

from __future__ import annotations

import threading

import pytest

from exporter.errand import Errand


async def test_what_the_call_gives_or_raises_comes_back() -> None:
    errand: Errand[int] = Errand()
    assert await errand.run(lambda: 7, "a", 30.0) == 7
    with pytest.raises(ZeroDivisionError):
        await errand.run(lambda: 1 // 0, "a", 30.0)
    assert await errand.run(lambda: 8, "a", 30.0) == 8


async def test_one_that_hangs_is_waited_for_so_long_and_not_asked_twice() -> None:
    errand: Errand[str] = Errand()
    ends, calls = threading.Event(), []

    def hangs() -> str:
        calls.append(1)
        ends.wait(30)
        return "late"

    for _ in range(3):
        with pytest.raises(TimeoutError):
            await errand.run(hangs, "a", 0.05)
    assert len(calls) == 1
    ends.set()
    assert await errand.run(hangs, "a", 30.0) == "late", "what came late is taken"


async def test_what_comes_late_for_another_question_is_let_go() -> None:
    errand: Errand[str] = Errand()
    ends = threading.Event()
    with pytest.raises(TimeoutError):
        await errand.run(lambda: str(ends.wait(30)), "old", 0.05)
    with pytest.raises(TimeoutError):
        await errand.run(lambda: "new", "new", 0.05)
    ends.set()
    with pytest.raises(TimeoutError):  # it ends while we wait, and is not what was asked for
        await errand.run(lambda: "new", "new", 30.0)
    assert await errand.run(lambda: "new", "new", 30.0) == "new"
