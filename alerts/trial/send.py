"""Send the test page, and watch it arrive: to every Alertmanager, as Prometheus does, and then its end."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from urllib.parse import urlencode

import aiohttp

from alerts.running import asking
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
    """What became of a test page: its way and that of its end, by channel; and what keeps it back, in words, if anything does."""

    begun: Legs
    ended: Legs
    kept_back: str = ""

    @property
    def well(self) -> bool:
        """Whether everybody was told of both."""
        return all(leg.after is not None for leg in (*self.begun.values(), *self.ended.values()))


async def send(policy: Policy, kind: Kind, sender: str, told: Callable[[str], None]) -> Sent:
    """Send it, wait for it, end it and wait for that; `told` hears how far it is.

    Unusable when no Alertmanager takes it. It is ended too when the waiting is cancelled.
    """
    async with asking.session() as session:
        trip = _Trip(policy, Trial(kind, sender, datetime.now(UTC), f"test-{secrets.token_hex(3)}"), session)
        before = await trip.counts()
        await trip.post(model.patience(policy, kind) + _LEEWAY)
        try:
            told(f"sent; waiting until everybody has it, {duration_text(model.patience(policy, kind))} at most")
            begun = await trip.watch(model.channels(policy, kind), before, model.patience(policy, kind))
            kept_back = "" if all(leg.after is not None for leg in begun.values()) else await trip.kept_back()
            before = await trip.counts()
        finally:  # after Ctrl-C as well
            await trip.post(timedelta(0))
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

    async def counts(self) -> Counts:
        """What the parts that answer have counted so far."""
        asked = self._alertmanagers if self._policy.notify.slack is None else [*self._alertmanagers, self._notifier]
        told = await asyncio.gather(*(_tried(one.text("/metrics")) for one in asked))
        return model.counts(page for page in told if isinstance(page, str))

    async def watch(self, channels: Iterable[Channel], before: Counts, patience: timedelta) -> Legs:
        """How the channels have taken one more each, until all have or the time is over."""
        late, begun, now = list(channels), time.monotonic(), before
        legs: Legs = dict.fromkeys(late, Leg())
        while late and time.monotonic() - begun < patience.total_seconds():
            await asyncio.sleep(_EVERY)
            now = await self.counts()
            for channel in [each for each in late if model.took(self._policy, self._trial.kind, each, before, now)]:
                legs[channel] = Leg(time.monotonic() - begun)
                late.remove(channel)
        return legs | {channel: Leg(None, model.failure(channel, before, now, patience)) for channel in late}

    async def kept_back(self) -> str:
        """What Alertmanager itself says of why the test page does not leave; empty where it says nothing."""
        labels = self._trial.labels(self._policy).items()
        filters = [("filter", f"{name}={json.dumps(value, ensure_ascii=False)}") for name, value in labels]
        for one in self._alertmanagers:
            found = await _tried(one.json(f"/api/v2/alerts?{urlencode(filters)}"))
            if not isinstance(found, Unusable):
                return model.kept_back(self._policy, self._trial.kind, found)
        return ""


async def _tried(asked: Awaitable[_Told]) -> _Told | Unusable:
    try:
        return await asked
    except Unusable as error:
        return error
