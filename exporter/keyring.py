"""Policy -> how each node is entered. A login goes to the nodes that it was given for, and to nobody else."""

from __future__ import annotations

from collections.abc import Mapping

from exporter.access import Access
from exporter.targets import Target
from policy.access import Auth, Tls
from policy.fleet import Fleet
from policy.secret_files import password


class Keyring:
    """The logins and TLS settings of a fleet. SecretError when a password cannot be read at the start."""

    def __init__(self, fleet: Fleet, environ: Mapping[str, str]) -> None:
        self._fleet, self._environ = fleet, environ
        own = fleet.sentinel.auth if fleet.sentinel else None
        for auth in (fleet.auth, own, *(override.auth for override in fleet.overrides)):
            if auth is not None and auth.enabled:
                password(auth, environ)

    def of(self, target: Target) -> Access:
        """How a node of the fleet is entered."""
        auth, tls = self._fleet.auth_of(target.instance), self._fleet.tls_of(target.instance, asked=target.tls)
        return self._access(auth, tls, target.name or target.host)

    def sentinel(self, host: str) -> Access:
        """How a Sentinel is entered: by its own login, never the nodes'."""
        sentinel = self._fleet.sentinel
        return Access() if sentinel is None else self._access(sentinel.auth, sentinel.tls, host)

    def _access(self, auth: Auth | None, tls: Tls | None, host: str) -> Access:
        files = tls.files(host) if tls is not None and tls.enabled else None
        if auth is None or not auth.enabled:
            return Access(tls=files)
        if auth.password_file is not None:
            return Access(auth.username, password_file=str(auth.password_file), tls=files)
        return Access(auth.username, password(auth, self._environ), tls=files)
