"""When a certificate ends: as openssl says it, whatever form the date has, and nothing of what is none."""

from __future__ import annotations

import ssl
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exporter import certificate
from sandbox import binaries
from sandbox.certificates import Authority


def _openssl(*arguments: str | Path) -> str:
    done = subprocess.run(
        [binaries.find("openssl"), *arguments], check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout


def _der(path: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(path.read_text())


@pytest.mark.parametrize("days", [-1, 1, 90, 36_500], ids=["ended", "short", "usual", "after 2050"])
def test_it_ends_when_openssl_says_so(days: int, tmp_path: Path) -> None:
    """From 2050 on a certificate has its dates in another form."""
    pair = Authority(tmp_path).issue("server", days=days)
    _, _, told = _openssl("x509", "-in", pair.cert, "-noout", "-enddate").strip().partition("=")
    assert certificate.ends(_der(pair.cert)) == ssl.cert_time_to_seconds(told)


@pytest.mark.parametrize("kind", ["rsa:2048", "ed25519"])
def test_whatever_key_it_has(kind: str, tmp_path: Path) -> None:
    made, key = tmp_path / "crt", tmp_path / "key"
    subject = "/O=" + "a long name " * 5 + "/CN=cache"
    _openssl("req", "-x509", "-newkey", kind, "-nodes", "-keyout", key, "-out", made, "-days", "3", "-subj", subject)
    _, _, told = _openssl("x509", "-in", made, "-noout", "-enddate").strip().partition("=")
    assert certificate.ends(_der(made)) == ssl.cert_time_to_seconds(told)


def _made(date: bytes, tag: int = 0x17, version: bool = True) -> bytes:
    """What stands before the end of a certificate, and its two dates."""
    begin = b"\x17\x0d200101000000Z"
    dates = begin + bytes([tag, len(date)]) + date
    head = (b"\xa0\x03\x02\x01\x02" if version else b"") + b"\x02\x01\x05" + b"\x30\x00" + b"\x30\x00"
    inner = head + bytes([0x30, len(dates)]) + dates
    inner = bytes([0x30, len(inner)]) + inner
    return bytes([0x30, len(inner)]) + inner


@pytest.mark.parametrize(
    ("date", "tag", "year"),
    [
        (b"491231235959Z", 0x17, 2049),
        (b"500101000000Z", 0x17, 1950),
        (b"680101000000Z", 0x17, 1968),
        (b"990101000000Z", 0x17, 1999),
        (b"20500101000000Z", 0x18, 2050),
        (b"99991231235959Z", 0x18, 9999),
    ],
)
def test_the_century_is_that_of_the_standard(date: bytes, tag: int, year: int) -> None:
    for version in (True, False):
        ends = certificate.ends(_made(date, tag, version))
        assert ends is not None
        assert datetime.fromtimestamp(ends, UTC).year == year


@pytest.mark.parametrize("date", [b"", b"2712312359Z", b"271331235959Z", b"271231235959+", b"\xff" * 13])
def test_a_date_that_is_none_is_not_guessed(date: bytes) -> None:
    assert certificate.ends(_made(date)) is None
    assert certificate.ends(_made(date, 0x16)) is None


def test_what_is_no_certificate_has_no_end(tmp_path: Path) -> None:
    whole = _der(Authority(tmp_path).issue("server").cert)
    assert certificate.ends(None) is None
    assert certificate.ends(b"\x30\x80\x00\x00") is None
    for at in range(len(whole)):
        assert certificate.ends(whole[:at]) is None, "it is cut off"


def test_a_server_may_send_anything(tmp_path: Path) -> None:
    whole = _der(Authority(tmp_path).issue("server").cert)
    for at in range(len(whole)):
        for bit in range(8):
            broken = bytearray(whole)
            broken[at] ^= 1 << bit
            assert isinstance(certificate.ends(bytes(broken)), float | None)
