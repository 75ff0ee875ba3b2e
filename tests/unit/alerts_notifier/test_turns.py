"""Whose turn it is, whatever becomes of those who wait."""

from __future__ import annotations

import asyncio
import time

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


async def test_who_comes_while_the_time_is_not_there_yet_is_called_by_rank_and_a_turn_unused_costs_nothing() -> None:
    turns, had = Turns(0.3, 1), list[tuple[str, float]]()

    async def speak(name: str, rank: int, says: bool) -> None:
        async with turns.take(rank):
            had.append((name, time.monotonic()))
            if says:
                turns.pay()

    began = time.monotonic()
    await speak("first", 1, True)
    later = [asyncio.create_task(speak(*who)) for who in (("ticket", 1, True), ("unused", 0, False), ("page", 0, True))]
    await asyncio.gather(*later)
    assert [name for name, _ in had] == ["first", "unused", "page", "ticket"]
    assert had[0][1] - began < 0.3 <= had[1][1] - began
    assert had[2][1] - had[1][1] < 0.3 <= had[3][1] - had[2][1] + 0.01


async def test_while_the_channel_is_closed_nobody_is_called_even_by_a_timer_that_was_set_before() -> None:
    turns = Turns(0.1, 1)
    async with turns.take(0):
        turns.pay()
    waiting = asyncio.create_task(_taken_at(turns))
    await asyncio.sleep(0.02)
    began = time.monotonic()
    turns.hold(0.5)
    assert await waiting - began >= 0.5


async def _taken_at(turns: Turns) -> float:
    async with turns.take(0):
        return time.monotonic()
