"""Whose turn it is, whatever becomes of those who wait."""

from __future__ import annotations

import asyncio

from alerts.notifier.turns import Turns


async def test_a_turn_that_is_given_up_at_the_moment_of_its_call_goes_to_the_next() -> None:
    turns, had = Turns(0.0, 1), list[str]()

    async def speak(name: str) -> None:
        async with turns.take(0):
            had.append(name)

    async with turns.take(0):
        second, third = (asyncio.create_task(speak(name)) for name in ("second", "third"))
        await asyncio.sleep(0)
    second.cancel()  # it was called a moment ago, and has not run since
    await asyncio.wait_for(third, 10.0)
    assert had == ["third"]


async def test_who_gives_up_while_waiting_is_passed_over() -> None:
    turns, had = Turns(0.0, 1), list[str]()

    async def speak(name: str) -> None:
        async with turns.take(0):
            had.append(name)

    async with turns.take(0):
        waiting = [asyncio.create_task(speak(name)) for name in ("gone", "stays")]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
    await asyncio.wait_for(waiting[1], 10.0)
    assert had == ["stays"]
