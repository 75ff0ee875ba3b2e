"""Slack's Web API: the only module here that talks to Slack."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import (
    AsyncConnectionErrorRetryHandler,
    AsyncRateLimitErrorRetryHandler,
    AsyncServerErrorRetryHandler,
)
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from alerts.notifier.failures import SlackFailure, from_answer
from alerts.notifier.message import Message
from policy.links import is_loopback
from policy.notify import Slack
from policy.secret_files import SecretError, read_token

# One request: Slack answers within a second; past ten it will not.
_REQUEST = aiohttp.ClientTimeout(total=10, sock_connect=3)
_RETRIES = 3
# The failures in which nothing was sent: no connection came about. After any other one Slack may have the message, and
# only its answer was lost; to ask again is left to Alertmanager, whose pauses grow, or one page is posted many times.
_NOT_SENT: list[type[Exception]] = [aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError]
LONGEST_WAIT = 3
"""Seconds of Retry-After that are waited out here; told to wait longer we give up, and Alertmanager comes back.

Not for long: meanwhile the alert may end, and nobody looks whether the message is still wanted.
"""


class _RateLimit(AsyncRateLimitErrorRetryHandler):
    """Wait as told, unless that is too long, or no number of seconds, on which the SDK's own handler stumbles."""

    async def _can_retry_async(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        if response is None or response.status_code != 429:
            return False
        told = {name.lower(): value for name, value in response.headers.items()}.get("retry-after", ["1"])[0]
        return told.isascii() and told.isdigit() and int(told[:9]) <= LONGEST_WAIT


class SlackChannel:
    """One channel of one workspace. Use as a context manager; one message at a time."""

    def __init__(self, settings: Slack) -> None:
        self.name = settings.channel
        self._settings = settings
        # The SDK knows HTTPS_PROXY but not NO_PROXY, aiohttp knows both; a proxy cannot reach our own loopback.
        self._session = aiohttp.ClientSession(timeout=_REQUEST, trust_env=not is_loopback(settings.url))
        self._handlers = [
            _RateLimit(_RETRIES),
            AsyncServerErrorRetryHandler(_RETRIES),
            AsyncConnectionErrorRetryHandler(_RETRIES, error_types=_NOT_SENT),
        ]

    async def __aenter__(self) -> Self:
        """Hold the connection pool."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection pool."""
        await self._session.close()

    async def post(self, message: Message) -> None:
        """Send a message. SlackFailure when Slack did not take it.

        When Slack refuses the message for its form it goes out again as plain text: an ugly page is better than none.
        """
        try:
            await self._post(message.text, message.blocks)
        except SlackFailure as failure:
            if failure.reason != "message":
                raise
            await self._post(message.plain, None)

    async def whoami(self) -> str:
        """Who the token belongs to: `user in team`. SlackFailure when Slack does not know it."""
        answer = await self._call(lambda client: client.auth_test())
        return f"{answer.get('user')} in {answer.get('team')}"

    async def _post(self, text: str, blocks: tuple[dict[str, Any], ...] | None) -> None:
        await self._call(
            lambda client: client.chat_postMessage(
                channel=self.name, text=text, blocks=blocks, unfurl_links=False, unfurl_media=False
            )
        )

    async def _call(self, method: Callable[[AsyncWebClient], Awaitable[AsyncSlackResponse]]) -> AsyncSlackResponse:
        """Call with the token as the file has it now, every failure turned into a SlackFailure."""
        client = await self._client()
        try:
            return await method(client)
        except SlackApiError as error:
            raise _refusal(error) from error
        except TimeoutError as error:
            raise SlackFailure("timeout", f"no answer from {self._settings.url} in {_REQUEST.total:g} s") from error
        except aiohttp.ClientError as error:
            raise SlackFailure("unreachable", f"{self._settings.url}: {type(error).__name__}: {error}") from error
        except AttributeError as error:
            # What slack-sdk 3.47 raises when something that is not Slack answers 200 with text: a proxy's login page.
            raise self._no_slack() from error
        except (ValueError, RecursionError) as error:  # a body that is no text, or no JSON that anybody means
            raise self._no_slack() from error

    def _no_slack(self) -> SlackFailure:
        return SlackFailure("unreachable", f"{self._settings.url} answers, but not as Slack does")

    async def _client(self) -> AsyncWebClient:
        """A client with the token of this moment: who rotates it need not restart us."""
        try:
            token = await asyncio.to_thread(read_token, self._settings.token_file)
        except SecretError as error:
            raise SlackFailure("token", str(error)) from error
        client = AsyncWebClient(
            token=token, base_url=self._settings.url, session=self._session, retry_handlers=[*self._handlers]
        )
        client.proxy = None  # the session decides, see above
        return client


def _refusal(error: SlackApiError) -> SlackFailure:
    """What Slack's answer means; without a readable body the SDK hands over aiohttp's response in its own's place."""
    response: Any = error.response
    if isinstance(response, AsyncSlackResponse):
        data = response.data if isinstance(response.data, dict) else {}
        return from_answer(response.status_code, str(data.get("error", "")), response.headers.get("Retry-After", ""))
    return from_answer(response.status, "")
