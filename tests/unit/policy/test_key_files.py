"""Key files that are no good are named, with the cure; what is replaced in place counts from then on."""

import ssl
import subprocess
from pathlib import Path

import pytest

from policy.key_files import SecretError, TlsFiles
from policy.loader import parse
from policy.secret_files import problems
from sandbox.certificates import Authority, Pair


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Authority, Pair, Pair]:
    authority = Authority(tmp_path_factory.mktemp("keys"))
    return authority, authority.issue("client"), authority.issue("other")


Made = tuple[Authority, Pair, Pair]


def told(base: Path, tls: str) -> list[str]:
    return [str(p) for p in problems(parse(f"fleet:\n  tls:\n{tls}", "p.yaml", base), {}, ("fleet",))]


def test_good_files_have_no_problem(made: Made) -> None:
    authority, pair, _ = made
    text = f"    ca_file: {authority.cert}\n    cert_file: {pair.cert}\n    key_file: {pair.key}\n"
    assert told(authority.cert.parent, text) == []


def test_an_authority_that_cannot_be_read_is_told_on_its_line(tmp_path: Path) -> None:
    missing = "cannot be read: No such file or directory"
    assert told(tmp_path, "    ca_file: ca.crt\n") == [f"p.yaml:3: fleet.tls.ca_file: {tmp_path}/ca.crt {missing}"]


def test_an_authority_that_holds_no_certificate_is_told_on_its_line(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("hello\n")
    assert told(tmp_path, "    min_version: 1.2\n    ca_file: ca.crt\n") == [
        f"p.yaml:4: fleet.tls.ca_file: {tmp_path}/ca.crt holds no certificate in PEM form"
    ]


def test_a_key_of_another_certificate_is_told_on_its_line(made: Made, tmp_path: Path) -> None:
    _, pair, other = made
    assert told(tmp_path, f"    cert_file: {pair.cert}\n    key_file: {other.key}\n") == [
        f"p.yaml:4: fleet.tls.key_file: {other.key} is not the key of {pair.cert}"
    ]


def test_a_certificate_that_is_none_is_told_on_its_line(made: Made, tmp_path: Path) -> None:
    _, pair, _ = made
    (tmp_path / "client.crt").write_text("hello\n")
    (problem,) = told(tmp_path, f"    cert_file: client.crt\n    key_file: {pair.key}\n")
    assert problem.startswith("p.yaml:3: fleet.tls.cert_file: ")
    assert problem.endswith("are not a certificate and its key in PEM form")


def test_a_locked_key_is_refused_and_nobody_is_asked_for_its_password(made: Made, tmp_path: Path) -> None:
    _, pair, _ = made
    locked = tmp_path / "locked.key"
    subprocess.run(
        ["openssl", "pkey", "-in", pair.key, "-aes256", "-passout", "pass:x", "-out", locked],  # noqa: S607
        check=True,
    )
    with pytest.raises(SecretError, match="is locked with a password") as refused:
        TlsFiles("a", cert=str(pair.cert), key=str(locked)).context()
    assert refused.value.key == "key_file"


def test_the_files_of_overrides_and_of_sentinel_are_looked_at_too(tmp_path: Path) -> None:
    text = (
        "fleet:\n"
        "  sentinel: {addresses: [a], tls: {ca_file: s.crt}}\n"
        "  overrides:\n"
        "    - {match: '*', tls: {ca_file: o.crt}}\n"
    )
    found = [(p.line, p.path) for p in problems(parse(text, "p.yaml", tmp_path), {}, ("fleet",))]
    assert found == [(2, "fleet.sentinel.tls.ca_file"), (4, "fleet.overrides.0.tls.ca_file")]


def test_files_are_read_again_only_after_they_changed(made: Made, tmp_path: Path) -> None:
    authority, _, _ = made
    ca = tmp_path / "ca.crt"
    ca.write_bytes(authority.cert.read_bytes())
    files = TlsFiles("a", ca=str(ca))
    before = files.context()
    assert files.context() is before
    ca.write_bytes(Authority(tmp_path / "new").cert.read_bytes())
    assert files.context() is not before


def test_names_are_checked_unless_a_fingerprint_alone_is_trusted() -> None:
    assert TlsFiles("a").context().check_hostname
    alone = TlsFiles("a", fingerprints=("ab" * 32,)).context()
    assert alone.verify_mode == ssl.CERT_NONE
    assert TlsFiles("a").context().minimum_version == ssl.TLSVersion.TLSv1_3


def test_without_a_certificate_no_pin_is_met() -> None:
    assert not TlsFiles("a", fingerprints=("ab" * 32,)).trusts(None)


def test_what_is_shown_is_read_from_the_file_in_its_order_and_anew_after_a_change(made: Made, tmp_path: Path) -> None:
    """Words between them, as openssl writes them, and a key in the same file are passed over."""
    authority, pair, other = made
    file = tmp_path / "both.pem"
    own, above = pair.cert.read_text(), authority.cert.read_text()
    file.write_text(
        f"subject=CN=client\n{pair.key.read_text()}{own}\nissuer: a\r\n{above.replace(chr(10), chr(13) + chr(10))}"
    )
    tls = TlsFiles("node", cert=str(file), key=str(file))
    assert tls.shown() == (ssl.PEM_cert_to_DER_cert(own), ssl.PEM_cert_to_DER_cert(above))
    tls.context()
    assert tls.shown() is tls.shown()
    file.write_text(other.cert.read_text())
    assert tls.shown() == (ssl.PEM_cert_to_DER_cert(other.cert.read_text()),)


@pytest.mark.parametrize("text", ["", "hello\n", "-----BEGIN CERTIFICATE-----\n=A\n-----END CERTIFICATE-----\n"])
def test_where_there_is_no_certificate_nothing_is_shown(text: str, tmp_path: Path) -> None:
    (tmp_path / "client.crt").write_text(text)
    assert TlsFiles("node", cert=str(tmp_path / "client.crt")).shown() == ()
    assert TlsFiles("node").shown() == ()


def test_what_is_shown_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="cannot be read: No such file") as raised:
        TlsFiles("node", cert=str(tmp_path / "gone.crt")).shown()
    assert raised.value.key == "cert_file"
