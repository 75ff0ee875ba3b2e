"""A client that asks on schedule, whatever is outstanding, as a process of its own: `python -m bench.open_loop URL RATE SECONDS`.

Each answer is timed from the moment its request was due. A client that waits for one answer before it sends the next
would never see the queue behind a slow one. It prints one JSON object: seconds of every answer, by status, and how late it sent.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from urllib.parse import urlsplit

_CONNECT_PATIENCE = 10.0


class Client:
    """Requests over kept connections; a new one when all are taken."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._request = f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.answers: dict[str, list[float]] = {}
        self.lags: list[float] = []

    async def ask(self, due: float) -> None:
        """One request that is due now."""
        self.lags.append(time.perf_counter() - due)
        try:
            async with asyncio.timeout(_CONNECT_PATIENCE):
                status = await self._ask()
        except (OSError, asyncio.IncompleteReadError) as error:
            status = type(error).__name__
        self.answers.setdefault(status, []).append(time.perf_counter() - due)

    async def _ask(self) -> str:
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection(self._host, self._port)
        writer.write(self._request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length:")[2].split(b"\r\n", 1)[0]
        await reader.readexactly(int(length))
        self._idle.append((reader, writer))
        return head.split(b" ", 2)[1].decode()

    async def run(self, rate: float, seconds: float) -> None:
        """Ask `rate` times a second."""
        began, tasks = time.perf_counter(), []
        for number in range(int(rate * seconds)):
            due = began + number / rate
            await asyncio.sleep(max(due - time.perf_counter(), 0.0))
            tasks.append(asyncio.create_task(self.ask(due)))
        await asyncio.gather(*tasks)
        for _, writer in self._idle:
            writer.close()


def main(url: str, rate: str, seconds: str) -> None:
    """Ask, and print what came."""
    client = Client(url)
    asyncio.run(client.run(float(rate), float(seconds)))
    print(json.dumps({"answers": client.answers, "lags": client.lags}))


if __name__ == "__main__":
    main(*sys.argv[1:])
