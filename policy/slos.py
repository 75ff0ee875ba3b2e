"""Service level objectives: a share of good events over a window, and the burn rates of its budget that alert."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from policy import burn as burns
from policy import examples
from policy.base import Fault, Model
from policy.burn import Burn
from policy.selectors import OptionalSelector
from policy.units import Percent, duration_text, parse_duration, plain

BUILT_IN = ("availability", "latency", "hit_rate")
MONTH = "month"
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,49}", re.ASCII)


def parse_name(value: object) -> str:
    """The name of an objective; it becomes a label and a part of file names."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("must be a word of small letters, digits, - and _, beginning with a letter, 50 at most")
    return value


def parse_window(value: object) -> timedelta | Literal["month"]:
    """Turn `30d`, or `month` for the calendar's, into a window; ValueError names the cure."""
    if value == MONTH:
        return "month"
    try:
        return parse_duration(value)
    except ValueError as error:
        raise ValueError(f"{error}; or month, for the calendar's month in UTC") from None


Name = Annotated[str, BeforeValidator(parse_name)]
OptionalName = Annotated[str | None, BeforeValidator(lambda value: None if value is None else parse_name(value))]
OptionalDuration = Annotated[timedelta | None, BeforeValidator(lambda v: None if v is None else parse_duration(v))]
Window = Annotated[timedelta | Literal["month"], BeforeValidator(parse_window)]


class Slo(Model):
    """`objective` per cent of the events of `name` are good over `window`, rolling or the calendar month (UTC).

    Events are health checks, PINGs (good when answered `within`, a bucket bound of the probe), reads, or what `good` and
    `total` count. `burn` are the burn rates that alert, None those of the workbook. Of fewer than `min_events` in a long
    window none does; None is the least number of which one bad event is not too many.
    """

    name: Name
    id: OptionalName = None
    objective: Percent
    window: Window = parse_duration("30d")
    within: OptionalDuration = None
    good: OptionalSelector = None
    total: OptionalSelector = None
    burn: tuple[Burn, ...] | None = None
    min_events: int | None = Field(default=None, ge=1, le=10**12, strict=True)

    def _faults(self) -> Iterator[Fault]:
        yield from self._event_faults()
        sound = 0 < self.objective < 100
        if not sound:
            yield "objective", "must lie between 0 and 100: with 100 there is no budget to spend, with 0 no promise"
        if self.longest < parse_duration("1h"):
            yield "window", "must be at least 1h"
        elif self.burn is None and self.longest < burns.SHORTEST:
            least = duration_text(burns.SHORTEST)
            yield (
                "window",
                f"is shorter than {least}, for which the usual burn rates are none: name your own `burn`, or []",
            )
        elif sound:
            yield from self._burn_faults()

    def _event_faults(self) -> Iterator[Fault]:
        if self.name in BUILT_IN:
            yield from ((key, f"{self.name} counts its own events; take it out") for key in self._pair)
        elif len(self._pair) < 2:
            known = ", ".join(BUILT_IN)
            yield "name", f"is none of {known}; an objective on other events needs `good` and `total` beside it"
        else:
            yield from self._pair_faults()
        if self.name == "latency" and not self.within:
            yield "within", "is missing: say which latency is good, as in within: 5ms"
        if self.name != "latency" and self.within is not None:
            yield "within", "belongs to latency alone; take it out"

    def _pair_faults(self) -> Iterator[Fault]:
        if self.good is not None and self.total is not None:
            try:
                examples.pair(self.good, self.total)
            except ValueError as error:
                yield "good", str(error)

    def _burn_faults(self) -> Iterator[Fault]:
        seen = set()
        for index, pair in enumerate(self.burns):
            at = "objective" if self.burn is None else f"burn.{index}.factor"
            if pair.share(self.objective) >= 1:
                yield at, self._never(pair)
                return
            if (pair.severity, pair.long) in seen:
                yield f"burn.{index}.long", f"a second {pair.severity} alert over {duration_text(pair.long)}"
            if pair.long > self.longest:
                yield f"burn.{index}.long", f"is longer than the objective's window ({self.window_text})"
            seen.add((pair.severity, pair.long))

    def _never(self, pair: Burn) -> str:
        """Why an alert cannot fire, and what would let it."""
        kind = "page" if pair.severity == "critical" else "alert"
        budget = 100 - self.objective
        least = (100 - 100 / pair.factor).quantize(Decimal("0.01"), ROUND_CEILING)
        cure = f"an objective above {plain(least)}%" if pair.factor > 1 else "a higher objective"
        return (
            f"the {kind} at {plain(pair.factor)} times the budget could never fire: {plain(pair.factor)} x "
            f"{plain(budget)}% is all events and more; take {cure}, or `burn` with factors below {plain(_round(100 / budget))}"
        )

    @property
    def _pair(self) -> list[str]:
        return [key for key in ("good", "total") if getattr(self, key) is not None]

    @property
    def ratio(self) -> Decimal:
        """The objective as a share: Decimal("0.9999")."""
        return self.objective / 100

    @property
    def budget(self) -> Decimal:
        """The share of events that may be bad: Decimal("0.0001")."""
        return (100 - self.objective) / 100

    @property
    def longest(self) -> timedelta:
        """The window, or the longest month."""
        return self.window if isinstance(self.window, timedelta) else timedelta(days=31)

    @property
    def window_text(self) -> str:
        """`30d`, or `month`."""
        return duration_text(self.window) if isinstance(self.window, timedelta) else MONTH

    @property
    def burns(self) -> tuple[Burn, ...]:
        """The burn rates that alert, of a calendar month those of 30 days."""
        usual = self.window if isinstance(self.window, timedelta) else timedelta(days=30)
        return burns.workbook(usual) if self.burn is None else self.burn

    def least_events(self, pair: Burn) -> int:
        """So many events the long window of one of its burn rates must have."""
        return self.min_events or pair.least_events(self.objective)


def _round(number: Decimal) -> Decimal:
    return number.quantize(Decimal("0.01")).normalize()


def identities(slos: Iterable[Slo]) -> tuple[str | None, ...]:
    """What each is told apart by: its `id`, else its name, with the window behind it where the name is taken.

    None for one that has nothing left to be told apart by, or is another one's twin.
    """
    found: list[str | None] = []
    listed, twins = tuple(slos), set()
    explicit = {slo.id for slo in listed if slo.id is not None}
    for slo in listed:
        names = (slo.id,) if slo.id else (slo.name, f"{slo.name}-{slo.window_text}")
        taken = set(found) if slo.id else {*found, *explicit}
        twin = not slo.id and (slo.name, slo.window_text) in twins
        found.append(None if twin else next((name for name in names if name not in taken), None))
        twins |= set() if slo.id else {(slo.name, slo.window_text)}
    return tuple(found)


def duplicates(slos: Iterable[Slo]) -> Iterator[Fault]:
    """Objectives that could not be told apart."""
    for index, (slo, identity) in enumerate(zip(slos, identities(slos), strict=True)):
        if identity is None and slo.id:
            yield f"{index}.id", f"is the id of another objective: {slo.id}"
        elif identity is None:
            yield str(index), f"a second {slo.name} objective over {slo.window_text}; give it an `id` of its own"
