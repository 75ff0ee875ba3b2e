"""Ask every part of the stack at once, and hold each against what is built: what `cachewatch check --stack` shows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any
from urllib.parse import urlencode

import aiohttp

from alerts.running import alertmanager, answers, exporter, notifier, prometheus, rules
from alerts.running.answers import Alertmanagers, Groups, Runtime, Status, Targets, Unusable
from alerts.running.asking import PATIENCE, Asker, session
from alerts.running.model import Part
from policy.model import Policy

_Problems = Iterable[str]
# Expressions whose form is asked at a time, and how many at most: of a build that is another altogether, counts will do.
_AT_A_TIME = 8
_MOST_FORMS = 400


async def survey(policy: Policy) -> list[Part]:
    """Every part of the policy's stack, in the order in which an alert passes them, at the addresses that the parts use."""
    stack = policy.stack
    async with session() as shared:
        asked = [
            _part(shared, "exporter", f"http://{stack.exporter}", lambda ask: _exporter(policy, ask)),
            *(_part(shared, "prometheus", url, lambda ask: _prometheus(policy, ask)) for url in stack.prometheuses),
            *(
                _part(shared, "alertmanager", f"http://{address}", lambda ask: _alertmanager(policy, ask))
                for address in stack.alertmanagers
            ),
        ]
        if policy.notify.slack is not None:
            asked.append(_part(shared, "notifier", f"http://{stack.notifier}", lambda ask: _notifier(policy, ask)))
        return list(await asyncio.gather(*asked))


async def _part(
    shared: aiohttp.ClientSession, part: str, base: str, look: Callable[[Asker], Awaitable[_Problems]]
) -> Part:
    try:
        return Part(part, base, problems=tuple(await look(Asker(shared, base))))
    except Unusable as error:
        return Part(part, base, error=str(error))


async def _exporter(policy: Policy, ask: Asker) -> _Problems:
    return exporter.problems(policy, await ask.text(exporter.PAGE))


async def _notifier(policy: Policy, ask: Asker) -> _Problems:
    return notifier.problems(policy, await ask.text(notifier.PAGE))


async def _alertmanager(policy: Policy, ask: Asker) -> _Problems:
    told = answers.read(Status, await ask.json("/api/v2/status"), "Alertmanager")
    return list(alertmanager.problems(policy, told))


async def _prometheus(policy: Policy, ask: Asker) -> _Problems:
    """All questions at once. One without an answer is told beside the others' answers, and for all where none has one."""

    async def told(path: str) -> Any:
        return answers.data(await ask.json(f"/api/v1/{path}"))

    async def flags() -> _Problems:
        return prometheus.flags(await told("status/flags"))

    async def runtime() -> _Problems:
        return prometheus.runtime(answers.read(Runtime, await told("status/runtimeinfo"), "Prometheus"))

    async def loaded() -> _Problems:
        # Without the alerts that fire, where the version knows that: of a bad day there are many.
        return await _rules(policy, ask, answers.read(Groups, await told("rules?exclude_alerts=true"), "Prometheus"))

    async def targets() -> _Problems:
        return prometheus.targets(policy, await _targets(policy, ask))

    async def alertmanagers() -> _Problems:
        return prometheus.alertmanagers(policy, answers.read(Alertmanagers, await told("alertmanagers"), "Prometheus"))

    questions = {
        "flags": flags,
        "configuration": runtime,
        "rules": loaded,
        "targets": targets,
        "Alertmanagers": alertmanagers,
    }
    found = await asyncio.gather(*(_tried(question) for question in questions.values()))
    failed = [one for one in found if isinstance(one, Unusable)]
    if len(failed) == len(found):
        raise failed[0]
    return list(_told(zip(questions, found, strict=True)))


async def _tried(question: Callable[[], Awaitable[_Problems]]) -> list[str] | Unusable:
    try:
        return list(await question())
    except Unusable as error:
        return error


def _told(found: Iterable[tuple[str, list[str] | Unusable]]) -> Iterator[str]:
    for name, one in found:
        if isinstance(one, Unusable):
            yield f"asked for its {name}: {one}"
        else:
            yield from one


async def _targets(policy: Policy, ask: Asker) -> Targets:
    """Those of the jobs that are built: of other people's there may be thousands, which Prometheus 2.42 and later leave out."""
    pools = [f"targets?{urlencode({'state': 'active', 'scrapePool': job})}" for job in prometheus.jobs(policy)]
    pages = await asyncio.gather(*(ask.json(f"/api/v1/{pool}") for pool in pools))
    read = [answers.read(Targets, answers.data(page), "Prometheus") for page in pages]
    return Targets(activeTargets=tuple(target for page in read for target in page.active))


async def _rules(policy: Policy, ask: Asker, told: Groups) -> _Problems:
    found = rules.compare(policy, told)
    return rules.problems(found, await _forms(ask, found.unlike()))


async def _forms(ask: Asker, expressions: tuple[str, ...]) -> dict[str, str]:
    """Each expression as this very server writes it; of those of which it does not tell nothing."""
    forms: dict[str, str] = {}
    gate = asyncio.Semaphore(_AT_A_TIME)

    async def form(expr: str) -> None:
        async with gate:
            found = answers.data(await ask.json("/api/v1/format_query", {"query": expr}))
        if isinstance(found, str):
            forms[expr] = found

    asking = [asyncio.ensure_future(form(expr)) for expr in expressions[:_MOST_FORMS]]
    if asking:
        done, late = await asyncio.wait(asking, timeout=PATIENCE)
        for task in late:
            task.cancel()
        await asyncio.gather(*done, *late, return_exceptions=True)
    return forms
