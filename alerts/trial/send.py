"""Send the test page, and watch it arrive: to every Alertmanager, as Prometheus does, and then its end."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import aiohttp

from alerts.running import asking, heard
from alerts.running.answers import Unusable
from alerts.running.asking import Asker
from alerts.trial import model
from alerts.trial.model import Channel, Counts, Kind, Leg, Trial
from policy.model import Policy
from policy.units import duration_text

_EVERY = 0.3
# Beyond the time in which it must arrive: whoever is killed meanwhile leaves an alert that ends by itself.
_LEEWAY = timedelta(minutes=1)
Legs = dict[Channel, Leg]
_Told = TypeVar("_Told")


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a test page: its way and that of its end, by channel, and in words what keeps it, or its end, back."""

    begun: Legs
    ended: Legs
    kept_back: str = ""

    @property
    def well(self) -> bool:
        """Whether everybody was told of both."""
        return not self.kept_back and all(leg.after is not None for leg in (*self.begun.values(), *self.ended.values()))


async def send(policy: Policy, kind: Kind, sender: str, told: Callable[[str], None]) -> Sent:
    """Send it, wait for it, end it and wait for that; `told` hears how far it is.

    Unusable when no Alertmanager takes it. It is ended too when the sending or the waiting is cancelled.
    """
    async with asking.session() as session:
        trip = _Trip(policy, Trial(kind, sender, datetime.now(UTC), f"test-{secrets.token_hex(3)}"), session)
        before, patience = await trip.counts(), model.patience(policy, kind)
        try:
            await trip.post(patience + _LEEWAY)
            told(f"sent; waiting until everybody has it, {duration_text(patience)} at most")
            begun = await trip.watch(model.channels(policy, kind), before, patience)
            kept_back = "" if all(leg.after is not None for leg in begun.values()) else await trip.kept_back()
            before = await trip.counts()
        finally:
            lasts = await _tried(trip.post(timedelta(0)))
        if isinstance(lasts, Unusable):
            alone = duration_text(patience + _LEEWAY)
            return Sent(
                begun, {}, f"No Alertmanager could be told of its end ({lasts}): it ends by itself within {alone}"
            )
        patience = model.patience_at_end(policy, kind)
        told(f"ended; waiting until everybody knows, {duration_text(patience)} at most")
        ended = await trip.watch([channel for channel, leg in begun.items() if leg.after is not None], before, patience)
    return Sent(begun, ended, kept_back)


class _Trip:
    """The parts on the way of a test page."""

    def __init__(self, policy: Policy, trial: Trial, session: aiohttp.ClientSession) -> None:
        self._policy, self._trial = policy, trial
        self._alertmanagers = [Asker(session, f"http://{address}") for address in policy.stack.alertmanagers]
        self._notifier = Asker(session, f"http://{policy.stack.notifier}")

    async def post(self, lasts: timedelta) -> None:
        """Tell every Alertmanager that it fires for so long from now on. Unusable when none takes it."""
        alert = model.alert(self._policy, self._trial, datetime.now(UTC) + lasts)
        told = await asyncio.gather(
            *(_tried(one.text("/api/v2/alerts", posted=[alert])) for one in self._alertmanagers)
        )
        failed = [one for one in told if isinstance(one, Unusable)]
        if len(failed) == len(told):
            raise failed[0]

    async def counts(self) -> dict[str, Counts]:
        """What each part that answers has counted so far, by its address."""
        asked = self._alertmanagers if self._policy.notify.slack is None else [*self._alertmanagers, self._notifier]
        told = await asyncio.gather(*(_tried(one.text("/metrics")) for one in asked))
        return {one.base: model.counts(page) for one, page in zip(asked, told, strict=True) if isinstance(page, str)}

    async def watch(self, channels: Iterable[Channel], before: Mapping[str, Counts], patience: timedelta) -> Legs:
        """How the channels have taken one more each, until all have or the time is over."""
        late, begun, since = list(channels), time.monotonic(), Counts({}, {})
        legs: Legs = dict.fromkeys(late, Leg())
        while late and time.monotonic() - begun < patience.total_seconds():
            await asyncio.sleep(_EVERY)
            since = model.grown(before, await self.counts())
            for channel in [each for each in late if model.took(self._policy, self._trial.kind, each, since)]:
                legs[channel] = Leg(time.monotonic() - begun)
                late.remove(channel)
        return legs | {channel: Leg(None, model.failure(channel, since, patience)) for channel in late}

    async def kept_back(self) -> str:
        """What Alertmanager itself says of why the test page does not leave; empty where it says nothing."""
        for one in self._alertmanagers:
            found = await _tried(one.json(heard.page(self._trial.labels(self._policy))))
            if not isinstance(found, Unusable):
                return model.kept_back(self._policy, self._trial.kind, found)
        return ""


async def _tried(asked: Awaitable[_Told]) -> _Told | Unusable:
    try:
        return await asked
    except Unusable as error:
        return error
