"""Pages over HTTP: gzip when it is asked for; a large page is never as a whole in memory, and lets others have their turn."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from aiohttp import web
from isal import isal_zlib

from exporter.exposition import CONTENT_TYPE

# Level 1 makes a seventeenth of a page, as zlib's does at four to five times the CPU; the levels above it make it no smaller.
_LEVEL = 1
_GZIP = 16 + isal_zlib.MAX_WBITS
# Bytes: small enough to stay in the processor's cache from one copy to the next.
_PIECE = 128 * 1024
# Seconds that a page is worked on before all else that waits has its turn: a page of 500 nodes takes 0.2 s.
_TURN = 0.002
# Seconds in which a page must have been read: nobody waits longer for one, and it holds what it is made of.
PATIENCE = 60.0
_NOTHING = re.compile(r"q=0(\.0*)?")


def asks_for_gzip(headers: Iterable[str]) -> bool:
    """Whether the request's Accept-Encoding names gzip. `*` does not: whoever wants the work done says so."""
    for coding in ",".join(headers).lower().split(","):
        name, *parameters = (part.strip() for part in coding.split(";"))
        if name in ("gzip", "x-gzip"):
            return not any(_NOTHING.fullmatch(parameter) for parameter in parameters)
    return False


async def page(request: web.Request, texts: Iterable[Sequence[bytes]]) -> web.StreamResponse:
    """Answer with lists of texts, one after the other, as they are made."""
    headers = {"Content-Type": CONTENT_TYPE, "Vary": "Accept-Encoding"}
    rest = pieces(texts)
    if asks_for_gzip(request.headers.getall("Accept-Encoding", ())):
        headers["Content-Encoding"], rest = "gzip", _packed(rest)
    first, second = next(rest, b""), next(rest, None)
    if second is None:
        return web.Response(body=first, headers=headers)
    return await _streamed(request, chain((first, second), rest), headers)


async def _streamed(request: web.Request, rest: Iterable[bytes], headers: dict[str, str]) -> web.StreamResponse:
    """Send at the pace of whoever reads."""
    response, began = web.StreamResponse(headers=headers), time.monotonic()
    try:
        async with asyncio.timeout(PATIENCE):
            await response.prepare(request)
            for piece in rest if request.method != "HEAD" else ():
                if piece:
                    await response.write(piece)
                if time.monotonic() - began > _TURN:
                    await asyncio.sleep(0)
                    began = time.monotonic()
    except ConnectionResetError:
        pass  # it has gone: aiohttp would log it as our failure, and its traceback hold all that the page is made of
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()  # half a page must not look like a whole one
    return response


def pieces(texts: Iterable[Sequence[bytes]]) -> Iterator[bytes]:
    """Texts together, `_PIECE` of them or a little more at a time."""
    held: list[bytes] = []
    size = 0
    for some in texts:
        held += some
        size += sum(map(len, some))
        if size >= _PIECE:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def _packed(plain: Iterable[bytes]) -> Iterator[bytes]:
    """Pieces of gzip, b"" for a further one that is held back as too small yet."""
    packer = isal_zlib.compressobj(_LEVEL, wbits=_GZIP)
    held: list[bytes] = []
    for number, piece in enumerate(plain):
        held.append(packer.compress(piece))
        if sum(map(len, held)) >= _PIECE:
            yield b"".join(held)
            held = []
        elif number:
            yield b""
    yield b"".join([*held, packer.flush()])
