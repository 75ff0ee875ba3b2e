"""One kept connection to a node: commands out in one write, replies parsed by hiredis, everything bounded."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Iterable, Sequence
from itertools import pairwise

import hiredis

from exporter import certificate
from exporter.access import MUTE, NOT_PINNED, OPEN, Access
from exporter.failures import NodeError, from_reply
from exporter.inbox import Inbox
from exporter.names import Names

# Seconds for a handshake of TLS, and the share of the caller's patience at most: what hangs there is told from what hangs later.
_HANDSHAKE_PATIENCE, _HANDSHAKE_SHARE = 3.0, 0.8
_CLOSED_AT_ONCE = "the connection was closed before the first reply: does the port speak TLS only?"
_REPEATED = "AUTH was refused; what the server said is left out, for it repeats the login"
Command = tuple[str, ...]


class Connection:
    """An open connection. Raises NodeError for error replies and OSError for what sockets do."""

    def __init__(self, address: str, transport: asyncio.Transport, inbox: Inbox, access: Access = OPEN) -> None:
        self.address = address
        self._access = access
        self.asked_for_tls = False  # by who named the node, beside what the policy says
        self._transport, self._inbox = transport, inbox
        self._encrypted = transport.get_extra_info("ssl_object")

    @classmethod
    async def open(
        cls, address: str, port: int, access: Access | None = None, patience: float = math.inf
    ) -> Connection:
        """Connect to an IP address or the path of a Unix socket, and log in; the caller bounds the time, by `patience` seconds.

        The password leaves only after the server has shown the certificate that is asked of it.
        """
        access = access or OPEN
        login = access.login()
        connection = cls(address, *await _dialled(address, port, access, patience), access)
        try:
            connection._check_pin(access)
            if login:
                await connection._log_in(login)
        except BaseException:
            connection.close()
            raise
        return connection

    @classmethod
    async def dial(
        cls, names: Names, host: str, port: int, access: Access | None = None, patience: float = math.inf
    ) -> Connection:
        """Connect to a host by its name: by the address used last, then by its others, as clients do.

        Raises what the first one ended in. An address that hangs until the caller loses patience is not the first one
        the next time.
        """
        first = await names.resolve(host)
        failed: OSError | None = None
        for address, after in pairwise((*names.candidates(host), first)):
            try:
                connection = await cls.open(address, port, access, patience)
            except asyncio.CancelledError:
                names.use(host, after)
                raise
            except OSError as error:
                failed = failed or error
            else:
                names.use(host, address)
                return connection
        raise failed or ConnectionRefusedError

    @property
    def tls(self) -> str:
        """The version of TLS, as "TLSv1.3"; empty on a plain connection."""
        return "" if self._encrypted is None else str(self._encrypted.version())

    @property
    def certificate_ends(self) -> float | None:
        """Unix seconds at which the server's certificate ends; None on a plain connection, or where it cannot be read."""
        return None if self._encrypted is None else certificate.ends(self._encrypted.getpeercert(binary_form=True))

    @property
    def ended(self) -> bool:
        """Whether the other side has closed it meanwhile, as servers do with idle clients: nothing failed, it is just over."""
        return self._inbox.ended or self._transport.is_closing()

    def _check_pin(self, access: Access) -> None:
        if access.tls is not None and not access.tls.trusts(self._encrypted.getpeercert(binary_form=True)):
            raise NodeError("tls", NOT_PINNED)

    async def _log_in(self, login: tuple[str, ...]) -> None:
        try:
            await self.ask([login])
        except NodeError as error:
            # A server that does not know AUTH repeats its arguments, cut off perhaps; they must not reach a log.
            if error.result == "protocol":
                raise NodeError("protocol", "AUTH was not answered as Redis answers it") from None
            if any(word in str(error) for word in login[1:]):
                raise NodeError(error.result, _REPEATED) from None
            raise

    async def ask(self, commands: Sequence[Command]) -> list[object]:
        """Send all commands in one write and read as many replies; the first error reply is raised."""
        self.send(commands)
        replies = await self.replies(len(commands))
        for reply in replies:
            if isinstance(reply, hiredis.ReplyError):
                raise from_reply(str(reply))
        return replies

    def send(self, commands: Iterable[Command]) -> None:
        """Send all commands in one write; each is answered by one reply, in order."""
        packed = [hiredis.pack_command(command) for command in commands]  # type: ignore[arg-type]  # the stub knows 1-tuples only
        self._inbox.expect(len(packed))
        self._transport.write(b"".join(packed))

    async def replies(self, count: int) -> list[object]:
        """The next `count` replies; an error reply is a value (`hiredis.ReplyError`)."""
        try:
            return await self._inbox.take(count)
        except ConnectionError as error:
            if self._inbox.answered:
                raise
            if self._encrypted is not None:
                raise self._access.refused_later(time.time()) from error
            raise NodeError("reset", _CLOSED_AT_ONCE) from error

    def close(self) -> None:
        """Drop the connection, whatever state it is in."""
        with contextlib.suppress(OSError, RuntimeError):
            self._transport.abort()


async def _dialled(address: str, port: int, access: Access, patience: float) -> tuple[asyncio.Transport, Inbox]:
    loop = asyncio.get_running_loop()
    if address.startswith("/"):
        return await loop.create_unix_connection(Inbox, address)
    if access.tls is None:
        return await loop.create_connection(Inbox, address, port)
    try:
        return await loop.create_connection(
            Inbox,
            address,
            port,
            ssl=access.context(),
            server_hostname=access.tls.server_name,
            ssl_handshake_timeout=min(_HANDSHAKE_PATIENCE, _HANDSHAKE_SHARE * patience),
        )
    except ConnectionAbortedError as error:  # asyncio's word for its own patience
        raise NodeError("tls", MUTE) from error
    except ValueError as error:  # the host is one that no certificate can be for
        if isinstance(error, OSError):  # a certificate that is not trusted is both
            raise
        raise NodeError("tls", str(error)) from error
