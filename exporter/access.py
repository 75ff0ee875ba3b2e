"""How one node is entered: its login and its TLS, in the form that the prober understands too."""

from __future__ import annotations

import ssl
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from exporter import certificate
from exporter.failures import OWN_EXPIRED, NodeError
from policy.key_files import SecretError, TlsFiles, read_file

# A server that speaks TLS 1.3 refuses a client's certificate only after the client's own end of the handshake.
REFUSED_LATER = "the connection was closed after the handshake: does it ask for another client certificate?"
# A Redis without TLS waits for more of the first message, in silence.
MUTE = "it took the connection and did not answer the handshake: does the port speak TLS?"
NOT_PINNED = "its certificate is not the one whose fingerprint the policy pins"


@dataclass(frozen=True, slots=True)
class Access:
    """A user (None: the default one), where its password is, and the TLS. Without password and file there is no login."""

    username: str | None = None
    password: str = field(default="", repr=False)
    password_file: str = ""
    tls: TlsFiles | None = None

    def login(self) -> tuple[str, ...]:
        """The words of the AUTH command, a password in a file read now; none without login. NodeError("auth")."""
        if not self.password and not self.password_file:
            return ()
        try:
            password = self.password or read_file(Path(self.password_file))
        except SecretError as error:
            raise NodeError("auth", str(error)) from error
        return ("AUTH", self.username, password) if self.username else ("AUTH", password)

    def context(self) -> ssl.SSLContext | None:
        """What a handshake needs, None for a plain connection. NodeError("tls") when a file is no good."""
        try:
            return None if self.tls is None else self.tls.context()
        except SecretError as error:
            raise NodeError("tls", str(error)) from error

    def own_certificate_ends(self) -> float | None:
        """Unix seconds at which the client certificate of the next connection ends, or what is shown above it.

        None without one. NodeError("tls") when a file is no good.
        """
        if self.tls is None or self.context() is None:
            return None
        try:
            return certificate.chain_ends(self.tls.shown())
        except SecretError as error:
            raise NodeError("tls", str(error)) from error

    def refused_later(self, now: float) -> NodeError:
        """Why a server hangs up after the handshake, of which it may say nothing; `now` is in Unix seconds."""
        ends = self.own_certificate_ends()
        return NodeError("tls", OWN_EXPIRED if ends is not None and ends <= now else REFUSED_LATER)

    def order(self) -> dict[str, Any]:
        """As the prober is told."""
        return asdict(self)

    @classmethod
    def from_order(cls, order: dict[str, Any]) -> Self:
        """What the prober was told."""
        tls = order["tls"]
        files = None if tls is None else TlsFiles(**{**tls, "fingerprints": tuple(tls["fingerprints"])})
        return cls(**{**order, "tls": files})


OPEN = Access()
"""No login, no TLS."""
