"""One kept connection to a node: commands out in one write, replies parsed by hiredis, everything bounded."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import hiredis

from exporter.failures import NodeError, from_reply

# INFO of a node with every command seen is about 20 KiB; a peer that sends more than this is no Redis we can use.
MAX_REPLY = 8 * 1024 * 1024
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Credentials:
    """What AUTH sends; `username` None for the default user."""

    username: str | None
    password: str

    def command(self) -> tuple[str, ...]:
        """The AUTH command."""
        return ("AUTH", self.username, self.password) if self.username else ("AUTH", self.password)

    def __repr__(self) -> str:
        return f"Credentials({self.username!r}, ...)"


class Connection:
    """An open connection. Raises NodeError for error replies and OSError for what sockets do."""

    def __init__(self, address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.address = address
        self._reader, self._writer = reader, writer
        self._parser = hiredis.Reader()

    @classmethod
    async def open(cls, address: str, port: int, credentials: Credentials | None) -> Connection:
        """Connect to an IP address and log in; the caller bounds the time."""
        connection = cls(address, *await asyncio.open_connection(address, port))
        try:
            if credentials is not None:
                await connection._log_in(credentials)
        except BaseException:
            connection.close()
            raise
        return connection

    async def _log_in(self, credentials: Credentials) -> None:
        try:
            await self.ask([credentials.command()])
        except NodeError as error:
            if error.result != "protocol":
                raise
            # A server that does not know AUTH repeats its arguments in the error; they must not reach a log.
            raise NodeError("protocol", "AUTH was not answered as Redis answers it") from None

    async def ask(self, commands: Sequence[tuple[str, ...]]) -> list[object]:
        """Send all commands in one write and read as many replies; the first error reply is raised."""
        self._writer.write(b"".join(hiredis.pack_command(c) for c in commands))  # type: ignore[arg-type]  # the stub knows 1-tuples only
        replies = [await self._reply() for _ in commands]
        for reply in replies:
            if isinstance(reply, hiredis.ReplyError):
                raise from_reply(str(reply))
        return replies

    async def _reply(self) -> object:
        received = 0
        try:
            while (reply := self._parser.gets()) is False:
                chunk = await self._reader.read(_CHUNK)
                received += len(chunk)
                if not chunk:
                    raise ConnectionResetError
                if received > MAX_REPLY:
                    raise NodeError("protocol", f"a reply of more than {MAX_REPLY} bytes")
                self._parser.feed(chunk)
        except hiredis.ProtocolError as error:
            raise NodeError("protocol", f"not a Redis reply: {error}") from error
        return reply

    def close(self) -> None:
        """Drop the connection, whatever state it is in."""
        with contextlib.suppress(OSError, RuntimeError):
            self._writer.transport.abort()
