"""What a Prometheus is asked, all at once, and what is made of its answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any
from urllib.parse import urlencode

from alerts.running import answers, jobs, prometheus, rules
from alerts.running.answers import Alertmanagers, Groups, Printed, Runtime, Targets, Unusable
from alerts.running.asking import PATIENCE, Asker
from policy.model import Policy

Problems = Iterable[str]
_WHO = "Prometheus"
# Expressions whose form is asked at a time, and how many at most: of a build that is another altogether, counts will do.
_AT_A_TIME = 8
_MOST_FORMS = 400


class Questions:
    """One Prometheus, and the policy that it should run."""

    def __init__(self, policy: Policy, ask: Asker) -> None:
        self._policy = policy
        self._ask = ask

    async def problems(self) -> list[str]:
        """What differs. A question without an answer is told beside the others' answers; Unusable where none has one."""
        questions: dict[str, Callable[[], Awaitable[Problems]]] = {
            "flags": self._flags,
            "last reload": self._reload,
            "rules": self._rules,
            "targets": self._targets,
            "jobs": self._jobs,
            "Alertmanagers": self._alertmanagers,
        }
        found = await asyncio.gather(*map(_tried, questions.values()))
        failed = [one for one in found if isinstance(one, Unusable)]
        if len(failed) == len(found):
            raise failed[0]
        return list(_told(zip(questions, found, strict=True)))

    async def _told(self, path: str) -> Any:
        return answers.data(await self._ask.json(f"/api/v1/{path}"))

    async def _flags(self) -> Problems:
        return prometheus.flags(await self._told("status/flags"))

    async def _reload(self) -> Problems:
        return prometheus.runtime(self._policy, answers.read(Runtime, await self._told("status/runtimeinfo"), _WHO))

    async def _rules(self) -> Problems:
        # Without the alerts that fire, where the version knows that: of a bad day there are many.
        told = answers.read(Groups, await self._told("rules?exclude_alerts=true"), _WHO)
        found = rules.compare(self._policy, told)
        return rules.problems(found, await _forms(self._ask, found.unlike()))

    async def _targets(self) -> Problems:
        """Those of the jobs that are built: of other people's there may be thousands, which 2.42 and later leave out."""
        pools = [urlencode({"state": "active", "scrapePool": job}) for job in prometheus.jobs(self._policy)]
        # None may be left behind when one fails: it would ask on while the session closes.
        pages = await asyncio.gather(*(self._told(f"targets?{pool}") for pool in pools), return_exceptions=True)
        if failed := [page for page in pages if isinstance(page, BaseException)]:
            raise failed[0]
        read = [answers.read(Targets, page, _WHO) for page in pages]
        return prometheus.targets(self._policy, [target for page in read for target in page.active])

    async def _jobs(self) -> Problems:
        return jobs.problems(self._policy, answers.read(Printed, await self._told("status/config"), _WHO).yaml)

    async def _alertmanagers(self) -> Problems:
        told = answers.read(Alertmanagers, await self._told("alertmanagers"), _WHO)
        return prometheus.alertmanagers(self._policy, told)


async def _tried(question: Callable[[], Awaitable[Problems]]) -> list[str] | Unusable:
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
