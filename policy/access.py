"""How nodes are entered: the Redis user, TLS, and what differs from node to node."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictBool, ValidationInfo, field_validator

from policy.base import Fault, Model
from policy.key_files import TlsFiles

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


def resolve_file(value: Path, info: ValidationInfo) -> Path:
    """A relative secret file is sought beside the policy file, by everyone who reads it."""
    if "\0" in str(value):
        raise ValueError("has a NUL character in it")
    base = (info.context or {}).get("base")
    return value if base is None or value.is_absolute() else Path(base) / value


def _resolve(value: Path | None, info: ValidationInfo) -> Path | None:
    return None if value is None else resolve_file(value, info)


class _Switched(Model):
    """Something that `enabled: false` alone turns off, where otherwise the fleet's would hold."""

    enabled: StrictBool = True

    def _off_faults(self) -> Iterator[Fault]:
        others = sorted(self.model_fields_set - {"enabled"})
        if others:
            yield "enabled", f"false stands alone; take out {', '.join(others)}, or enabled"


class Auth(_Switched):
    """A Redis user. The password never stands in the policy, only the place it is read from."""

    username: str | None = Field(default=None, min_length=1)
    password_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    password_file: Path | None = None

    _resolve = field_validator("password_file")(_resolve)

    def _faults(self) -> Iterator[Fault]:
        if not self.enabled:
            yield from self._off_faults()
        elif (self.password_env is None) == (self.password_file is None):
            yield "", "needs exactly one of password_env and password_file"


def _version(value: Any) -> str:
    """YAML reads 1.3 as a number; a version below 1.2 is named for what it is."""
    text = str(value)
    if text in ("1.0", "1.1", "1"):
        raise ValueError(f"TLS {text} is broken and not offered; write 1.3, or 1.2 for servers that know no better")
    return text


def _fingerprints(value: Any) -> Any:
    """One fingerprint or several, with or without colons, as `openssl x509 -fingerprint -sha256` prints them."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not texts:
        raise ValueError("must be a SHA-256 fingerprint, or a list of them")
    found = tuple(str(text).rpartition("=")[2].replace(":", "").lower() for text in texts)
    if not all(map(_FINGERPRINT.fullmatch, found)):
        raise ValueError(
            "is not a SHA-256 fingerprint, 64 hexadecimal digits; "
            "`openssl x509 -in server.crt -noout -fingerprint -sha256` prints it"
        )
    return found


def is_host_name(name: str) -> bool:
    """Whether a handshake can ask for that name."""
    try:
        return bool(name.encode("idna"))
    except UnicodeError:
        return False


class Tls(_Switched):
    """TLS to a node. Without `ca_file` the machine's authorities count; a fingerprint without one is trusted by itself."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    server_name: str | None = Field(default=None, min_length=1)
    fingerprint: Annotated[tuple[str, ...], BeforeValidator(_fingerprints)] = Field(default=(), validate_default=False)
    min_version: Annotated[Literal["1.2", "1.3"], BeforeValidator(_version)] = "1.3"

    _resolve = field_validator("ca_file", "cert_file", "key_file")(_resolve)

    def _faults(self) -> Iterator[Fault]:
        if self.server_name is not None and not is_host_name(self.server_name):
            yield "server_name", "is no host name; write the one of the certificate, as redis.example.com"
        if not self.enabled:
            yield from self._off_faults()
        elif self.key_file is not None and self.cert_file is None:
            yield "key_file", "needs its certificate; name it as cert_file"
        elif self.cert_file is not None and self.key_file is None:
            yield "cert_file", "needs its key; name it as key_file (the same file, if both stand in one)"

    def files(self, host: str) -> TlsFiles:
        """What a connection to a host needs."""
        ca, cert, key = (str(path or "") for path in (self.ca_file, self.cert_file, self.key_file))
        return TlsFiles(self.server_name or host, self.min_version, ca, cert, key, self.fingerprint)


class Override(Model):
    """What differs for the nodes that `match` names; what it leaves out is the fleet's."""

    match: str = Field(min_length=1)
    auth: Auth | None = None
    tls: Tls | None = None

    def fits(self, instance: str) -> bool:
        """Whether this is about a node. `*` and `?` are wild; brackets are those of an IPv6 address."""
        pattern = self.match if self.match.startswith("unix:") else self.match.lower()
        return fnmatch.fnmatchcase(instance, pattern.replace("[", "[[]"))

    @property
    def is_wild(self) -> bool:
        """Whether it may be about nodes that nobody has listed."""
        return not {"*", "?"}.isdisjoint(self.match)

    def _faults(self) -> Iterator[Fault]:
        if self.auth is None and self.tls is None:
            yield "", "changes nothing; give it auth or tls"
        if self.match.startswith("unix:"):
            if self.tls is not None and self.tls.enabled:
                yield "tls", "a Unix socket carries no TLS; take it out"
        elif "@" in self.match or "://" in self.match:
            yield "match", "is compared with host:port; write neither scheme nor login, as in 10.0.1.*:6379"
        elif not self.match.endswith("*") and not re.search(r":(\d+|[\d?*]*)$", self.match):
            yield "match", f"{self.match!r} names no port and fits no node; write {self.match}:6379, or {self.match}:*"


def repeated(overrides: tuple[Override, ...]) -> Iterator[Fault]:
    """Overrides that are never reached, because the same match stands before them."""
    first: dict[str, int] = {}
    for index, override in enumerate(overrides):
        if first.setdefault(override.match, index) != index:
            yield f"{index}.match", f"stands in fleet.overrides.{first[override.match]} already, and the first counts"
