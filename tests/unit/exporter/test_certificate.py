"""When a certificate ends: as openssl says it, whatever form the date has, and nothing of what is none."""

from __future__ import annotations

import ssl
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exporter import certificate
from exporter.access import REFUSED_LATER, Access
from exporter.failures import OWN_EXPIRED
from policy.key_files import TlsFiles
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


def _end(path: Path) -> float:
    found = certificate.ends(_der(path))
    assert found is not None
    return found


def test_of_a_chain_the_first_to_end_counts(tmp_path: Path) -> None:
    """Whoever is shown a certificate and what vouches for it takes neither when either has ended: tried on a real server."""
    root = Authority(tmp_path)
    short, ended, long = (Authority(tmp_path / f"{days}", "between", root, days) for days in (3, -1, 90))
    leaf = short.issue("client", days=30)
    shown = {name: _der(path) for name, path in {"leaf": leaf.cert, "ended": ended.cert, "root": root.cert}.items()}
    chain = certificate.chain_ends
    assert chain([shown["leaf"]]) == _end(leaf.cert)
    assert chain([shown["leaf"], _der(long.cert)]) == _end(leaf.cert)
    assert chain([shown["leaf"], _der(short.cert)]) == _end(short.cert)
    assert chain([shown["leaf"], shown["ended"]]) == _end(ended.cert)


def test_of_two_that_may_vouch_the_one_that_lasts_counts_and_what_stands_beside_does_not(tmp_path: Path) -> None:
    """As when an intermediate is renewed under its name, and an old bundle holds both."""
    root, other = Authority(tmp_path), Authority(tmp_path / "other", "other")
    old, new = (Authority(tmp_path / f"{days}", "between", root, days) for days in (-1, 90))
    leaf, direct = new.issue("client", days=30), root.issue("direct", days=30)
    for between in ((old, new), (new, old), (old, new, old, new)):
        assert certificate.chain_ends([_der(leaf.cert), *(_der(each.cert) for each in between)]) == _end(leaf.cert)
    beside = [_der(old.cert), _der(other.cert), _der(root.cert), b"", b"garbage"]
    assert certificate.chain_ends([_der(direct.cert), *beside]) == _end(direct.cert)


def test_an_authority_in_the_file_that_vouches_for_itself_is_looked_up_by_the_server_and_not_here(
    tmp_path: Path,
) -> None:
    """Also one that is its own client certificate, which would go round for ever."""
    root = Authority(tmp_path)
    leaf = root.issue("client", days=30)
    assert certificate.chain_ends([_der(leaf.cert), _der(root.cert)]) == _end(leaf.cert)
    assert certificate.chain_ends([_der(root.cert), _der(root.cert)]) == _end(root.cert)


def test_two_that_vouch_for_each_other_do_not_go_round(tmp_path: Path) -> None:
    one = Authority(tmp_path / "1", "one")
    two = Authority(tmp_path / "2", "two", one, 30)
    back = Authority(tmp_path / "3", "one", two, 20)
    leaf = two.issue("client", days=90)
    ends = certificate.chain_ends([_der(leaf.cert), _der(two.cert), _der(back.cert), _der(leaf.cert)])
    assert ends == _end(back.cert)


def test_where_there_is_none_or_it_cannot_be_read_there_is_no_end_of_a_chain(tmp_path: Path) -> None:
    whole = _der(Authority(tmp_path).cert)
    assert certificate.chain_ends([]) is None
    for first in (b"", whole[:20]):
        assert certificate.chain_ends([first, whole]) is None
    for at in range(len(whole)):
        assert isinstance(certificate.chain_ends([whole[:at], whole]), float | None)
        assert certificate.chain_ends([whole, whole[:at]]) == certificate.ends(whole)


def test_a_server_that_hangs_up_without_a_word_has_seen_a_client_certificate_that_has_ended_where_it_has(
    tmp_path: Path,
) -> None:
    """Its word for it may be lost with the connection."""
    pair = Authority(tmp_path).issue("client")
    own = Access(tls=TlsFiles("node", cert=str(pair.cert), key=str(pair.key)))
    end = _end(pair.cert)
    assert str(own.refused_later(end)) == OWN_EXPIRED
    assert str(own.refused_later(end - 1)) == REFUSED_LATER
    assert str(Access(tls=TlsFiles("node")).refused_later(end)) == REFUSED_LATER
    assert own.refused_later(end).result == "tls"
