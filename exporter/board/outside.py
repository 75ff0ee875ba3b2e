"""What Alertmanager and Prometheus are asked, while somebody looks at the board: alerts, and the error budgets' weeks."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import aiohttp

from exporter.board import heard
from exporter.board.heard import Heard
from policy.model import Policy
from policy.objectives import budget_left, named

ALERTS_EVERY = 5.0
BUDGETS_EVERY = 60.0
PATIENCE = 3.0
# Who looks first after a pause waits so long for Alertmanager's word: without it the board knows of no alert, or of old ones.
FIRST_LOOK = 1.0
MOST_BYTES = 4 * 1024 * 1024


class Outside:
    """The newest answers. Only what the policy itself names is asked; an answer that does not come costs nobody a long wait."""

    def __init__(self, policy: Policy) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._running: set[asyncio.Task[None]] = set()
        self.adopt(policy)

    def adopt(self, policy: Policy) -> None:
        """Ask by another policy from now on; what others answered is forgotten."""
        self._policy = policy
        self._due = {"alerts": 0.0, "budgets": 0.0}
        self._alerts_asked: asyncio.Task[None] | None = None
        self._alerts_told = -math.inf
        self.alerts_heard = self.budgets_heard = Heard()
        self.alerts: list[dict[str, Any]] = []
        self.budgets: Mapping[int, float | None] = {}

    @property
    def asks_alerts(self) -> bool:
        """Whether there is an Alertmanager to ask."""
        return self._policy.stack.names("alertmanager")

    @property
    def asks_budgets(self) -> bool:
        """Whether there is a Prometheus to ask, and something to ask it for."""
        return self._policy.stack.names("prometheus") and bool(self._policy.slos)

    def refresh(self, now: float) -> None:
        """Begin to ask what is due; the answers come on their own time."""
        if self.asks_alerts and now >= self._due["alerts"]:
            self._due["alerts"] = now + ALERTS_EVERY
            self._alerts_asked = self._begin(self._ask_alerts(self._policy))
        if self.asks_budgets and now >= self._due["budgets"]:
            self._due["budgets"] = now + BUDGETS_EVERY
            self._begin(self._ask_budgets(self._policy))

    async def settle(self, now: float) -> None:
        """After a pause, in which nobody was asked, wait a moment for what Alertmanager says now, or that it says nothing."""
        if self._alerts_asked is not None and now - self._alerts_told > 2 * ALERTS_EVERY:
            await asyncio.wait({self._alerts_asked}, timeout=FIRST_LOOK)

    async def close(self) -> None:
        """Ask nothing any more."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def _begin(self, asking: Any) -> asyncio.Task[None]:
        task = asyncio.create_task(asking)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _ask_alerts(self, policy: Policy) -> None:
        query = urlencode({"filter": f"fleet={json.dumps(policy.fleet.name, ensure_ascii=False)}"})
        found, failure = self.alerts, ""
        for address in policy.stack.alertmanagers:
            try:
                found = heard.alerts(await self._get(f"http://{address}/api/v2/alerts?{query}"))
            except _FAILURES as error:
                failure = failure or _words(error)
            else:
                failure = ""
                break
        if policy is self._policy:
            self.alerts, self.alerts_heard = found, _after(self.alerts_heard, failure)
            self._alerts_told = time.monotonic()

    async def _ask_budgets(self, policy: Policy) -> None:
        fleet = f"fleet={json.dumps(policy.fleet.name, ensure_ascii=False)}"
        found: dict[int, float | None] = dict(self.budgets)
        failure = ""
        for url in policy.stack.prometheuses:
            try:
                for index, (identity, _) in enumerate(named(policy)):
                    query = urlencode({"query": budget_left(identity, fleet)})
                    found[index] = heard.number(await self._get(f"{url}/api/v1/query?{query}"))
            except _FAILURES as error:
                failure = failure or _words(error)
            else:
                failure = ""
                break
        if policy is self._policy:
            self.budgets, self.budgets_heard = found, _after(self.budgets_heard, failure)
            if failure or None in found.values():  # as when Prometheus has just begun
                self._due["budgets"] = time.monotonic() + ALERTS_EVERY

    async def _get(self, url: str) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE))
        async with self._session.get(url, allow_redirects=False) as answer:
            if answer.status != 200:
                raise heard.Nonsense(f"answered {answer.status}")
            body = bytearray()
            async for chunk in answer.content.iter_chunked(65536):
                body += chunk
                if len(body) > MOST_BYTES:
                    raise heard.Nonsense(f"answered more than {MOST_BYTES >> 20} MiB")
        return json.loads(body)


# RecursionError: JSON that is nested too deeply. One that is missing here leaves the last answer on the page as if it were new.
_FAILURES = (aiohttp.ClientError, OSError, ValueError, RecursionError)


def _words(error: BaseException) -> str:
    """A failure in a few words, without the address that stands beside it."""
    if isinstance(error, TimeoutError):
        return f"no answer within {PATIENCE:g} s"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect: {error.os_error.strerror or error.os_error}"
    if isinstance(error, aiohttp.ClientResponseError):  # its text has the whole address in it
        return "the answer is no HTTP"
    if isinstance(error, json.JSONDecodeError):
        return "the answer is no JSON"
    if isinstance(error, RecursionError):
        return "the answer is nested too deeply"
    return str(error) or type(error).__name__


def _after(before: Heard, failure: str) -> Heard:
    return Heard(before.at, failure, True) if failure else Heard(time.monotonic(), "", True)
