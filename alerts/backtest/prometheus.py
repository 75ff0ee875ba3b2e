"""The HTTP API of a Prometheus (or of what answers like one), as far as a backtest asks it. The one edge that waits."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp
from yarl import URL

from alerts.whole import whole

MOST_POINTS = 10_000
"""Of a range query, per series; Prometheus refuses more than 11,000."""
_MOST_BYTES = 64 * 1024**2
_TIMEOUT = 180.0
_CURE = "give it more (--query.max-samples, --query.timeout), or ask another server"
_TOO_MUCH = ("too many samples", "query timed out", "exceeds", "limit")


class Unusable(Exception):
    """The history cannot be had; the text says why and what to do."""


class TooMuch(Exception):
    """One query wanted too much; half of it may do."""


class BadQuery(Exception):
    """The server refuses this expression, or cannot evaluate it over these data."""


@dataclass(frozen=True, slots=True)
class Series:
    """The labels of a series, and the times at which it has a value, in milliseconds since 1970; the values beside them."""

    labels: Mapping[str, str]
    times: tuple[int, ...]
    values: tuple[str, ...]


class Prometheus:
    """One server. To be used as an asynchronous context."""

    def __init__(self, url: str) -> None:
        parts = _url(url)
        self._auth = aiohttp.BasicAuth(parts.user, parts.password or "") if parts.user else None
        self._base = parts.with_user(None)
        self.name = str(self._base)

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(auth=self._auth, timeout=aiohttp.ClientTimeout(_TIMEOUT, sock_connect=10))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def long_range(self, query: str, start: int, end: int, step: int) -> list[Series]:
        """The same as `range` over any length; a series of two parts comes twice, in order."""
        return [series async for _, part in self.parts(query, start, end, step) for series in part]

    async def parts(self, query: str, start: int, end: int, step: int) -> AsyncIterator[tuple[int, list[Series]]]:
        """`range` over any length, part by part, each with its last time. What is too much for the server, or us, is halved.

        Unusable when a single evaluation is too much.
        """
        at, points = start, MOST_POINTS
        while at <= end:
            last = min(end, at + (points - 1) * step)
            try:
                found = await self.range(query, at, last, step)
            except TooMuch as error:
                if points == 1:
                    raise Unusable(f"one evaluation is too much for the server: {error}; {_CURE}") from error
                points = max(1, min(points, (last - at) // step + 1) // 2)
                continue
            yield last, found
            at += points * step

    async def range(self, query: str, start: int, end: int, step: int) -> list[Series]:
        """What an expression gives at `start`, `start + step`, ... to `end` (milliseconds)."""
        times = {"start": _seconds(start), "end": _seconds(end), "step": _seconds(step)}
        # Prometheus does not know `nocache`. VictoriaMetrics moves the times without it, to make better use of its cache.
        found = await self._ask("query_range", {"query": query, "nocache": "1", **times})
        return [_series(series) for series in found["result"]]

    async def instant(self, query: str, at: int) -> list[tuple[dict[str, str], float]]:
        """What an expression gives at one time: labels and value."""
        found = await self._ask("query", {"query": query, "time": _seconds(at)})
        return [(series["metric"], float(series["value"][1])) for series in found["result"]]

    async def _ask(self, path: str, fields: dict[str, str]) -> Any:
        url = self._base.with_path(f"{self._base.path.rstrip('/')}/api/v1/{path}")
        try:
            async with self._session.post(url, data=fields) as answer:
                body = await _body(answer)
                return self._understood(answer.status, body, path)
        except aiohttp.ConnectionTimeoutError:
            raise Unusable(f"{self.name} cannot be reached; is --prometheus right?") from None
        except TimeoutError:
            raise TooMuch(f"{self.name} gave no answer within {_TIMEOUT:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            cure = "is --prometheus right, and does it run?"
            raise Unusable(f"{self.name} cannot be asked: {_reason(error)}; {cure}") from error

    def _understood(self, status: int, body: bytes, path: str) -> Any:
        if status in (401, 403):
            raise Unusable(f"{self.name} answers {status}: it wants a login; write http://USER:PASSWORD@HOST:PORT")
        try:
            told = json.loads(body)
            good = told["status"] == "success"
        except (ValueError, KeyError, TypeError):
            cure = "is --prometheus the base URL of a Prometheus?"
            raise Unusable(f"{self.name} answers {status} without Prometheus' JSON to api/v1/{path}; {cure}") from None
        if not good:
            raise _refused(self.name, status, str(told.get("error", "")))
        if told.get("warnings") or told.get("isPartial"):
            said = "; ".join(map(str, told.get("warnings") or ("isPartial",)))
            raise Unusable(f"{self.name} answered from a part of its data ({said}); mend that, a part proves nothing")
        return told["data"]


def _reason(error: Exception) -> str:
    """What the system says, without what aiohttp wraps around it."""
    inner = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(inner, OSError) and inner.errno and inner.errno > 0:
        return os.strerror(inner.errno)
    return str(getattr(inner, "strerror", None) or inner) or type(inner).__name__


def _url(text: str) -> URL:
    try:
        url = URL(text.rstrip("/"))
        if url.scheme in ("http", "https") and url.host:
            return url
    except ValueError:
        pass
    raise Unusable(f"{text!r} is not the URL of a Prometheus; write http://HOST:PORT")


def _refused(name: str, status: int, said: str) -> Exception:
    if status in (413, 422, 503) and any(text in said for text in _TOO_MUCH):
        return TooMuch(f"{name}: {said}")
    if status in (400, 422):
        return BadQuery(said)
    return Unusable(f"{name} answers {status}: {said or 'no reason given'}")


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """All of an answer, but never more of it than fits: what is larger is asked for in smaller parts."""
    body = await whole(answer, _MOST_BYTES)
    if body is None:
        raise TooMuch(f"an answer of more than {_MOST_BYTES >> 20} MiB")
    return body


def _series(found: Mapping[str, Any]) -> Series:
    times = tuple(round(float(at) * 1000) for at, _ in found["values"])
    return Series(found["metric"], times, tuple(value for _, value in found["values"]))


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds // 1000}.{milliseconds % 1000:03d}"
