"""`cachewatch serve`, before it serves: what it refuses with status 2."""

import socket
from pathlib import Path

import pytest

from tests.unit.cli.command import cachewatch


def test_a_port_in_use_is_told_and_nothing_is_left_running(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = cachewatch(tmp_path, "serve", "--listen", address)
    assert ended.status == 2
    last = ended.err.splitlines()[-1]
    cure = "end the program that listens there, or name another address with --listen"
    assert last == f"cannot listen on {address}: address already in use; {cure}"
    assert "Traceback" not in ended.err


def test_a_password_that_cannot_be_read_is_told_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "cachewatch.yaml").write_text("fleet:\n  auth: {password_file: missing.pw}\n")
    ended = cachewatch(tmp_path, "serve")
    assert (ended.status, ended.out) == (2, "")
    place = f"cachewatch.yaml:2: fleet.auth.password_file: {tmp_path}/missing.pw"
    assert ended.err == f"{place} cannot be read: No such file or directory\n"


def test_the_exporter_needs_no_secret_of_the_notifier(tmp_path: Path) -> None:
    """It gets as far as the port, which cannot be had."""
    (tmp_path / "cachewatch.yaml").write_text("notify: {slack: {channel: '#a', token_file: missing}}\n")
    ended = cachewatch(tmp_path, "serve", "--listen", "192.0.2.1:9121")
    assert ended.status == 2
    assert "cannot listen on 192.0.2.1:9121" in ended.err
    assert "missing" not in ended.err


@pytest.mark.parametrize("listen", ["9121", "127.0.0.1:99999", "http://127.0.0.1:9121", ":9121", "127.0.0.1:", ""])
def test_an_address_that_is_none_is_wrong_usage(tmp_path: Path, listen: str) -> None:
    ended = cachewatch(tmp_path, "serve", "--listen", listen)
    assert ended.status == 2
    assert "as in 127.0.0.1:9121" in ended.err
