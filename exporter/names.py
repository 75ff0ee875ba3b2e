"""Host names -> addresses, so that a name server that hangs or fails costs nobody but the names it does not tell."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
import threading
from collections.abc import Callable, Iterable
from functools import lru_cache

from exporter.failures import NodeError

log = logging.getLogger(__name__)


@lru_cache(maxsize=1 << 12)  # asked at every collection of every node
def numeric(host: str) -> str | None:
    """An IP address in its shortest form, the path of a Unix socket as it is; None for a name."""
    if host.startswith("/"):
        return host
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def look_up(host: str) -> list[str]:
    """Every address of a name, blocking; OSError or ValueError when it has none."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


class Names:
    """The newest addresses of each name. Those known stay while the name server is silent, one that is used while it is there.

    `turned` counts how often a name was used by another address than before, because that one could not be reached.

    Each lookup has a thread that nothing waits for: those of asyncio's pool are few, and the process cannot end before
    they do.
    """

    def __init__(self, look: Callable[[str], list[str]] = look_up) -> None:
        self._look = look
        self._known: dict[str, str] = {}
        self._all: dict[str, tuple[str, ...]] = {}
        self._under_way: dict[str, asyncio.Future[None]] = {}
        self._failures: dict[str, str] = {}
        self.turned = 0

    def address(self, host: str) -> str | None:
        """The address of a host, None where none was found yet."""
        return numeric(host) or self._known.get(host)

    def addresses(self, host: str) -> tuple[str, ...]:
        """Every address of a name as the last answer had them; empty before the first."""
        return self._all.get(host, ())

    def candidates(self, host: str) -> tuple[str, ...]:
        """The addresses by which a host may be reached, the one that is used first; empty before one was found."""
        used = self.address(host)
        return () if used is None else (used, *(other for other in self.addresses(host) if other != used))

    def use(self, host: str, address: str) -> None:
        """Use an address of a name from now on: another cannot be reached."""
        if self._known.get(host, address) != address:
            self._known[host] = address
            self.turned += 1

    def failure(self, host: str) -> str:
        """Why the last lookup of a name found nothing; empty when it did, or none has ended yet."""
        return self._failures.get(host, "")

    def unanswered(self, host: str) -> bool:
        """Whether nothing can be said of a name yet: its first lookup still runs."""
        return self.address(host) is None and host not in self._failures

    async def refresh(self, hosts: Iterable[str], patience: float) -> None:
        """Look every name up again, and wait for the answers `patience` seconds at most; what comes later counts too."""
        lookups = [self._start(host) for host in set(hosts) if numeric(host) is None]
        if lookups:
            await asyncio.wait(lookups, timeout=patience)

    async def resolve(self, host: str) -> str:
        """The address of a host, looked up when it is not known; NodeError("refused") when there is none."""
        if self.address(host) is None:
            await asyncio.shield(self._start(host))
        found = self.address(host)
        if found is None:
            raise NodeError("refused", f"the name cannot be resolved: {self._failures.get(host, 'no address')}")
        return found

    def _start(self, host: str) -> asyncio.Future[None]:
        if host not in self._under_way:
            loop = asyncio.get_running_loop()
            self._under_way[host] = loop.create_future()
            threading.Thread(target=self._work, args=(host, loop), name=f"look up {host}", daemon=True).start()
        return self._under_way[host]

    def _work(self, host: str, loop: asyncio.AbstractEventLoop) -> None:
        found, failure = [], ""
        try:
            found = self._look(host)
        except (OSError, ValueError) as error:  # a name that cannot be encoded, or that has a NUL in it
            failure = str(error.strerror if isinstance(error, OSError) and error.strerror else error)
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile: nobody wants to know
            loop.call_soon_threadsafe(self._told, host, found, failure)

    def _told(self, host: str, found: list[str], failure: str) -> None:
        if found:
            self._failures.pop(host, None)
            self._all[host] = tuple(dict.fromkeys(found))
            if self._known.get(host) not in found:
                self._known[host] = found[0]
        else:
            if self._failures.get(host) != failure:
                kept = f"; staying with {self._known[host]}" if host in self._known else ""
                log.warning("%s cannot be resolved: %s%s", host, failure, kept)
            self._failures[host] = failure
        waiting = self._under_way.pop(host)
        if not waiting.done():
            waiting.set_result(None)
