"""A certificate authority for throw-away servers on loopback, made by openssl."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import binaries, ports


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, in PEM form."""

    cert: Path
    key: Path

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as `openssl x509 -fingerprint` prints it."""
        return _openssl("x509", "-in", self.cert, "-noout", "-fingerprint", "-sha256").strip().rpartition("=")[2]


@dataclass(frozen=True)
class ServerTls:
    """What a Redis server on loopback needs for TLS. `ca` checks its clients where `clients` says that they must show one."""

    ca: Path
    pair: Pair
    clients: bool = False
    versions: str = "TLSv1.2 TLSv1.3"

    def lines(self, port: int) -> list[str]:
        """Lines of redis.conf: TLS on the port, and nothing else."""
        return [
            "port 0",
            f"tls-port {port}",
            f'tls-cert-file "{self.pair.cert}"',
            f'tls-key-file "{self.pair.key}"',
            f'tls-ca-cert-file "{self.ca}"',
            f"tls-auth-clients {'yes' if self.clients else 'no'}",
            f'tls-protocols "{self.versions}"',
            "tls-replication yes",
        ]

    def client_options(self) -> dict[str, Any]:
        """Options of redis-py's client, which shows a certificate and checks none.

        From Python 3.13 on its checks are strict and want an authority key identifier, which our certificates lack as
        those of most people's openssl scripts do. The exporter takes them on every Python; so must its tests.
        """
        files = {"ssl_certfile": str(self.pair.cert), "ssl_keyfile": str(self.pair.key)}
        return {"ssl": True, "ssl_check_hostname": False, "ssl_cert_reqs": "none", **files}


class Authority:
    """An authority with its files in `directory`, signed by the one `above`, else by itself; it ends after so many days."""

    def __init__(self, directory: Path, name: str = "ca", above: Authority | None = None, days: int = 1) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self.cert, self._key = directory / f"{name}.crt", directory / f"{name}.key"
        if above is None:
            own = (*_new_key(self._key), "-out", self.cert, "-days", f"{days}", "-subj", f"/CN={name}")
            _openssl("req", "-x509", *own)
        else:
            above._sign(Pair(self.cert, self._key), name, "basicConstraints=critical,CA:TRUE", days)

    def issue(self, name: str, *names: str, days: int = 1) -> Pair:
        """A certificate for loopback, or for these names and addresses, as "DNS:cache.test" or "IP:127.0.0.1".

        It ends after so many days, with -1 it has ended a day ago. Issued again under the same `name` it takes the place of
        the one before.
        """
        pair = Pair(self._directory / f"{name}.crt", self._directory / f"{name}.key")
        self._sign(pair, name, f"subjectAltName={','.join(names or (f'IP:{ports.LOOPBACK}', 'DNS:localhost'))}", days)
        return pair

    def _sign(self, pair: Pair, name: str, extension: str, days: int) -> None:
        """Make a new key, and a certificate for it that this authority vouches for."""
        request, more = pair.cert.with_suffix(".csr"), pair.cert.with_suffix(".ext")
        more.write_text(f"{extension}\n")
        _openssl("req", *_new_key(pair.key), "-out", request, "-subj", f"/CN={name}")
        signed = ("-CA", self.cert, "-CAkey", self._key, "-CAcreateserial", "-days", f"{days}", "-extfile", more)
        _openssl("x509", "-req", "-in", request, *signed, "-out", pair.cert)


def _new_key(path: Path) -> tuple[str | Path, ...]:
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", path)


def _openssl(*arguments: str | Path) -> str:
    done = subprocess.run(
        [binaries.find("openssl"), *arguments], check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout
