"""Files that hold secrets and keys: passwords, authorities, certificates. Standard library only, so that the prober may use it.

Nothing is kept of a password: who opens a connection reads it then, so a rotated one works at the next connection.
"""

from __future__ import annotations

import binascii
import functools
import hashlib
import json
import re
import ssl
from dataclasses import dataclass
from pathlib import Path

_PEM = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----(.*?)-----END", re.DOTALL)
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class SecretError(Exception):
    """A secret or a key cannot be used; the text says which and why, never its content.

    `key` is the key of the policy's `tls` that names the file, empty for secrets.
    """

    def __init__(self, text: str, key: str = "") -> None:
        self.key = key
        super().__init__(text)


def read_file(path: Path) -> str:
    """The secret in a file, without the line break at its end and the mark that some editors put before UTF-8."""
    try:
        text = path.read_text(encoding="utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise SecretError(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise SecretError(f"{path} cannot be read: {error.strerror}") from error
    if not text:
        raise SecretError(f"{path} is empty")
    if _is_map(text):
        raise SecretError(
            f"{path} holds a JSON object and not a secret alone; of a password file of redis_exporter make one file for each "
            "login, with nothing but the password, and name them under fleet.auth and fleet.overrides"
        )
    return text


def _is_map(text: str) -> bool:
    try:
        return text.startswith("{") and isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def read_token(path: Path) -> str:
    """A secret that stands in an HTTP header; SecretError also when it is more than one word."""
    text = read_file(path).strip()
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise SecretError(f"{path} is no token: it must hold one word of ASCII and nothing else")
    return text


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The TLS of one connection. Files are paths, "" where there is none; `fingerprints` are SHA-256 in hexadecimal."""

    server_name: str
    minimum: str = "1.3"
    ca: str = ""
    cert: str = ""
    key: str = ""
    fingerprints: tuple[str, ...] = ()

    def context(self) -> ssl.SSLContext:
        """What handshakes need, built anew only after a file has changed. SecretError when a file is no good.

        The certificate is checked against the authority and the server's name. A pinned one without an authority
        needs neither: `trusts` is what knows it.
        """
        stamps = (_stamp(self.ca, "ca_file"), _stamp(self.cert, "cert_file"), _stamp(self.key, "key_file"))
        checked = bool(self.ca) or not self.fingerprints
        return _context(self.minimum, self.ca, self.cert, self.key, checked, stamps)

    def shown(self) -> tuple[bytes, ...]:
        """Our own certificate (DER) and those after it in its file, none without one; read anew only after the file has changed.

        SecretError when the file cannot be read.
        """
        return _certificates(self.cert, _stamp(self.cert, "cert_file")) if self.cert else ()

    def trusts(self, certificate: bytes | None) -> bool:
        """Whether the certificate (DER) of the other side is a pinned one; with none pinned any that got this far is."""
        return not self.fingerprints or hashlib.sha256(certificate or b"").hexdigest() in self.fingerprints


def _stamp(path: str, key: str) -> tuple[int, int, int] | None:
    """What changes when a file is written anew, or another is put in its place."""
    if not path:
        return None
    try:
        found = Path(path).stat()
    except OSError as error:
        raise SecretError(f"{path} cannot be read: {error.strerror}", key) from error
    return found.st_mtime_ns, found.st_size, found.st_ino


@functools.lru_cache(maxsize=64)
def _certificates(path: str, stamp: object) -> tuple[bytes, ...]:
    try:
        texts = _PEM.findall(Path(path).read_bytes())
        return tuple(binascii.a2b_base64(text) for text in texts)
    except binascii.Error:
        return ()  # OpenSSL says what is wrong with it, when it is to be shown
    except OSError as error:
        raise SecretError(f"{path} cannot be read: {error.strerror}", "cert_file") from error


@functools.lru_cache(maxsize=64)
def _context(minimum: str, ca: str, cert: str, key: str, checked: bool, stamps: tuple[object, ...]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = _VERSIONS[minimum]
    if not checked:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    elif ca:
        _load_authority(context, ca)
    else:
        context.load_default_certs()
    if cert:
        _load_certificate(context, cert, key)
    return context


def _load_authority(context: ssl.SSLContext, ca: str) -> None:
    try:
        context.load_verify_locations(ca)
    except ssl.SSLError as error:
        raise SecretError(f"{ca} holds no certificate in PEM form", "ca_file") from error
    except OSError as error:
        raise SecretError(f"{ca} cannot be read: {error.strerror}", "ca_file") from error


def _load_certificate(context: ssl.SSLContext, cert: str, key: str) -> None:
    try:
        context.load_cert_chain(cert, key, password=functools.partial(_refuse_password, key))
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise SecretError(f"{key} is not the key of {cert}", "key_file") from error
        raise SecretError(f"{cert} and {key} are not a certificate and its key in PEM form", "cert_file") from error
    except OSError as error:
        raise SecretError(f"{cert} or {key} cannot be read: {error.strerror}", "cert_file") from error


def _refuse_password(key: str) -> str:
    """OpenSSL asks for the password of a locked key; without this it would ask on the terminal."""
    raise SecretError(
        f"{key} is locked with a password; store the key without one, readable by this user only", "key_file"
    )
