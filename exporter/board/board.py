"""The board's memory: windows, the last hour, since when a promise is broken. Looks at the state on a schedule and when asked."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from exporter.board import nodes, ring, rows, view
from exporter.board.meters import Meters
from exporter.board.nodes import ShardView
from exporter.board.outside import Outside
from exporter.board.ring import Ring
from exporter.board.rows import Row, Yardstick
from exporter.board.verdict import Sight
from exporter.board.view import Answers, View
from exporter.state import State

KEPT_FOR = 1.0
# With 500 nodes a document takes some 50 ms: whoever asks for /health meanwhile must not wait for all of it.
AT_ONCE = 25

T = TypeVar("T")
M = TypeVar("M")


class Board:
    """What `/api/v1/fleet` and `/api/v1/history` show. `now` is monotonic seconds throughout."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._began = time.monotonic()
        self._wall = time.time() - self._began
        self._policy = state.policy
        self._yardstick = Yardstick(state.policy, state.bounds.told)
        self._meters = Meters(state.policy)
        self.outside = Outside(state.policy)
        self._fleet = Ring(len(rows.NAMES))
        self._shards: dict[str, Ring] = {}
        self._row_states: dict[str, tuple[str, float]] = {}
        self._kept: tuple[float, dict[str, Any]] | None = None
        self._making = asyncio.Lock()

    async def tick(self) -> None:
        """Take what the counters are, and each `ring.EVERY` seconds a point of the last hour."""
        now = time.monotonic()
        self._look(now)
        if self._fleet.newest != ring.slot_of(now):
            await self._remember(now)

    async def fleet(self, now: float) -> dict[str, Any]:
        """The document of this moment, at most `KEPT_FOR` seconds old: many may ask, it is made once."""
        async with self._making:
            if self._kept is None or now - self._kept[0] >= KEPT_FOR:
                self._kept = now, await self._made(now)
            return self._kept[1]

    async def _made(self, now: float) -> dict[str, Any]:
        self._look(now)
        self.outside.refresh(now)
        await self.outside.settle(now)
        shards, promises = await self._judged(now)
        since = {name: at for name, (_, at) in self._row_states.items()}
        sight, wall = Sight(self._state, shards, promises, since, now), self._wall_offset(now)
        shown = await _gently(lambda shard: shard.json(wall), shards)
        return view.fleet(View(sight, self._yardstick, self._meters.sums, self._answers(), self._began, wall), shown)

    def history(self, shard: str | None, now: float) -> dict[str, Any] | None:
        """The last hour of the fleet or of a shard, oldest first, null where nothing is known; None for an unknown shard."""
        found, newest = self._fleet if shard is None else self._shards.get(shard), ring.slot_of(now)
        if found is None:
            if all(node.target.shard != shard for node in self._state.nodes.values()):
                return None
            found = Ring(len(rows.NAMES))  # it has no point yet
        columns = {f"{name}_{rows.unit(name)}": found.column(number, newest) for number, name in enumerate(rows.NAMES)}
        return {"shard": shard, "every_seconds": ring.EVERY, "newest_slot": newest, **columns}

    def _look(self, now: float) -> None:
        if self._state.policy is not self._policy:
            self._policy = self._state.policy
            self._yardstick = Yardstick(self._policy, self._state.bounds.told)
            self.outside.adopt(self._policy)
        elif self._state.bounds.told != self._yardstick.bounds:
            self._yardstick = Yardstick(self._policy, self._state.bounds.told)
        self._meters.look(self._state, now)

    async def _judged(self, now: float) -> tuple[list[ShardView], Mapping[str, Row]]:
        """The shards and the fleet's rows, and since when each row is in its state."""
        stick = self._yardstick
        measured = list(self._meters.measures(self._state, now))
        found = await _gently(lambda pair: nodes.node_view(self._state, *pair, stick, now), measured)
        grouped = [(name, list(group)) for name, group in itertools.groupby(found, key=lambda node: node.shard)]
        away = self._policy.fleet.primary_elsewhere
        shards = view.by_badness(await _gently(lambda pair: nodes.shard_view(*pair, stick, pair[0] in away), grouped))
        promises = view.fleet_rows(shards, stick)
        for name, row in promises.items():
            if self._row_states.get(name, ("", 0.0))[0] != row.state:
                self._row_states[name] = row.state, now
        return shards, promises

    async def _remember(self, now: float) -> None:
        """Put one point of everybody into the last hour; a shard that is gone is forgotten with its own."""
        slot, (shards, promises) = ring.slot_of(now), await self._judged(now)
        self._fleet.put(slot, [row.value for row in promises.values()])
        for shard in shards:
            if shard.name not in self._shards:
                self._shards[shard.name] = Ring(len(rows.NAMES))
            self._shards[shard.name].put(slot, [row.value for row in shard.rows.values()])
        for name in [n for n, kept in self._shards.items() if kept.newest is None or kept.newest <= slot - ring.POINTS]:
            del self._shards[name]

    def _answers(self) -> Answers:
        outside = self.outside
        return Answers(
            outside.alerts_heard if outside.asks_alerts else None,
            outside.alerts,
            outside.budgets_heard if outside.asks_budgets else None,
            outside.budgets if outside.asks_budgets else None,
        )

    def _wall_offset(self, now: float) -> float:
        """What makes Unix seconds of monotonic ones. It follows a clock that was set, not the tremor of reading two."""
        offset = time.time() - now
        if abs(offset - self._wall) > 1.0:
            self._wall = offset
        return self._wall


async def _gently(make: Callable[[T], M], items: Iterable[T]) -> list[M]:
    """What `make` gives of each; the event loop has its turn after every few."""
    made = []
    for number, item in enumerate(items, start=1):
        made.append(make(item))
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)
    return made
