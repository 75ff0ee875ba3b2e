"""Ask every part of the stack at once, and hold each against what is built: what `cachewatch check --stack` shows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import UTC, datetime

from alerts.running import alertmanager, answers, exporter, notifier, watchdog
from alerts.running.answers import Status, Unusable
from alerts.running.asking import Asker, session
from alerts.running.model import Part
from alerts.running.questions import Questions
from policy.model import Policy

_Look = Callable[[Policy, Asker], Awaitable[Iterable[str]]]


async def survey(policy: Policy) -> list[Part]:
    """Every part of the policy's stack, in the order in which an alert passes them, at the addresses that the parts use."""
    async with session() as shared:
        asked = (_part(policy, part, Asker(shared, base), base, look) for part, base, look in _parts(policy))
        return list(await asyncio.gather(*asked))


def _parts(policy: Policy) -> Iterator[tuple[str, str, _Look]]:
    """What each is called, its base URL, and what finds its problems."""
    stack = policy.stack
    yield "exporter", f"http://{stack.exporter}", _exporter
    for url in stack.prometheuses:
        yield "prometheus", url, _prometheus
    for address in stack.alertmanagers:
        yield "alertmanager", f"http://{address}", _alertmanager
    if policy.notify.slack is not None:
        yield "notifier", f"http://{stack.notifier}", _notifier


async def _part(policy: Policy, part: str, ask: Asker, base: str, look: _Look) -> Part:
    try:
        return Part(part, base, problems=tuple(await look(policy, ask)))
    except Unusable as error:
        return Part(part, base, error=str(error))


async def _exporter(policy: Policy, ask: Asker) -> Iterable[str]:
    return exporter.problems(policy, await ask.text(exporter.PAGE))


async def _notifier(policy: Policy, ask: Asker) -> Iterable[str]:
    return notifier.problems(policy, await ask.text(notifier.PAGE))


async def _alertmanager(policy: Policy, ask: Asker) -> Iterable[str]:
    told, heard = await asyncio.gather(ask.json("/api/v2/status"), ask.json(watchdog.page(policy)))
    status = answers.read(Status, told, "Alertmanager")
    return [*alertmanager.problems(policy, status), *watchdog.problems(policy, heard, status.began, datetime.now(UTC))]


async def _prometheus(policy: Policy, ask: Asker) -> Iterable[str]:
    return await Questions(policy, ask).problems()
