"""The body of an HTTP answer, which may be of any size."""

from __future__ import annotations

import aiohttp


async def whole(answer: aiohttp.ClientResponse, most: int) -> bytes | None:
    """All of it, or None where it is more than `most` bytes: then the rest stays unread."""
    parts, size = [], 0
    async for part in answer.content.iter_chunked(1 << 18):
        size += len(part)
        if size > most:
            return None
        parts.append(part)
    return b"".join(parts)
